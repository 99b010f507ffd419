"""Keys and corrections in PostgreSQL, shared by several gateways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, insert, select, text

from gateway.admission.api_keys import KeyRing, KeyStore, KeyStoreError
from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.caller import NO_OWNER
from gateway.corrections.store import CorrectionStore, CorrectionStoreError
from gateway.storage.database.database import DatabaseError
from gateway.storage.database.postgres import PostgresDatabase
from gateway.storage.database.schema import CORRECTIONS, counters
from shared.contracts import FieldCorrection, Receipt
from shared.problems import ProblemError
from tests.support.postgres_server import PostgresServer

RECEIPT = Receipt.model_validate(RECEIPT_EXAMPLE)


@pytest.fixture
async def databases(postgres_url: str) -> AsyncIterator[list[PostgresDatabase]]:
    """The same database, as two gateways use it."""
    opened = [PostgresDatabase(postgres_url) for _ in range(2)]
    for database in opened:
        await database.start()
    yield opened
    for database in opened:
        await database.aclose()


def build_correction(value: str) -> FieldCorrection:
    return FieldCorrection(value=value, model_value=None, at=datetime.now(UTC))


async def test_gateways_share_keys(databases: list[PostgresDatabase], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.admission.api_keys._MAX_AGE_S", 0.0)
    stores = [KeyStore(database) for database in databases]
    rings = [KeyRing(store) for store in stores]
    for ring in rings:
        await ring.load()
        assert not await ring.any_created()
    key, secret = await asyncio.to_thread(stores[0].create, "books")
    assert [await ring.find(secret) for ring in rings] == [key] * 2
    with pytest.raises(KeyStoreError, match="exists"):
        await asyncio.to_thread(stores[1].create, "books")
    await asyncio.to_thread(stores[1].revoke, "books")
    assert [await ring.find(secret) for ring in rings] == [None] * 2
    assert await rings[0].any_created()


async def test_gateways_share_corrections(databases: list[PostgresDatabase]) -> None:
    first, second = (CorrectionStore(database) for database in databases)
    assert not await second.delete(RECEIPT.id, owner=NO_OWNER)
    await first.put(RECEIPT, {"company": build_correction("ONE")}, owner=NO_OWNER)
    await second.put(RECEIPT, {"total": build_correction("9.00")}, owner=NO_OWNER)
    found = (await first.find(RECEIPT.id, owner=NO_OWNER)).corrections
    assert found is not None
    assert {name: field.value for name, field in found.fields.items()} == {"company": "ONE", "total": "9.00"}
    assert [one.value for one in (await second.find("f" * 32, owner=NO_OWNER)).taught] == ["ONE"]
    await first.put(RECEIPT, {"company": build_correction("TWO")}, owner=NO_OWNER)
    assert [one.value for one in (await second.find("f" * 32, owner=NO_OWNER)).taught] == ["TWO"]
    assert await asyncio.to_thread(second.assign, "books") == 1
    assert [one.id for one in await asyncio.to_thread(list, first.read_all("books"))] == [RECEIPT.id]
    assert await first.delete(RECEIPT.id, owner="books")
    assert await second.find_owners(RECEIPT.id) == []


async def test_simultaneous_corrections_lose_nothing(databases: list[PostgresDatabase]) -> None:
    stores = [CorrectionStore(database) for database in databases]
    owners = [f"group {number}" for number in range(12)]
    await asyncio.gather(
        *(
            stores[number % 2].put(RECEIPT, {"company": build_correction(owner)}, owner=owner)
            for number, owner in enumerate(owners)
        )
    )
    assert sorted(await stores[0].find_owners(RECEIPT.id)) == sorted(owners)


async def test_work_is_completed_although_its_caller_is_canceled(databases: list[PostgresDatabase]) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(connection: Connection) -> None:
        loop.call_soon(begun.set)
        connection.execute(text("SELECT pg_sleep(0.3)"))
        connection.execute(insert(counters).values(name="test", value=1))

    task = asyncio.create_task(databases[0].write(CORRECTIONS, work))
    await begun.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await databases[0].aclose()
    statement = select(counters.c.name)
    assert await databases[1].read(
        CORRECTIONS, lambda connection: "test" in connection.scalars(statement), missing=False
    )


async def test_an_outage_is_reported_and_ends(
    databases: list[PostgresDatabase], postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.admission.api_keys._MAX_AGE_S", 0.0)
    store, corrections = KeyStore(databases[0]), CorrectionStore(databases[0])
    key, secret = await asyncio.to_thread(store.create, "books")
    ring = KeyRing(store)
    await ring.load()
    postgres.stop()
    try:
        # Without the server, the last known keys stay in force, and the gateway stays ready.
        assert await ring.find(secret) == key
        assert ring.problem is None
        with pytest.raises(KeyStoreError, match="Check that the server runs") as caught:
            await store.find_all()
        assert "only for tests" not in str(caught.value)
        with pytest.raises(ProblemError) as problem:
            await corrections.find(RECEIPT.id, owner=NO_OWNER)
        assert (problem.value.status, problem.value.code) == (503, "corrections-unavailable")
    finally:
        postgres.start()
    assert (await corrections.find(RECEIPT.id, owner=NO_OWNER)).taught == ()
    assert await ring.find(secret) == key


def test_a_wrong_password_says_what_to_check(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, password="wrong")
    with pytest.raises(CorrectionStoreError, match="password"):
        list(CorrectionStore(database).read_all())
    with pytest.raises(DatabaseError, match="QUITTANCE_DATABASE_URL"):
        database.migrate()
