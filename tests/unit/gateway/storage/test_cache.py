"""The cache: keys, bounds, expiry, and what happens when the store fails."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from gateway.storage.cache import Content, Look, Place, ReceiptCache, cache_key
from gateway.storage.redis_store import RedisLink, RedisStore, redis_allowance
from gateway.storage.stores import CacheUnavailableError, MemoryStore, Unchanged
from shared.contracts import Models, Receipt
from tests.support.clock import FakeClock
from tests.support.receipts import CONTENT, MODELS, PLACE, RECEIPT


def memory(*, max_entries: int = 3, max_bytes: int = 100, clock: FakeClock | None = None) -> MemoryStore:
    return MemoryStore(max_entries=max_entries, max_bytes=max_bytes, clock=clock or FakeClock())


async def put(store: MemoryStore, key: str, value: bytes) -> None:
    await store.put(key, value, ttl_s=60)


async def get(store: MemoryStore, key: str) -> bytes | None:
    (value,) = await store.get(key)
    return value


async def kept(cache: ReceiptCache, place: Place = PLACE) -> Receipt | None:
    return (await cache.look(place)).receipt


def test_a_key_differs_with_content_models_and_options() -> None:
    keys = {
        cache_key(CONTENT.id, MODELS),
        cache_key("0" * 32, MODELS),
        cache_key(CONTENT.id, MODELS, {"split": "pages"}),
    }
    keys |= {cache_key(CONTENT.id, MODELS.model_copy(update={name: "x-2"})) for name in Models.model_fields}
    assert len(keys) == 6
    assert cache_key(CONTENT.id, MODELS, {"a": "1", "b": "2"}) == cache_key(CONTENT.id, MODELS, {"b": "2", "a": "1"})


def test_models_that_swap_their_versions_do_not_share_a_key() -> None:
    swapped = Models(detector=MODELS.recognizer, recognizer=MODELS.detector, extractor=MODELS.extractor)
    assert cache_key(CONTENT.id, swapped) != cache_key(CONTENT.id, MODELS)


@pytest.mark.parametrize("size", [0, 10, 3 * 2**20])
async def test_content_is_the_hash_of_all_bytes(size: int) -> None:
    data = bytes(size)
    content = await Content.of(data)
    assert content.sha256 == hashlib.sha256(data).hexdigest()
    assert content.id == content.sha256[:32]


async def test_the_least_recently_used_entries_go_first() -> None:
    store = memory()
    for key in "abc":
        await put(store, key, b"1")
    await store.get("a")
    await put(store, "d", b"1")
    assert await store.get(*"abcd") == [b"1", None, b"1", b"1"]


async def test_memory_is_bounded_in_bytes_and_counts_replaced_values_once() -> None:
    store = memory()
    await put(store, "a", bytes(60))
    await put(store, "a", bytes(50))
    await put(store, "b", bytes(50))
    assert await store.get("a", "b") == [bytes(50), bytes(50)]
    await put(store, "c", bytes(1))
    assert await get(store, "a") is None
    await put(store, "d", bytes(101))  # larger than everything: not kept, and throws nothing out
    assert await store.get("d", "b") == [None, bytes(50)]


async def test_values_expire() -> None:
    clock = FakeClock()
    store = memory(clock=clock)
    await put(store, "a", b"1")
    clock.now = 59.9
    assert await get(store, "a") == b"1"
    clock.now = 60
    assert await get(store, "a") is None


async def test_a_value_is_put_only_if_the_condition_holds() -> None:
    store = memory()
    assert await store.put("a", b"1", ttl_s=60, condition=Unchanged("mark", None))
    await put(store, "mark", b"x")
    assert not await store.put("a", b"2", ttl_s=60, condition=Unchanged("mark", None))
    assert await store.put("b", b"2", ttl_s=60, condition=Unchanged("mark", b"x"))
    assert await store.get("a", "b") == [b"1", b"2"]


async def test_a_lock_has_one_holder_and_ends_by_itself() -> None:
    clock = FakeClock()
    store = memory(clock=clock)
    first, second = store.lock("a", ttl_s=2), store.lock("a", ttl_s=2)
    assert (await first.acquire(), await second.acquire()) == (True, False)
    await second.release()  # not its own
    assert await second.acquire() is False
    clock.now = 1.5
    assert await first.renew()
    clock.now = 3
    assert await second.acquire() is False
    clock.now = 3.5
    assert await second.acquire()
    assert await first.renew() is False


async def test_a_kept_receipt_comes_back_marked() -> None:
    cache = ReceiptCache(memory(max_bytes=10**6), ttl_s=60)
    await cache.put(PLACE, RECEIPT, Look(None, None))
    expected = RECEIPT.model_copy(update={"cached": True})
    assert await kept(cache) == expected
    assert await cache.find(CONTENT.id, MODELS) == expected
    assert RECEIPT.cached is False
    assert await kept(cache, Place(CONTENT, MODELS.model_copy(update={"detector": "ctpn-2"}))) is None


async def test_receipts_expire_a_little_earlier_than_allowed_and_not_together() -> None:
    times: set[float] = set()

    class Recorder(MemoryStore):
        async def put(self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None) -> bool:
            times.add(ttl_s)
            return True

    cache = ReceiptCache(Recorder(max_entries=1, max_bytes=1), ttl_s=1000)
    for _ in range(50):
        await cache.put(PLACE, RECEIPT, Look(None, None))
    assert len(times) == 50
    assert 900 <= min(times) < 950 < max(times) <= 1000


async def test_content_that_shares_the_id_but_not_the_hash_is_other_content() -> None:
    cache = ReceiptCache(memory(max_bytes=10**6), ttl_s=60)
    await cache.put(PLACE, RECEIPT, Look(None, None))
    assert await kept(cache, Place(Content(CONTENT.id + "0" * 32), MODELS)) is None


@pytest.mark.parametrize("value", [b"", b"\x80\x04K\x01.", b"{}", json.dumps({"sha256": CONTENT.sha256}).encode()])
async def test_an_unreadable_entry_counts_as_absent(value: bytes) -> None:
    store = memory()
    await put(store, cache_key(CONTENT.id, MODELS), value)
    assert await kept(ReceiptCache(store, ttl_s=60)) is None


async def test_what_was_deleted_while_it_was_read_is_not_kept() -> None:
    cache = ReceiptCache(memory(max_bytes=10**6), ttl_s=60)
    before = await cache.look(PLACE)
    assert await cache.delete(CONTENT.id) is False
    assert await cache.put(PLACE, RECEIPT, before) is False
    assert await kept(cache) is None
    again = await cache.look(PLACE)  # read after the deletion: kept again
    assert await cache.put(PLACE, RECEIPT, again)
    assert await kept(cache) is not None
    assert await cache.delete(CONTENT.id) is True
    assert await kept(cache) is None


@asynccontextmanager
async def hanging_server() -> AsyncIterator[tuple[int, list[int]]]:
    """A server that takes connections and never answers; gives its port and a list with an item a connection."""
    connections: list[int] = []

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        while await reader.read(1024):
            pass
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], connections


async def test_a_redis_that_hangs_is_given_up_in_time_and_then_left_alone() -> None:
    async with hanging_server() as (port, connections):
        store = RedisStore(RedisLink.connect(f"redis://127.0.0.1:{port}/0", timeout_s=0.05))
        start = time.monotonic()
        with pytest.raises(CacheUnavailableError):
            await store.get("a")
        assert time.monotonic() - start < 1
        asked = len(connections)
        for _ in range(5):
            with pytest.raises(CacheUnavailableError):
                await store.put("a", b"1", ttl_s=60)
        assert len(connections) == asked
        await store.aclose()


async def test_a_request_spends_no_more_than_its_allowance_and_redis_is_not_blamed() -> None:
    link = RedisLink(Redis(), timeout_s=10)
    asked = 0

    async def never() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(60)
        return 1

    async def quick() -> int:
        return 1

    with redis_allowance(0.1):
        assert await link.ask(quick) == 1
        for _ in range(3):
            with pytest.raises(CacheUnavailableError):
                await link.ask(never)
        assert asked == 1  # all that was left was spent on the first
    assert await link.ask(quick) == 1


async def test_a_busy_process_is_no_slow_redis() -> None:
    link = RedisLink(Redis(), timeout_s=0.05)
    loop = asyncio.get_running_loop()

    async def answered() -> int:
        arrival: asyncio.Future[int] = loop.create_future()
        loop.call_soon(time.sleep, 0.1)
        loop.call_soon(arrival.set_result, 1)
        return await arrival

    assert await link.ask(answered) == 1


async def test_redis_keeps_values_for_the_time_set() -> None:
    commands: list[tuple[str, bytes, int]] = []

    class Recorder(Redis):
        async def set(self, key: str, value: bytes, *, px: int) -> bool:  # type: ignore[override]
            commands.append((key, value, px))
            return True

    store = RedisStore(RedisLink(Recorder(), timeout_s=1))
    assert await store.put("a", b"1", ttl_s=60)
    assert not await store.put("a", b"1", ttl_s=0)
    assert commands == [("a", b"1", 60_000)]
