"""The store in PostgreSQL: bounds, expiry, conditions and locks, shared by two gateways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import LargeBinary, Text, cast, create_engine, func, insert, literal, select, text

from gateway.storage import stores
from gateway.storage.database.postgres import PostgresDatabase
from gateway.storage.database.schema import RESPONSES, response_locks, response_owners, responses
from gateway.storage.database_store import DatabaseStore
from gateway.storage.stores import CacheUnavailableError, OwnerLimits, Unchanged
from tests.support.postgres_server import PostgresServer

Pair = tuple[DatabaseStore, DatabaseStore]


@pytest.fixture
async def pair(postgres_url: str) -> AsyncIterator[Pair]:
    """The stores of two gateways, which keep three values or 100 bytes of each owner."""
    databases = [PostgresDatabase(postgres_url) for _ in range(2)]
    for database in databases:
        await database.start()
    limits = OwnerLimits(max_entries=3, max_bytes=100)
    yield DatabaseStore(databases[0], limits), DatabaseStore(databases[1], limits)
    for database in databases:
        await database.aclose()


async def count_owners(store: DatabaseStore) -> dict[str, tuple[int, int]]:
    """Return the number of values and their size by owner, as they are counted."""
    statement = select(response_owners)
    return await store._database.read(
        RESPONSES,
        lambda connection: {row.owner: (row.entries, row.bytes) for row in connection.execute(statement)},
        missing={},
    )


async def test_gateways_share_values_for_their_lifetime(pair: Pair) -> None:
    first, second = pair
    assert await first.put("a", b"1", ttl_s=60)
    assert await first.put("a", b"2\0", ttl_s=60)
    assert await first.put("b", b"1", ttl_s=0.05)
    assert not await first.put("c", b"1", ttl_s=0)
    await asyncio.sleep(0.1)
    assert await second.get("a", "b", "c") == [b"2\0", None, None]


async def test_owner_beyond_its_limits_loses_its_oldest_values(pair: Pair) -> None:
    first, second = pair
    await first.put("quiet", bytes(60), ttl_s=60, owner="quiet")
    for number in range(5):
        await pair[number % 2].put(f"loud {number}", b"1", ttl_s=60, owner="loud")
    loud = [f"loud {number}" for number in range(5)]
    assert await first.get(*loud) == [None, None, b"1", b"1", b"1"]
    await second.put("loud 5", bytes(99), ttl_s=60, owner="loud")
    assert await first.get(*loud, "loud 5") == [None, None, None, None, b"1", bytes(99)]
    # Larger than the limit: not kept, and nothing is dropped for it.
    assert not await first.put("loud 6", bytes(101), ttl_s=60, owner="loud")
    assert await first.get("loud 4", "loud 6", "quiet") == [b"1", None, bytes(60)]
    assert await count_owners(first) == {"quiet": (1, 60), "loud": (2, 100)}


async def test_counts_replaced_moved_and_deleted_values_once(pair: Pair) -> None:
    store, _ = pair
    for _ in range(3):
        await store.put("a", bytes(60), ttl_s=60, owner="one")
    assert await count_owners(store) == {"one": (1, 60)}
    await store.put("a", bytes(50), ttl_s=60, owner="two")
    assert await count_owners(store) == {"one": (0, 0), "two": (1, 50)}
    await store.put("ab", bytes(5), ttl_s=60, owner="one")
    await store.put("a%", bytes(5), ttl_s=60, owner="one")
    assert await store.delete("a%") == 1  # not a pattern
    assert await store.delete("a") == 2
    assert await count_owners(store) == {"one": (0, 0), "two": (0, 0)}


async def test_simultaneous_values_of_one_owner_keep_its_limits(pair: Pair) -> None:
    await asyncio.gather(
        *(pair[number % 2].put(f"key {number}", bytes(40), ttl_s=60, owner="one") for number in range(20))
    )
    found = await pair[0].get(*(f"key {number}" for number in range(20)))
    assert sum(value is not None for value in found) == 2
    assert await count_owners(pair[0]) == {"one": (2, 80)}


async def test_puts_a_value_only_if_the_condition_holds(pair: Pair) -> None:
    first, second = pair
    assert await first.put("a", b"1", ttl_s=60, condition=Unchanged("mark", None))
    await second.put("mark", b"x", ttl_s=60, owner="marks")
    assert not await first.put("a", b"2", ttl_s=60, condition=Unchanged("mark", None))
    assert await first.put("b", b"2", ttl_s=60, condition=Unchanged("mark", b"x"))
    assert await second.get("a", "b") == [b"1", b"2"]


async def test_nothing_is_put_where_a_deletion_has_been(pair: Pair) -> None:
    """Delete receipts as the cache does, a mark before the values, while responses with them are stored."""
    first, second = pair
    for number in range(8):
        prefix, mark = f"receipt {number}:", f"mark {number}"

        async def delete(prefix: str = prefix, mark: str = mark) -> None:
            await second.put(mark, b"x", ttl_s=60, owner="marks")
            await second.delete(prefix)

        condition = Unchanged(mark, None)
        await asyncio.gather(first.put(f"{prefix}a", b"1", ttl_s=60, condition=condition, owner="one"), delete())
        assert await first.get(f"{prefix}a") == [None]


async def test_deletes_what_has_expired(pair: Pair) -> None:
    first, second = pair
    for owner in ("one", "two"):
        await first.put(f"short {owner}", b"1", ttl_s=0.05, owner=owner)
    await first.put("long", b"1", ttl_s=60, owner="one")
    lock = await first.try_lock("lock", ttl_s=0.05)
    assert lock is not None
    lock._renewal.cancel()
    await asyncio.sleep(0.1)
    assert sum(await asyncio.gather(first.delete_expired(), second.delete_expired())) == 2
    assert await count_owners(first) == {"one": (1, 1)}
    statement = select(response_locks.c.key)
    nothing = list[str]()
    assert await first._database.read(RESPONSES, lambda one: list(one.scalars(statement)), missing=nothing) == []


async def test_lock_has_one_holder_until_it_is_released(pair: Pair) -> None:
    first, second = pair
    taken = await asyncio.gather(*(pair[number % 2].try_lock("a", ttl_s=60) for number in range(6)))
    (lock,) = [one for one in taken if one is not None]
    assert await lock._renew()
    await lock.release()
    again = await second.try_lock("a", ttl_s=60)
    assert again is not None
    # No longer its own.
    assert not await lock._renew()
    await lock.release()
    assert await first.try_lock("a", ttl_s=60) is None
    await again.release()


async def test_lock_is_renewed_and_expires_if_its_holder_dies(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_RENEW_INTERVAL_S", 0.05)
    first, second = pair
    lock = await first.try_lock("a", ttl_s=0.4)
    assert lock is not None
    await asyncio.sleep(0.6)
    assert await second.try_lock("a", ttl_s=2) is None
    lock._renewal.cancel()
    await asyncio.sleep(0.5)
    other = await second.try_lock("a", ttl_s=2)
    assert other is not None
    await other.release()


async def test_an_outage_is_reported_and_ends(pair: Pair, postgres: PostgresServer) -> None:
    store, _ = pair
    await store.put("a", b"1", ttl_s=60)
    postgres.stop()
    try:
        with pytest.raises(CacheUnavailableError, match="Check that the server runs"):
            await store.get("a")
        with pytest.raises(CacheUnavailableError):
            await store.try_lock("a", ttl_s=1)
    finally:
        postgres.start()
    assert await store.get("a") == [b"1"]


def test_statements_use_the_indexes(postgres_url: str) -> None:
    """With many rows, the server finds those of a prefix, of an owner, and expired ones without reading all."""
    PostgresDatabase(postgres_url).migrate()
    numbers = func.generate_series(1, 20_000).column_valued("number")
    rows = select(func.md5(cast(numbers, Text)), cast(numbers % 1000, Text), cast(b"", LargeBinary), literal(1e12))
    found = (
        select(responses.c.key).where(responses.c.key.startswith("abc_", autoescape=True)),
        select(responses.c.key).where(responses.c.owner == "7").order_by(responses.c.expires).limit(1),
        select(responses.c.key).where(responses.c.expires <= 5),
    )
    with create_engine(postgres_url).begin() as connection:
        connection.execute(insert(responses).from_select(["key", "owner", "value", "expires"], rows))
        connection.execute(text("ANALYZE responses"))
        for statement in found:
            literally = statement.compile(connection, compile_kwargs={"literal_binds": True})
            plan = "\n".join(connection.scalars(text(f"EXPLAIN {literally}".replace("%%", "%"))))
            assert "Seq Scan" not in plan, plan
