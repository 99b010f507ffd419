"""The cache: keys, bounds, expiry, and what happens when the store fails."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from gateway.cache import CacheUnavailableError, Content, MemoryStore, ReceiptCache, RedisStore, cache_key
from gateway.examples import RECEIPT_EXAMPLE
from gateway.single_flight import SingleFlight
from shared.contracts import Models, Receipt

MODELS = Models(detector="ctpn-1", recognizer="crnn-1", extractor="charlstm-1")
CONTENT = Content(hashlib.sha256(b"picture").hexdigest())
RECEIPT = Receipt.model_validate(copy.deepcopy(RECEIPT_EXAMPLE)).model_copy(update={"id": CONTENT.id, "models": MODELS})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def memory(**changed: float) -> MemoryStore:
    settings = {"max_entries": 3, "max_bytes": 100, "ttl_s": 60} | changed
    return MemoryStore(**settings)  # type: ignore[arg-type]


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
        await store.put(key, b"1")
    await store.get("a")
    await store.put("d", b"1")
    assert [await store.get(key) for key in "abcd"] == [b"1", None, b"1", b"1"]


async def test_memory_is_bounded_in_bytes_and_counts_replaced_values_once() -> None:
    store = memory()
    await store.put("a", bytes(60))
    await store.put("a", bytes(50))
    await store.put("b", bytes(50))
    assert (await store.get("a"), await store.get("b")) == (bytes(50), bytes(50))
    await store.put("c", bytes(1))
    assert await store.get("a") is None
    await store.put("d", bytes(101))  # larger than everything: not kept, and throws nothing out
    assert (await store.get("d"), await store.get("b")) == (None, bytes(50))


async def test_values_expire() -> None:
    clock = Clock()
    store = MemoryStore(max_entries=3, max_bytes=100, ttl_s=60, clock=clock)
    await store.put("a", b"1")
    clock.now = 59.9
    assert await store.get("a") == b"1"
    clock.now = 60
    assert await store.get("a") is None


async def test_a_kept_receipt_comes_back_marked() -> None:
    cache = ReceiptCache(memory(max_bytes=10**6))
    await cache.put(CONTENT, RECEIPT)
    expected = RECEIPT.model_copy(update={"cached": True})
    assert await cache.get(CONTENT, MODELS) == expected
    assert await cache.find(CONTENT.id, MODELS) == expected
    assert RECEIPT.cached is False
    assert await cache.get(CONTENT, MODELS.model_copy(update={"detector": "ctpn-2"})) is None


async def test_content_that_shares_the_id_but_not_the_hash_is_other_content() -> None:
    cache = ReceiptCache(memory(max_bytes=10**6))
    await cache.put(CONTENT, RECEIPT)
    assert await cache.get(Content(CONTENT.id + "0" * 32), MODELS) is None


@pytest.mark.parametrize("value", [b"", b"\x80\x04K\x01.", b"{}", json.dumps({"sha256": CONTENT.sha256}).encode()])
async def test_an_unreadable_entry_counts_as_absent(value: bytes) -> None:
    store = memory()
    await store.put(cache_key(CONTENT.id, MODELS), value)
    assert await ReceiptCache(store).get(CONTENT, MODELS) is None


class BrokenStore:
    async def get(self, key: str) -> bytes | None:
        raise CacheUnavailableError("down")

    async def put(self, key: str, value: bytes) -> None:
        raise CacheUnavailableError("down")

    async def aclose(self) -> None:
        pass


async def test_a_store_that_is_down_is_passed_over_for_uploads_and_told_for_lookups() -> None:
    cache = ReceiptCache(BrokenStore())
    await cache.put(CONTENT, RECEIPT)
    assert await cache.get(CONTENT, MODELS) is None
    with pytest.raises(CacheUnavailableError):
        await cache.find(CONTENT.id, MODELS)


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
        store = RedisStore.connect(f"redis://127.0.0.1:{port}/0", ttl_s=60, timeout_s=0.05)
        start = time.monotonic()
        with pytest.raises(CacheUnavailableError):
            await store.get("a")
        assert time.monotonic() - start < 1
        asked = len(connections)
        for _ in range(5):
            with pytest.raises(CacheUnavailableError):
                await store.put("a", b"1")
        assert len(connections) == asked
        await store.aclose()


async def test_redis_keeps_values_for_the_time_set() -> None:
    commands: list[tuple[str, bytes, int]] = []

    class Recorder(Redis):
        async def set(self, key: str, value: bytes, *, ex: int) -> None:  # type: ignore[override]
            commands.append((key, value, ex))

    await RedisStore(Recorder(), ttl_s=60, timeout_s=1).put("a", b"1")
    await RedisStore(Recorder(), ttl_s=0, timeout_s=1).put("a", b"1")
    assert commands == [("a", b"1", 60)]


async def test_calls_at_once_share_a_computation_and_its_failure() -> None:
    flights: SingleFlight[int] = SingleFlight()
    calls = 0

    async def fail() -> int:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.01)
        raise ValueError("no")

    results = await asyncio.gather(*(flights.run("a", fail) for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError] * 5
    assert calls == 1
    assert len(flights) == 0

    async def succeed() -> int:
        return 7

    assert await flights.run("a", succeed) == 7


async def test_a_computation_ends_with_the_last_who_waits_for_it() -> None:
    flights: SingleFlight[int] = SingleFlight()
    ended: list[str] = []

    async def compute() -> int:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return 1

    callers = [asyncio.create_task(flights.run("a", compute)) for _ in range(2)]
    await asyncio.sleep(0.01)
    callers[0].cancel()
    await asyncio.sleep(0.01)
    assert ended == []
    callers[1].cancel()
    await asyncio.sleep(0.01)
    assert ended == ["cancelled"]
    assert len(flights) == 0
