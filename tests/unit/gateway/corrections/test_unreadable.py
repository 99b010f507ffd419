"""Corrections that cannot be read: receipts are returned without them, and say so."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from gateway.corrections.store import CorrectionStore, CorrectionStoreError
from gateway.storage.database.sqlite import SqliteDatabase
from tests.support.disks import open_directory
from tests.support.gateway import assert_problem
from tests.support.jobs import get_results, run_job
from tests.support.text_gateway import (
    MISREAD_SHOP,
    SHOP,
    TEXT,
    TextGateway,
    corrections_url,
    make_text_picture,
    run_text_gateway,
)

WARNINGS = 'quittance_receipt_warnings_total{code="corrections-unavailable",service="gateway"}'


def damage(folder: Path) -> None:
    (folder / "corrections.sqlite3").write_text("This is not a database, whatever its name says." * 50)


@pytest.fixture
async def damaged(gateway: TextGateway, tmp_path: Path) -> dict[str, Any]:
    """A corrected receipt whose correction cannot be read any more."""
    receipt = await gateway.read()
    await gateway.correct(receipt, company=SHOP)
    assert (await gateway.read(*TEXT[:-1], "10.00"))["fields"]["company"]["value"] == SHOP
    damage(tmp_path / "state")
    return receipt


async def count_warnings(gateway: TextGateway) -> float:
    lines = (await gateway.http.get("/metrics")).text.splitlines()
    return float(next(line for line in lines if line.startswith(WARNINGS)).rpartition(" ")[2])


async def test_receipts_are_returned_as_read_with_a_warning(gateway: TextGateway, damaged: dict[str, Any]) -> None:
    assert await count_warnings(gateway) == 0
    for receipt in (
        await gateway.read(),
        await gateway.read(*TEXT[:-1], "11.00"),
        (await gateway.http.get(f"/v1/receipts/{damaged['id']}")).json(),
    ):
        assert receipt["fields"]["company"]["value"] == MISREAD_SHOP
        assert receipt["corrections"] is None
        (warning,) = receipt["warnings"]
        assert warning["code"] == "corrections-unavailable"
        assert "as the models read it" in warning["detail"]
    assert await count_warnings(gateway) == 3


async def test_tables_say_it_in_the_column_of_errors(gateway: TextGateway, damaged: dict[str, Any]) -> None:
    response = await gateway.http.post("/v1/exports", json={"ids": [damaged["id"]], "format": "csv"})
    (row,) = csv.DictReader(io.StringIO(response.text.lstrip("\ufeff")))
    assert (row["company"], row["company_corrected"]) == (MISREAD_SHOP, "")
    assert "Corrections cannot be read" in row["error"]


async def test_results_of_jobs_say_it(gateway: TextGateway, damaged: dict[str, Any]) -> None:
    (result,) = await get_results(gateway, await run_job(gateway, ("a.png", make_text_picture())))
    assert result.receipt is not None
    assert [warning.code for warning in result.receipt.warnings] == ["corrections-unavailable"]


async def test_corrections_themselves_are_refused(gateway: TextGateway, damaged: dict[str, Any]) -> None:
    url = corrections_url(damaged)
    for response in (
        await gateway.correct(damaged, company="ANOTHER"),
        await gateway.http.get(url),
        await gateway.http.delete(url),
    ):
        assert "QUITTANCE_STATE_DIRECTORY" in assert_problem(response, 503, "corrections-unavailable").detail


async def test_a_response_with_a_warning_is_not_replayed(gateway: TextGateway, tmp_path: Path) -> None:
    await gateway.correct(await gateway.read(), company=SHOP)
    file = tmp_path / "state" / "corrections.sqlite3"
    intact = file.read_bytes()
    damage(tmp_path / "state")

    async def send() -> dict[str, Any]:
        headers = {"Content-Type": "image/png", "Idempotency-Key": "one"}
        receipt: dict[str, Any] = (
            await gateway.http.post("/v1/receipts", content=make_text_picture(), headers=headers)
        ).json()
        return receipt

    assert (await send())["warnings"]
    file.write_bytes(intact)
    complete = await send()
    assert not complete["warnings"]
    assert complete["corrections"]["fields"]["company"]["value"] == SHOP


async def test_reads_corrections_in_a_directory_without_the_right_to_write() -> None:
    with open_directory() as folder:
        async with run_text_gateway(folder) as gateway:
            await gateway.correct(await gateway.read(), company=SHOP)
            folder.chmod(0o500)
            receipt = await gateway.read()
            assert receipt["corrections"]["fields"]["company"]["value"] == SHOP
            assert receipt["warnings"] == []


async def test_reads_receipts_with_a_directory_without_the_right_to_read() -> None:
    with open_directory() as folder:
        async with run_text_gateway(folder) as gateway:
            await gateway.correct(await gateway.read(), company=SHOP)
            folder.chmod(0)
            assert [warning["code"] for warning in (await gateway.read())["warnings"]] == ["corrections-unavailable"]
            assert_problem(await gateway.http.get(f"/v1/jobs/{'0' * 32}"), 503, "jobs-unavailable")


def test_command_line_gets_a_readable_error(tmp_path: Path) -> None:
    damage(tmp_path)
    with pytest.raises(CorrectionStoreError, match="restore it from a backup"):
        list(CorrectionStore(SqliteDatabase(tmp_path)).read_all())
