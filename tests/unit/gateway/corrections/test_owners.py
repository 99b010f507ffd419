"""Owners of corrections: separation, files of an earlier release, and corrections made before there were keys."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.admission.api_keys import KeyStore
from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.caller import NO_OWNER
from gateway.corrections.store import CorrectionStore
from gateway.storage.database.sqlite import SqliteDatabase
from shared.contracts import FieldCorrection, Receipt
from tests.support.command_line import run_command
from tests.support.text_gateway import SHOP, TextGateway, run_text_gateway

RECEIPT = Receipt.model_validate(RECEIPT_EXAMPLE)
OLD_SCHEMA = """
CREATE TABLE receipts (id TEXT PRIMARY KEY, company TEXT, receipt TEXT NOT NULL);
CREATE TABLE corrections (
    receipt_id TEXT NOT NULL, field TEXT NOT NULL, correction TEXT NOT NULL, change INTEGER NOT NULL,
    PRIMARY KEY (receipt_id, field)
);
PRAGMA user_version = 7;
"""


def build_correction(value: str) -> FieldCorrection:
    return FieldCorrection(value=value, model_value=None, at=datetime.now(UTC))


def write_old_file(folder: Path) -> None:
    """Write corrections as release 0.1.0 did."""
    folder.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(folder / "corrections.sqlite3") as connection:
        connection.executescript(OLD_SCHEMA)
        connection.execute("INSERT INTO receipts VALUES (?, 'BOOK SHOP', ?)", (RECEIPT.id, RECEIPT.model_dump_json()))
        connection.execute(
            "INSERT INTO corrections VALUES (?, 'company', ?, 7)",
            (RECEIPT.id, build_correction(SHOP).model_dump_json()),
        )


async def find_company(store: CorrectionStore, owner: str) -> str | None:
    corrections = (await store.find(RECEIPT.id, owner=owner)).corrections
    return None if corrections is None else corrections.fields["company"].value


async def test_owners_correct_the_same_receipt_separately(tmp_path: Path) -> None:
    store = CorrectionStore(SqliteDatabase(tmp_path))
    owners = [f"group {number}" for number in range(6)]
    await asyncio.gather(*(store.put(RECEIPT, {"company": build_correction(owner)}, owner=owner) for owner in owners))
    assert [await find_company(store, owner) for owner in owners] == owners
    assert await store.find_owners(RECEIPT.id) == owners
    assert await store.delete(RECEIPT.id, owner=owners[0])
    assert not await store.delete(RECEIPT.id, owner=NO_OWNER)
    assert await store.find_owners(RECEIPT.id) == owners[1:]
    taught = {owner: [one.value for one in (await store.find("f" * 32, owner=owner)).taught] for owner in owners}
    assert taught == {owner: [owner] for owner in owners} | {owners[0]: []}


@pytest.mark.parametrize("concurrent", [1, 6])
async def test_corrections_of_an_earlier_release_have_no_owner(tmp_path: Path, concurrent: int) -> None:
    write_old_file(tmp_path)
    stores = [CorrectionStore(SqliteDatabase(tmp_path)) for _ in range(concurrent)]
    await asyncio.gather(*(store.find_owners(RECEIPT.id) for store in stores))
    store = CorrectionStore(SqliteDatabase(tmp_path))
    assert await find_company(store, NO_OWNER) == SHOP
    assert await find_company(store, "books") is None
    assert (await store.find("f" * 32, owner="books")).taught == ()
    assert [one.value for one in (await store.find("f" * 32, owner=NO_OWNER)).taught] == [SHOP]


async def test_a_gateway_upgrades_the_file_when_it_starts(tmp_path: Path) -> None:
    write_old_file(tmp_path / "state")
    async with run_text_gateway(tmp_path / "state") as gateway:
        with sqlite3.connect(tmp_path / "state" / "corrections.sqlite3") as connection:
            assert connection.execute("SELECT owner, company FROM receipts").fetchall() == [("", "BOOK SHOP")]
            assert connection.execute("SELECT name, value FROM counters").fetchall() == [("changes", 7)]
        response = await gateway.http.get(f"/v1/receipts/{RECEIPT.id}/corrections")
        assert response.json()["fields"]["company"]["value"] == SHOP


async def test_corrections_made_without_a_key_can_be_given_to_a_group(gateway: TextGateway, tmp_path: Path) -> None:
    path = f"/v1/receipts/{(receipt := await gateway.read())['id']}/corrections"
    await gateway.correct(receipt, company=SHOP)
    keys = KeyStore(SqliteDatabase(tmp_path / "state"))
    headers = [{"X-API-Key": keys.create(name, group=group)[1]} for name, group in (("ana", "books"), ("eve", None))]
    async with asyncio.timeout(10):
        # Keys are read again after a second.
        while (await gateway.http.get(path)).status_code == 200:  # noqa: ASYNC110 - the keys are in a file
            await asyncio.sleep(0.1)
    assert [(await gateway.http.get(path, headers=header)).status_code for header in headers] == [404, 404]
    assert run_command("corrections", "assign", "boks").exit_code == 1
    assert run_command("corrections", "assign", "books").exit_code == 0
    assert [(await gateway.http.get(path, headers=header)).status_code for header in headers] == [200, 404]


def test_assigning_keeps_what_the_group_corrected_itself(tmp_path: Path) -> None:
    store = CorrectionStore(SqliteDatabase(tmp_path))
    for owner in (NO_OWNER, "books"):
        asyncio.run(store.put(RECEIPT, {"company": build_correction(f"of {owner}")}, owner=owner))
    asyncio.run(
        store.put(RECEIPT.model_copy(update={"id": "f" * 32}), {"company": build_correction(SHOP)}, owner=NO_OWNER)
    )
    assert store.assign("books") == 1
    assert asyncio.run(find_company(store, "books")) == "of books"
    assert asyncio.run(find_company(store, NO_OWNER)) == "of "
