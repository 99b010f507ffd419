"""Corrections that apply to other receipts of the same merchant."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.gateway import assert_problem
from tests.support.text_gateway import (
    MISREAD_SHOP,
    SHOP,
    STREET,
    TEXT,
    TextGateway,
    corrections_url,
    make_text_picture,
    run_text_gateway,
)


async def read_with_total(gateway: TextGateway, total: str) -> dict[str, object]:
    """Read another receipt of the same merchant, and return its company."""
    receipt = await gateway.read(*TEXT[:-1], total)
    return {"cached": receipt["cached"], **receipt["fields"]["company"]}


async def test_correction_applies_to_other_receipts(gateway: TextGateway) -> None:
    first = await gateway.read()
    before = await read_with_total(gateway, "10.00")
    assert before["value"] == MISREAD_SHOP
    await gateway.correct(first, company=SHOP)

    cached = await read_with_total(gateway, "10.00")  # was read and cached before the correction
    assert (cached["cached"], cached["value"], cached["corrected"]) == (True, SHOP, True)
    new = await read_with_total(gateway, "11.00")
    assert (new["cached"], new["value"]) == (False, SHOP)

    await gateway.http.delete(corrections_url(first))
    assert await read_with_total(gateway, "10.00") == before | {"cached": True}


async def test_correction_does_not_change_the_fields_of_its_own_receipt(gateway: TextGateway) -> None:
    await gateway.correct(await gateway.read(), company=SHOP)
    company = (await gateway.read())["fields"]["company"]
    assert (company["value"], company["corrected"]) == (MISREAD_SHOP, False)


async def test_model_value_is_not_the_learned_one(gateway: TextGateway) -> None:
    await gateway.correct(await gateway.read(), company=SHOP)
    other = await gateway.read(*TEXT[:-1], "10.00")
    assert other["fields"]["company"]["value"] == SHOP
    corrections = (await gateway.correct(other, company="ANOTHER NAME")).json()
    assert corrections["fields"]["company"]["model_value"] == MISREAD_SHOP


async def test_address_is_taught_with_its_company(gateway: TextGateway) -> None:
    receipt = await gateway.read()
    await gateway.correct(receipt, address="NO. 1, JALAN SATU")
    await gateway.read("SHOP", "X", "9.00")
    (lesson,) = gateway.services.correct_requests[-1].corrections
    assert (lesson.field, lesson.value, lesson.read) == ("address", "NO. 1, JALAN SATU", STREET)
    assert lesson.company == MISREAD_SHOP
    await gateway.correct(receipt, company=SHOP, total=None, date="16-08-2021")
    await gateway.read("SHOP", "X", "9.00")
    lessons = gateway.services.correct_requests[-1].corrections
    assert [(lesson.field, lesson.company) for lesson in lessons] == [("address", SHOP), ("company", None)]


async def test_does_not_call_the_extractor_before_the_first_correction(gateway: TextGateway) -> None:
    await gateway.read()
    assert gateway.services.correct_requests == []
    assert not os.listdir()  # the state directory would be here


async def test_teaching_can_be_disabled(tmp_path: Path) -> None:
    async with run_text_gateway(tmp_path / "state", learn_merchants=False) as gateway:
        await gateway.correct(await gateway.read(), company=SHOP)
        assert (await read_with_total(gateway, "10.00"))["value"] == MISREAD_SHOP
        assert (await gateway.read())["corrections"]["fields"]["company"]["value"] == SHOP


async def test_gateways_share_corrections(tmp_path: Path) -> None:
    async with run_text_gateway(tmp_path / "state") as one, run_text_gateway(tmp_path / "state") as other:
        receipt = await one.read()
        await one.correct(receipt, company=SHOP)
        assert (await read_with_total(other, "10.00"))["value"] == SHOP
        await one.correct(receipt, company="A NEWER NAME")
        assert (await read_with_total(other, "12.00"))["value"] == MISREAD_SHOP
        corrections = (await other.http.get(corrections_url(receipt))).json()
        assert corrections["fields"]["company"]["value"] == "A NEWER NAME"


async def test_corrections_outlive_the_gateway(tmp_path: Path) -> None:
    async with run_text_gateway(tmp_path / "state") as gateway:
        receipt = await gateway.read()
        await gateway.correct(receipt, company=SHOP)
    async with run_text_gateway(tmp_path / "state") as restarted:
        assert (await restarted.http.get(corrections_url(receipt))).status_code == 200
        assert (await restarted.read())["corrections"]["fields"]["company"]["value"] == SHOP


async def test_error_names_the_extractor(gateway: TextGateway) -> None:
    await gateway.correct(await gateway.read(), company=SHOP)
    gateway.services.fails = True
    response = await gateway.post(make_text_picture("A", "B", "9.00"))
    assert "extractor" in assert_problem(response, 503, "stage-unavailable").detail
