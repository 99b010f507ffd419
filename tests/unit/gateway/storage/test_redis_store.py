"""The store in Redis: time limits, without and with a real Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gateway.request_context import limit_redis_time
from gateway.storage.redis_store import RedisLink, RedisStore
from gateway.storage.stores import CacheUnavailableError, OwnerLimits, Unchanged
from tests.support.redis_server import run_redis


@asynccontextmanager
async def run_hanging_server() -> AsyncIterator[tuple[int, list[int]]]:
    """Run a server that accepts connections and never answers; yield its port and one item per connection."""
    connections: list[int] = []

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        while await reader.read(1024):
            pass
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], connections


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[RedisStore]:
    """A store in a Redis of its own."""
    async with run_redis(tmp_path) as url:
        link = RedisLink.connect(url, timeout_s=5)
        yield RedisStore(link)
        await link.aclose()


async def test_gives_up_on_a_hanging_redis_and_leaves_it_alone() -> None:
    async with run_hanging_server() as (port, connections):
        store = RedisStore(RedisLink.connect(f"redis://127.0.0.1:{port}/0", timeout_s=0.05))
        start = time.monotonic()
        with pytest.raises(CacheUnavailableError):
            await store.get("a")
        assert time.monotonic() - start < 3
        count = len(connections)
        for _ in range(5):
            with pytest.raises(CacheUnavailableError):
                await store.put("a", b"1", ttl_s=60)
        assert len(connections) == count
        await store.aclose()


async def test_limit_of_a_request_is_spent_without_blaming_redis() -> None:
    link = RedisLink(Redis(), timeout_s=10)
    commands = 0

    async def never_answer() -> int:
        nonlocal commands
        commands += 1
        await asyncio.sleep(60)
        return 1

    async def answer() -> int:
        return 1

    with limit_redis_time(0.1):
        assert await link.ask(answer) == 1
        for _ in range(3):
            with pytest.raises(CacheUnavailableError):
                await link.ask(never_answer)
        # The first command spent all that was left.
        assert commands == 1
    assert await link.ask(answer) == 1


async def test_busy_process_is_not_mistaken_for_a_slow_redis() -> None:
    link = RedisLink(Redis(), timeout_s=0.05)
    loop = asyncio.get_running_loop()

    async def answer() -> int:
        arrival: asyncio.Future[int] = loop.create_future()
        loop.call_soon(time.sleep, 0.1)
        loop.call_soon(arrival.set_result, 1)
        return await arrival

    assert await link.ask(answer) == 1


async def test_keeps_values_for_their_lifetime(store: RedisStore) -> None:
    assert await store.put("a", b"1", ttl_s=1)
    assert not await store.put("b", b"1", ttl_s=0)
    assert await store.get("a", "b") == [b"1", None]
    await asyncio.sleep(1.2)
    assert await store.get("a") == [None]


async def test_puts_a_value_only_if_the_condition_holds(store: RedisStore) -> None:
    assert await store.put("a", b"1", ttl_s=60, condition=Unchanged("mark", None))
    await store.put("mark", b"x", ttl_s=60)
    assert not await store.put("a", b"2", ttl_s=60, condition=Unchanged("mark", None))
    assert await store.put("b", b"2", ttl_s=60, condition=Unchanged("mark", b"x"))
    assert await store.get("a", "b") == [b"1", b"2"]
    assert await store.delete("") == 3


async def test_lock_has_one_holder_until_it_is_released(store: RedisStore) -> None:
    lock = await store.try_lock("a", ttl_s=60)
    assert lock is not None
    assert await store.try_lock("a", ttl_s=60) is None
    assert await lock._renew()
    await lock.release()
    again = await store.try_lock("a", ttl_s=60)
    assert again is not None
    # No longer its own.
    assert not await lock._renew()
    await lock.release()
    assert await store.try_lock("a", ttl_s=60) is None
    await again.release()


async def test_lock_is_renewed_and_expires_if_its_holder_dies(store: RedisStore) -> None:
    lock = await store.try_lock("a", ttl_s=2)
    assert lock is not None
    await asyncio.sleep(2.5)
    assert await store.try_lock("a", ttl_s=2) is None
    lock._renewal.cancel()
    await asyncio.sleep(2.2)
    other = await store.try_lock("a", ttl_s=2)
    assert other is not None
    await other.release()


async def test_get_or_lock_locks_only_if_the_first_key_has_no_value(store: RedisStore) -> None:
    await store.put("mark", b"x", ttl_s=60)
    values, lock = await store.get_or_lock("a", "mark", lock_key="lock", ttl_s=60)
    assert values == [None, b"x"]
    assert lock is not None
    assert await store.get_or_lock("a", "mark", lock_key="lock", ttl_s=60) == ([None, b"x"], None)
    await lock.release()
    await store.put("a", b"1", ttl_s=60)
    assert await store.get_or_lock("a", "mark", lock_key="lock", ttl_s=60) == ([b"1", b"x"], None)
    assert await store.get_or_lock("b", "none", lock_key="other", ttl_s=60) != ([None, None], None)


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[RedisStore]:
    """A store that keeps three values or 100 bytes of each owner."""
    async with run_redis(tmp_path) as url:
        link = RedisLink.connect(url, timeout_s=5)
        yield RedisStore(link, OwnerLimits(max_entries=3, max_bytes=100))
        await link.aclose()


async def test_owner_beyond_its_limits_loses_its_oldest_values(limited: RedisStore) -> None:
    await limited.put("quiet", bytes(60), ttl_s=60, owner="quiet")
    for number in range(5):
        await limited.put(f"loud {number}", b"1", ttl_s=60, owner="loud")
        await asyncio.sleep(0.002)  # the index is in milliseconds
    loud = [f"loud {number}" for number in range(5)]
    assert await limited.get(*loud) == [None, None, b"1", b"1", b"1"]
    await limited.put("loud 5", bytes(99), ttl_s=60, owner="loud")
    assert await limited.get(*loud, "loud 5") == [None, None, None, None, b"1", bytes(99)]
    await limited.put("loud 6", bytes(101), ttl_s=60, owner="loud")  # too large on its own
    assert await limited.get("loud 6", "quiet") == [None, bytes(60)]


async def test_counts_replaced_deleted_and_expired_values_once(limited: RedisStore) -> None:
    for _ in range(5):
        await limited.put("a", bytes(60), ttl_s=60, owner="one")
    await limited.put("b", bytes(40), ttl_s=60, owner="one")
    assert await limited.get("a", "b") == [bytes(60), bytes(40)]
    short = RedisStore(limited._link, OwnerLimits(max_entries=3, max_bytes=100))
    await short.put("c", bytes(90), ttl_s=0.05, owner="two")
    await asyncio.sleep(0.1)
    for key in "de":
        await short.put(key, bytes(50), ttl_s=0.05, owner="two")
    assert await short.get("d", "e") == [bytes(50)] * 2


async def test_limited_store_checks_conditions(limited: RedisStore) -> None:
    assert await limited.put("a", b"1", ttl_s=60, condition=Unchanged("mark", None), owner="one")
    await limited.put("mark", b"2", ttl_s=60, owner="marks")
    assert not await limited.put("a", b"2", ttl_s=60, condition=Unchanged("mark", None), owner="one")
    assert await limited.put("a", b"3", ttl_s=60, condition=Unchanged("mark", b"2"), owner="one")
    assert await limited.get("a") == [b"3"]
