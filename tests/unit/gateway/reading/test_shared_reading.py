"""One reading for several gateways, here two that share a store in memory."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.reading.shared_reading import FREELY, Caching, SharedReading
from gateway.storage.cache import Look, Place, ReceiptCache
from gateway.storage.stores import CacheUnavailableError, MemoryStore, Unchanged
from shared.contracts import Receipt
from tests.support.receipts import PLACE, RECEIPT


class Work:
    """A computation that takes as long as the test wants, and counts."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.seconds = seconds
        self.begun = 0
        self.under_way = asyncio.Event()

    async def __call__(self) -> Receipt:
        self.begun += 1
        self.under_way.set()
        await asyncio.sleep(self.seconds)
        return RECEIPT


def two(ttl_s: float = 60) -> tuple[MemoryStore, list[SharedReading]]:
    store = MemoryStore(max_entries=10, max_bytes=10**6)
    return store, [SharedReading(ReceiptCache(store, ttl_s=ttl_s), patience_s=0.1) for _ in range(2)]


async def test_one_reads_and_the_other_waits_for_it() -> None:
    _, gateways = two()
    work = Work(seconds=0.1)
    receipts = await asyncio.gather(*(gateway.run(PLACE, work, FREELY) for gateway in gateways))
    assert work.begun == 1
    assert sorted(receipt.cached for receipt in receipts) == [False, True]


async def test_a_failure_is_not_kept_and_the_other_tries_itself() -> None:
    _, gateways = two()
    attempts = 0

    async def fail() -> Receipt:
        nonlocal attempts
        attempts += 1
        await asyncio.sleep(0.02)
        raise ValueError("no")

    results = await asyncio.gather(*(gateway.run(PLACE, fail, FREELY) for gateway in gateways), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError]
    assert attempts == 2


async def test_who_waits_takes_over_from_one_that_was_cancelled() -> None:
    _, (first, second) = two()
    work = Work(seconds=1)
    gone = asyncio.create_task(first.run(PLACE, work, FREELY))
    await work.under_way.wait()
    waiting = asyncio.create_task(second.run(PLACE, work, FREELY))
    await asyncio.sleep(0.05)
    gone.cancel()
    assert (await waiting).cached is False
    assert work.begun == 2


async def test_who_waits_takes_over_from_one_that_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.storage.cache._LOCK_S", 1.0)
    store, (survivor, _) = two()
    lock = ReceiptCache(store, ttl_s=60).lock(PLACE)
    await lock.acquire()  # and nobody renews it
    start = time.monotonic()
    await survivor.run(PLACE, Work(), FREELY)
    assert 0.9 < time.monotonic() - start < 5


async def test_no_store_is_not_kept_and_no_cache_is_read_anew() -> None:
    store, (gateway, _) = two()
    work = Work()
    await gateway.run(PLACE, work, Caching.asked_by("no-store"))
    assert (await ReceiptCache(store, ttl_s=60).look(PLACE)).receipt is None
    await gateway.run(PLACE, work, FREELY)
    assert (await gateway.run(PLACE, work, Caching.asked_by("max-age=0, No-Cache"))).cached is False
    assert work.begun == 3
    assert (await gateway.run(PLACE, work, Caching.asked_by("no-store"))).cached is True


async def test_a_cache_that_keeps_nothing_is_not_even_asked() -> None:
    store, (gateway, _) = two(ttl_s=0)
    await ReceiptCache(store, ttl_s=60).put(PLACE, RECEIPT, Look(None, None))
    assert (await gateway.run(PLACE, Work(), FREELY)).cached is False
    assert await ReceiptCache(store, ttl_s=0).find(PLACE.content.id, PLACE.models) is None


async def test_what_is_deleted_while_it_is_read_is_not_kept_and_read_again_by_who_comes_later() -> None:
    store, (first, second) = two()
    cache = ReceiptCache(store, ttl_s=60)
    work = Work(seconds=0.5)
    reading = asyncio.create_task(first.run(PLACE, work, FREELY))
    await work.under_way.wait()
    assert await cache.delete(PLACE.content.id) is True  # there was one under way
    longer = Work(seconds=2)
    later = asyncio.create_task(second.run(PLACE, longer, FREELY))
    assert (await reading).cached is False
    assert (await cache.look(PLACE)).receipt is None
    assert (await later).cached is False
    assert (await cache.look(PLACE)).receipt is not None
    assert (work.begun, longer.begun) == (1, 1)


class SlowStore(MemoryStore):
    """Every answer takes a while; the time is not bounded here, but by whoever asks."""

    delay_s = 0.0
    fails = False

    async def get(self, *keys: str) -> list[bytes | None]:
        await self._slow()
        return await super().get(*keys)

    async def put(self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None) -> bool:
        await self._slow()
        return await super().put(key, value, ttl_s=ttl_s, condition=condition)

    async def _slow(self) -> None:
        await asyncio.sleep(self.delay_s)
        if self.fails:
            raise CacheUnavailableError("down")


async def test_a_store_that_fails_in_the_middle_costs_no_answer() -> None:
    store = SlowStore(max_entries=10, max_bytes=10**6)
    gateway = SharedReading(ReceiptCache(store, ttl_s=60), patience_s=0.1)

    async def fails_meanwhile() -> Receipt:
        store.fails = True
        return RECEIPT

    assert await gateway.run(PLACE, fails_meanwhile, FREELY) == RECEIPT
    assert await gateway.run(PLACE, Work(), FREELY) == RECEIPT
    store.fails = False
    assert await gateway.run(PLACE, Work(), FREELY) == RECEIPT  # nothing was kept


async def test_keeping_costs_the_request_no_more_than_its_patience() -> None:
    store = SlowStore(max_entries=10, max_bytes=10**6)
    cache = ReceiptCache(store, ttl_s=60)
    gateway = SharedReading(cache, patience_s=0.05)

    async def slow_afterwards() -> Receipt:
        store.delay_s = 0.9
        return RECEIPT

    start = time.monotonic()
    await gateway.run(PLACE, slow_afterwards, FREELY)
    assert time.monotonic() - start < 0.8
    await gateway.aclose()
    store.delay_s = 0.0
    assert (await cache.look(PLACE)).receipt is not None  # it was kept all the same


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, FREELY),
        ("", FREELY),
        ("max-age=3", FREELY),
        ("no-store", Caching(keep=False)),
        ("No-Store , no-cache", Caching(look=False, keep=False)),
        ("no-cache=x", Caching(look=False)),
    ],
)
def test_cache_control(header: str | None, expected: Caching) -> None:
    assert Caching.asked_by(header) == expected


async def test_other_places_do_not_wait_for_each_other() -> None:
    _, (first, second) = two()
    other = Place(PLACE.content, PLACE.models, {"orientation": "upright"})
    work = Work(seconds=0.5)
    start = time.monotonic()
    await asyncio.gather(first.run(PLACE, work, FREELY), second.run(other, work, FREELY))
    assert work.begun == 2
    assert time.monotonic() - start < 0.95
