"""The store of corrections, on its own and behind the API."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.caller import NO_OWNER
from gateway.corrections.corrected import check_corrections
from gateway.corrections.store import MAX_MERCHANT_CORRECTIONS, CorrectionStore
from gateway.storage.database.sqlite import SqliteDatabase
from shared.contracts import Corrections, FieldCorrection, Receipt
from tests.support.gateway import assert_problem
from tests.support.text_gateway import SHOP, TextGateway, corrections_url, run_text_gateway


async def test_simultaneous_corrections_lose_nothing(gateway: TextGateway) -> None:
    receipts = [await gateway.read("SHOP", "STREET", f"{n}.00") for n in range(8)]
    values = {"company": "9.00", "date": "16-08-2021", "total": "9.00"}
    responses = await asyncio.gather(
        *(gateway.correct(receipt, **{name: value}) for receipt in receipts for name, value in values.items())
    )
    assert {response.status_code for response in responses} == {200}
    for receipt in receipts:
        assert set((await gateway.http.get(corrections_url(receipt))).json()["fields"]) == set(values)


async def test_reports_unwritable_state(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the directory should be")
    async with run_text_gateway(tmp_path / "state") as gateway:
        assert_problem(await gateway.correct(await gateway.read(), company=SHOP), 503, "corrections-unavailable")


async def test_returns_only_the_latest_merchant_corrections(tmp_path: Path) -> None:
    store = CorrectionStore(SqliteDatabase(tmp_path))
    receipt = Receipt.model_validate(RECEIPT_EXAMPLE)
    for number in range(3):
        correction = FieldCorrection(value=f"SHOP {number}", model_value=None, at=datetime.now(UTC))
        await store.put(receipt.model_copy(update={"id": f"{number:032x}"}), {"company": correction}, owner=NO_OWNER)
    with sqlite3.connect(tmp_path / "corrections.sqlite3") as connection:
        row = connection.execute("SELECT correction FROM corrections LIMIT 1").fetchone()
        rows = [(f"{number + 16:032x}", "", "company", row[0], 0) for number in range(MAX_MERCHANT_CORRECTIONS)]
        connection.executemany("INSERT INTO corrections VALUES (?, ?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO receipts VALUES (?, '', NULL, '')", [(key,) for key, *_ in rows])
    taught = (await CorrectionStore(SqliteDatabase(tmp_path)).find("f" * 32, owner=NO_OWNER)).taught
    assert len(taught) == MAX_MERCHANT_CORRECTIONS
    assert [lesson.value for lesson in taught[-3:]] == ["SHOP 0", "SHOP 1", "SHOP 2"]


async def test_reads_all_corrected_receipts(tmp_path: Path) -> None:
    store = CorrectionStore(SqliteDatabase(tmp_path))
    assert list(store.read_all()) == []
    receipt = Receipt.model_validate(RECEIPT_EXAMPLE)
    correction = FieldCorrection(value="SHOP", model_value=None, at=datetime.now(UTC))
    await store.put(receipt.model_copy(update={"cached": True}), {"company": correction}, owner=NO_OWNER)
    corrections = check_corrections(receipt, Corrections(receipt_id=receipt.id, fields={"company": correction}))
    assert list(store.read_all()) == [receipt.model_copy(update={"corrections": corrections})]
