"""The store in memory: bounds, expiry, conditions and locks."""

from __future__ import annotations

import asyncio

import pytest

from gateway.storage import stores
from gateway.storage.stores import MemoryStore, Unchanged
from tests.support.clock import FakeClock


def build_store(*, max_entries: int = 3, max_bytes: int = 100, clock: FakeClock | None = None) -> MemoryStore:
    return MemoryStore(max_entries=max_entries, max_bytes=max_bytes, clock=clock or FakeClock())


async def put(store: MemoryStore, key: str, value: bytes) -> None:
    await store.put(key, value, ttl_s=60)


async def get(store: MemoryStore, key: str) -> bytes | None:
    (value,) = await store.get(key)
    return value


async def test_drops_the_least_recently_used_entries() -> None:
    store = build_store()
    for key in "abc":
        await put(store, key, b"1")
    await store.get("a")
    await put(store, "d", b"1")
    assert await store.get(*"abcd") == [b"1", None, b"1", b"1"]


async def test_bounds_memory_and_counts_replaced_values_once() -> None:
    store = build_store()
    await put(store, "a", bytes(60))
    await put(store, "a", bytes(50))
    await put(store, "b", bytes(50))
    assert await store.get("a", "b") == [bytes(50), bytes(50)]
    await put(store, "c", bytes(1))
    assert await get(store, "a") is None
    # Larger than the whole store: not kept, and nothing is dropped for it.
    await put(store, "d", bytes(101))
    assert await store.get("d", "b") == [None, bytes(50)]


async def test_owner_with_the_most_entries_loses_its_own() -> None:
    store = build_store(max_entries=10)
    await store.put("quiet", b"1", ttl_s=60, owner="quiet")
    for number in range(100):
        await store.put(f"loud {number}", b"1", ttl_s=60, owner="loud")
    assert await get(store, "quiet") == b"1"
    kept = [number for number in range(100) if await get(store, f"loud {number}")]
    assert kept == list(range(91, 100))


async def test_owner_with_the_largest_values_loses_its_own() -> None:
    store = build_store(max_entries=100)
    for number in range(20):
        await store.put(f"quiet {number}", b"1", ttl_s=60, owner="quiet")
    for number in range(10):
        await store.put(f"loud {number}", bytes(30), ttl_s=60, owner="loud")
    assert [await get(store, f"quiet {number}") for number in range(20)] == [b"1"] * 20
    assert [number for number in range(10) if await get(store, f"loud {number}")] == [8, 9]


async def test_values_that_change_their_owner_are_counted_once() -> None:
    store = build_store(max_entries=2)
    for owner in ("one", "two", "one"):
        await store.put("a", b"1", ttl_s=60, owner=owner)
    await store.put("b", b"1", ttl_s=60, owner="two")
    assert await store.get("a", "b") == [b"1", b"1"]
    await store.delete("")
    assert store._holdings == {}


async def test_values_expire() -> None:
    clock = FakeClock()
    store = build_store(clock=clock)
    await put(store, "a", b"1")
    clock.now = 59.9
    assert await get(store, "a") == b"1"
    clock.now = 60
    assert await get(store, "a") is None


async def test_puts_a_value_only_if_the_condition_holds() -> None:
    store = build_store()
    assert await store.put("a", b"1", ttl_s=60, condition=Unchanged("mark", None))
    await put(store, "mark", b"x")
    assert not await store.put("a", b"2", ttl_s=60, condition=Unchanged("mark", None))
    assert await store.put("b", b"2", ttl_s=60, condition=Unchanged("mark", b"x"))
    assert await store.get("a", "b") == [b"1", b"2"]


async def test_lock_has_one_holder_until_it_is_released() -> None:
    store = build_store()
    lock = await store.try_lock("a", ttl_s=2)
    assert lock is not None
    assert await store.try_lock("a", ttl_s=2) is None
    await lock.release()
    again = await store.try_lock("a", ttl_s=2)
    assert again is not None
    # No longer its own.
    await lock.release()
    assert await store.try_lock("a", ttl_s=2) is None
    await again.release()


async def test_lock_is_renewed_and_expires_if_its_holder_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_RENEW_INTERVAL_S", 0.0)
    clock = FakeClock()
    store = build_store(clock=clock)
    lock = await store.try_lock("a", ttl_s=2)
    assert lock is not None
    for clock.now in (1.5, 3.0, 4.5):
        await _run_tasks()
        assert await store.try_lock("a", ttl_s=2) is None
    lock._renewal.cancel()
    clock.now = 6.5
    await _run_tasks()
    other = await store.try_lock("a", ttl_s=2)
    assert other is not None
    await other.release()


async def test_get_or_lock_locks_only_if_the_first_key_has_no_value() -> None:
    store = build_store()
    await put(store, "mark", b"x")
    values, lock = await store.get_or_lock("a", "mark", lock_key="lock", ttl_s=2)
    assert values == [None, b"x"]
    assert lock is not None
    assert await store.get_or_lock("a", "mark", lock_key="lock", ttl_s=2) == ([None, b"x"], None)
    await lock.release()
    await put(store, "a", b"1")
    assert await store.get_or_lock("a", "mark", lock_key="lock", ttl_s=2) == ([b"1", b"x"], None)


async def _run_tasks() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
