"""The correction endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.api.examples import CORRECTIONS_EXAMPLE
from shared.contracts import Corrections
from tests.support.gateway import assert_problem
from tests.support.text_gateway import (
    MISREAD_SHOP,
    SHOP,
    STREET,
    TEXT,
    TextGateway,
    corrections_url,
    run_text_gateway,
)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[TextGateway]:
    async with run_text_gateway(tmp_path / "state") as running:
        yield running


async def test_returns_corrections_with_model_values(gateway: TextGateway) -> None:
    receipt = await gateway.read()
    assert receipt["corrections"] is None
    before = datetime.now(UTC)
    fields = {"company": {"value": f" {SHOP.replace(' ', '  ')} ", "lines": [0]}, "total": "RM 61.55", "address": None}
    response = await gateway.correct(receipt, author="Bookkeeping", **fields)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    corrections = Corrections.model_validate_json(response.content)
    assert corrections.receipt_id == receipt["id"]
    company, total, address = (corrections.fields[name] for name in ("company", "total", "address"))
    assert (company.value, company.model_value, company.lines) == (SHOP, MISREAD_SHOP, [0])
    assert (total.value, total.amount, total.currency, total.model_value) == ("RM 61.55", "61.55", "MYR", "60.55")
    assert (address.value, address.model_value, address.author) == (None, STREET, "Bookkeeping")
    assert before <= company.at <= datetime.now(UTC)
    assert (await gateway.http.get(corrections_url(receipt))).json() == response.json()


async def test_receipt_includes_its_corrections(gateway: TextGateway) -> None:
    receipt = await gateway.read()
    corrections = (await gateway.correct(receipt, company=SHOP)).json()
    expected = receipt | {"cached": True, "corrections": corrections}
    assert await gateway.read() == expected
    assert (await gateway.http.get(f"/v1/receipts/{receipt['id']}")).json() == expected


async def test_other_fields_stay_corrected(gateway: TextGateway) -> None:
    receipt = await gateway.read()
    await gateway.correct(receipt, author="A", company="FIRST SHOP", date="16-08-2021")
    fields = (await gateway.correct(receipt, company="SECOND SHOP")).json()["fields"]
    values = {name: correction["value"] for name, correction in fields.items()}
    assert values == {"company": "SECOND SHOP", "date": "16-08-2021"}
    assert (fields["company"]["author"], fields["date"]["author"]) == (None, "A")


async def test_returns_404_for_unknown_receipt(gateway: TextGateway) -> None:
    assert_problem(await gateway.correct({"id": "0" * 32}, company="A"), 404, "receipt-not-found")
    assert_problem(await gateway.correct({"id": "last"}, company="A"), 422, "invalid-request")


async def test_deleting_a_receipt_deletes_its_corrections(gateway: TextGateway) -> None:
    receipt = await gateway.read()
    await gateway.correct(receipt, company=SHOP)
    assert (await gateway.http.delete(f"/v1/receipts/{receipt['id']}")).status_code == 204
    assert_problem(await gateway.http.get(corrections_url(receipt)), 404, "nothing-corrected")
    assert_problem(await gateway.http.delete(corrections_url(receipt)), 404, "nothing-corrected")
    assert (await gateway.read())["corrections"] is None
    assert (await gateway.read(*TEXT[:-1], "10.00"))["fields"]["company"]["value"] == MISREAD_SHOP


async def test_deletes_only_the_named_corrections(gateway: TextGateway) -> None:
    receipt = await gateway.read()
    await gateway.correct(receipt, company=SHOP, total="10.00")
    url = corrections_url(receipt)
    assert (await gateway.http.delete(url, params={"name": ["total", "date"]})).status_code == 204
    assert (await gateway.http.get(url)).json()["fields"].keys() == {"company"}
    assert_problem(await gateway.http.delete(url, params={"name": "total"}), 404, "nothing-corrected")
    assert_problem(await gateway.http.delete(url, params={"name": "shape"}), 422, "invalid-request")
    assert (await gateway.http.delete(url, params={"name": "company"})).status_code == 204
    assert_problem(await gateway.http.get(url), 404, "nothing-corrected")


async def test_deletes_corrections_of_a_receipt_that_left_the_cache(tmp_path: Path) -> None:
    async with run_text_gateway(tmp_path / "state") as gateway:
        receipt = await gateway.read()
        await gateway.correct(receipt, company=SHOP)
    async with run_text_gateway(tmp_path / "state") as restarted:  # with an empty cache
        assert (await restarted.http.delete(f"/v1/receipts/{receipt['id']}")).status_code == 204
        assert_problem(await restarted.http.delete(f"/v1/receipts/{receipt['id']}"), 404, "receipt-not-found")


def test_example_is_valid() -> None:
    assert Corrections.model_validate(CORRECTIONS_EXAMPLE).model_dump(mode="json") == CORRECTIONS_EXAMPLE
