"""One reading for all callers: of one gateway, and of two that share a store."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from gateway.caller import Caller
from gateway.reading.metrics import ReceiptMetrics
from gateway.reading.read_request import ReadRequest
from gateway.reading.shared_reading import SharedReading
from gateway.storage.cache import CacheUnavailableError, Look, ReceiptCache
from gateway.storage.cache_control import UNRESTRICTED, Caching
from gateway.storage.stores import Lock, MemoryStore, Unchanged
from shared.contracts import Models, Orientation, Receipt
from shared.problems import ProblemError
from shared.service.deadline import Deadline
from tests.support.receipts import CONTENT, KEY, MODELS, RECEIPT

NO_STORE = Caching(may_keep=False)
NO_CACHE = Caching(may_look=False)


class StubReader:
    """Returns a receipt, or fails, after some time.

    Attributes:
        started: Number of readings that started.
        is_reading: Set once a reading has started.
        max_in_progress: Maximum number of readings at the same time.
        canceled: Number of readings that were canceled.
    """

    def __init__(self, seconds: float = 0.02, error: Exception | None = None) -> None:
        self.started = 0
        self.in_progress = 0
        self.max_in_progress = 0
        self.canceled = 0
        self.is_reading = asyncio.Event()
        self.requests: list[ReadRequest] = []
        self._seconds = seconds
        self._error = error

    async def read(self, request: ReadRequest, models: Models) -> Receipt:
        self.started += 1
        self.in_progress += 1
        self.max_in_progress = max(self.max_in_progress, self.in_progress)
        self.requests.append(request)
        self.is_reading.set()
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        finally:
            self.in_progress -= 1
        if self._error is not None:
            raise self._error
        return RECEIPT


def build_reading(store: Any, reader: Any, *, ttl_s: float = 60, patience_s: float = 0.1) -> SharedReading:
    return SharedReading(ReceiptCache(store, ttl_s=ttl_s), reader, ReceiptMetrics(), patience_s=patience_s)


def build_store() -> MemoryStore:
    return MemoryStore(max_entries=10, max_bytes=10**6)


def build_request(
    caching: Caching = UNRESTRICTED, *, timeout_s: float = 60, orientation: Orientation | None = None
) -> ReadRequest:
    return ReadRequest(b"picture", CONTENT, orientation, Deadline(timeout_s), caching)


async def test_callers_share_a_reading() -> None:
    reader = StubReader()
    reading = build_reading(build_store(), reader, ttl_s=0)
    receipts = await asyncio.gather(*(reading.read(build_request(), MODELS) for _ in range(5)))
    assert receipts == [RECEIPT] * 5
    assert reader.started == 1
    assert reading.in_progress == 0


async def test_callers_share_a_failure_and_the_next_one_tries_again() -> None:
    reader = StubReader(error=ValueError("no"))
    reading = build_reading(build_store(), reader)
    calls = (reading.read(build_request(), MODELS) for _ in range(5))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [ValueError] * 5
    with pytest.raises(ValueError, match="no"):
        await reading.read(build_request(), MODELS)
    assert reader.started == 2


async def test_reading_is_canceled_with_its_last_caller() -> None:
    reader = StubReader(seconds=60)
    reading = build_reading(build_store(), reader)
    callers = [asyncio.create_task(reading.read(build_request(), MODELS)) for _ in range(2)]
    await reader.is_reading.wait()
    callers[0].cancel()
    await asyncio.sleep(0.01)
    assert reader.canceled == 0
    callers[1].cancel()
    await asyncio.sleep(0.01)
    assert reader.canceled == 1
    assert reading.in_progress == 0


async def test_reading_has_the_latest_deadline_of_its_callers() -> None:
    reader = StubReader(seconds=2)
    reading = build_reading(build_store(), reader)
    first, later = build_request(timeout_s=0.2), build_request(timeout_s=30)
    tasks = [asyncio.create_task(reading.read(request, MODELS)) for request in (first, later)]
    with pytest.raises(ProblemError, match=r"deadline-exceeded: .* 0\.2 s"):
        await tasks[0]
    assert await tasks[1] == RECEIPT
    assert reader.requests[0].deadline.seconds == 30
    # The callers' own deadlines stay as they are.
    assert first.deadline.seconds == pytest.approx(0.2)


async def test_different_requests_do_not_share_a_reading() -> None:
    store, reader = build_store(), StubReader(seconds=0.5)
    reading, other = build_reading(store, reader), build_reading(store, reader)
    requests = build_request(), build_request(orientation="upright")
    await asyncio.gather(*(one.read(request, MODELS) for one, request in zip((reading, other), requests, strict=True)))
    assert (reader.started, reader.max_in_progress) == (2, 2)


async def test_other_gateway_waits_for_the_one_that_reads() -> None:
    store, reader = build_store(), StubReader(seconds=0.1)
    gateways = [build_reading(store, reader) for _ in range(2)]
    receipts = await asyncio.gather(*(gateway.read(build_request(), MODELS) for gateway in gateways))
    assert reader.started == 1
    assert sorted(receipt.cached for receipt in receipts) == [False, True]


async def test_other_gateway_tries_itself_after_a_failure() -> None:
    store, reader = build_store(), StubReader(error=ValueError("no"))
    gateways = [build_reading(store, reader) for _ in range(2)]
    calls = (gateway.read(build_request(), MODELS) for gateway in gateways)
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError]
    assert reader.started == 2


async def test_other_gateway_takes_over_a_canceled_reading() -> None:
    store, reader = build_store(), StubReader(seconds=1)
    first, second = build_reading(store, reader), build_reading(store, reader)
    canceled = asyncio.create_task(first.read(build_request(), MODELS))
    await reader.is_reading.wait()
    waiting = asyncio.create_task(second.read(build_request(), MODELS))
    await asyncio.sleep(0.05)
    canceled.cancel()
    assert (await waiting).cached is False
    assert reader.started == 2


async def test_other_gateway_takes_over_from_one_that_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.storage.cache._LOCK_TTL_S", 1.0)
    store, reader = build_store(), StubReader()
    _, lock = await ReceiptCache(store, ttl_s=60).look_or_lock(KEY)
    assert lock is not None
    # Without renewal, as if its process had been killed.
    lock._renewal.cancel()
    start = time.monotonic()
    await build_reading(store, reader).read(build_request(), MODELS)
    assert 0.9 < time.monotonic() - start < 5
    assert reader.started == 1


async def test_honors_no_store_and_no_cache() -> None:
    store, reader = build_store(), StubReader()
    reading = build_reading(store, reader)
    await reading.read(build_request(NO_STORE), MODELS)
    assert (await ReceiptCache(store, ttl_s=60).look(KEY)).receipt is None
    await reading.read(build_request(), MODELS)
    assert (await reading.read(build_request(NO_CACHE), MODELS)).cached is False
    assert reader.started == 3
    assert (await reading.read(build_request(NO_STORE), MODELS)).cached is True


async def test_disabled_cache_is_not_used() -> None:
    store = build_store()
    await ReceiptCache(store, ttl_s=60).put(KEY, RECEIPT, Look(None, None))
    assert (await build_reading(store, StubReader(), ttl_s=0).read(build_request(), MODELS)).cached is False
    assert await ReceiptCache(store, ttl_s=0).find(CONTENT.receipt_id, MODELS, Caller()) is None


async def test_does_not_cache_a_receipt_deleted_meanwhile() -> None:
    store = build_store()
    reader, slower_reader = StubReader(seconds=0.5), StubReader(seconds=2)
    cache = ReceiptCache(store, ttl_s=60)
    first = asyncio.create_task(build_reading(store, reader).read(build_request(), MODELS))
    await reader.is_reading.wait()
    # A receipt that is being read counts.
    assert await cache.delete(CONTENT.receipt_id, Caller()) is True
    second = asyncio.create_task(build_reading(store, slower_reader).read(build_request(), MODELS))
    assert (await first).cached is False
    assert (await cache.look(KEY)).receipt is None
    # The second upload came after the deletion.
    assert (await second).cached is False
    assert (await cache.look(KEY)).receipt is not None
    assert (reader.started, slower_reader.started) == (1, 1)


class SlowStore(MemoryStore):
    """A store that answers after a delay, or fails."""

    delay_s = 0.0
    fails = False

    async def get(self, *keys: str) -> list[bytes | None]:
        await self._wait()
        return await super().get(*keys)

    async def get_or_lock(self, *keys: str, lock_key: str, ttl_s: float) -> tuple[list[bytes | None], Lock | None]:
        await self._wait()
        return await super().get_or_lock(*keys, lock_key=lock_key, ttl_s=ttl_s)

    async def put(
        self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None, owner: str = ""
    ) -> bool:
        await self._wait()
        return await super().put(key, value, ttl_s=ttl_s, condition=condition, owner=owner)

    async def _wait(self) -> None:
        await asyncio.sleep(self.delay_s)
        if self.fails:
            raise CacheUnavailableError("down")


class InterferingReader:
    """Changes attributes of the store while it reads."""

    def __init__(self, store: SlowStore, **changes: Any) -> None:
        self._store = store
        self._changes = changes

    async def read(self, request: ReadRequest, models: Models) -> Receipt:
        for name, value in self._changes.items():
            setattr(self._store, name, value)
        return RECEIPT


async def test_reads_although_the_store_fails_meanwhile() -> None:
    store = SlowStore(max_entries=10, max_bytes=10**6)
    reading = build_reading(store, InterferingReader(store, fails=True))
    assert await reading.read(build_request(), MODELS) == RECEIPT
    assert await reading.read(build_request(), MODELS) == RECEIPT
    store.fails = False
    # Nothing was cached.
    assert await reading.read(build_request(), MODELS) == RECEIPT


async def test_caching_adds_no_more_than_its_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.reading.shared_reading._CLEANUP_TIMEOUT_S", 30.0)
    store = SlowStore(max_entries=10, max_bytes=10**6)
    reading = build_reading(store, InterferingReader(store, delay_s=2), patience_s=0.05)
    start = time.monotonic()
    await reading.read(build_request(), MODELS)
    assert time.monotonic() - start < 1.8
    await reading.aclose()
    store.delay_s = 0.0
    # Caching went on in the background.
    assert (await ReceiptCache(store, ttl_s=60).look(KEY)).receipt is not None
