"""The cache of receipts: keys, expiry, deletion, and unreadable entries."""

from __future__ import annotations

import json

import pytest

from gateway.caller import NO_OWNER, Caller
from gateway.storage.cache import CacheKey, ContentId, FoundReceipt, Look, ReceiptCache
from gateway.storage.stores import MemoryStore, Unchanged
from shared.contracts import Models, Receipt
from tests.support.receipts import CONTENT, KEY, MODELS, RECEIPT


def build_store() -> MemoryStore:
    return MemoryStore(max_entries=3, max_bytes=10**6)


async def look(cache: ReceiptCache, key: CacheKey = KEY) -> Receipt | None:
    return (await cache.look(key)).receipt


def test_keys_differ_by_content_models_options_and_owner() -> None:
    keys = {KEY.text, CacheKey(ContentId("0" * 64), MODELS).text, CacheKey(CONTENT, MODELS, "upright").text}
    keys |= {CacheKey(CONTENT, MODELS.model_copy(update={name: "x-2"})).text for name in Models.model_fields}
    keys.add(CacheKey(CONTENT, MODELS, owner="books").text)
    assert len(keys) == 7
    assert CacheKey(CONTENT, MODELS.model_copy()) == KEY


def test_models_with_swapped_versions_do_not_share_a_key() -> None:
    swapped = Models(detector=MODELS.recognizer, recognizer=MODELS.detector, extractor=MODELS.extractor)
    assert CacheKey(CONTENT, swapped).text != KEY.text


async def test_cached_receipts_are_marked() -> None:
    cache = ReceiptCache(build_store(), ttl_s=60)
    await cache.put(KEY, RECEIPT, Look(None, None))
    expected = RECEIPT.model_copy(update={"cached": True})
    assert await look(cache) == expected
    assert await cache.find(CONTENT.receipt_id, MODELS, Caller()) == FoundReceipt(expected, NO_OWNER)
    assert RECEIPT.cached is False
    assert await look(cache, CacheKey(CONTENT, MODELS.model_copy(update={"detector": "ctpn-2"}))) is None


async def test_receipts_expire_a_little_early_and_at_different_times() -> None:
    times: set[float] = set()

    class RecordingStore(MemoryStore):
        async def put(
            self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None, owner: str = ""
        ) -> bool:
            times.add(ttl_s)
            return True

    cache = ReceiptCache(RecordingStore(max_entries=1, max_bytes=1), ttl_s=1000)
    for _ in range(50):
        await cache.put(KEY, RECEIPT, Look(None, None))
    assert len(times) == 50
    assert 900 <= min(times) < 950 < max(times) <= 1000


async def test_content_with_the_same_id_but_another_hash_is_other_content() -> None:
    cache = ReceiptCache(build_store(), ttl_s=60)
    await cache.put(KEY, RECEIPT, Look(None, None))
    other = CacheKey(ContentId(CONTENT.receipt_id + "0" * 32), MODELS)
    assert await look(cache, other) is None
    found, lock = await cache.look_or_lock(other)
    assert found.receipt is None
    assert lock is not None
    await lock.release()


@pytest.mark.parametrize("value", [b"", b"\x80\x04K\x01.", b"{}", json.dumps({"sha256": CONTENT.sha256}).encode()])
async def test_unreadable_entries_count_as_absent(value: bytes) -> None:
    store = build_store()
    await store.put(KEY.text, value, ttl_s=60)
    cache = ReceiptCache(store, ttl_s=60)
    assert await look(cache) is None
    _, lock = await cache.look_or_lock(KEY)
    assert lock is not None
    assert (await cache.look_or_lock(KEY))[1] is None
    await lock.release()


async def test_does_not_keep_a_receipt_deleted_since_the_look() -> None:
    cache = ReceiptCache(build_store(), ttl_s=60)
    before = await cache.look(KEY)
    assert await cache.delete(CONTENT.receipt_id, Caller()) is False
    assert await cache.put(KEY, RECEIPT, before) is False
    assert await look(cache) is None
    # Read after the deletion.
    after = await cache.look(KEY)
    assert await cache.put(KEY, RECEIPT, after)
    assert await look(cache) is not None
    assert await cache.delete(CONTENT.receipt_id, Caller()) is True
    assert await look(cache) is None


async def test_owners_share_nothing() -> None:
    cache = ReceiptCache(MemoryStore(max_entries=100, max_bytes=10**6), ttl_s=60)
    ours, theirs = (CacheKey(CONTENT, MODELS, owner=owner) for owner in ("ours", "theirs"))
    await cache.put(ours, RECEIPT, Look(None, None))
    assert await look(cache, theirs) is None
    for stranger in (Caller(group="theirs"), Caller(), Caller(group="*")):
        assert await cache.find(CONTENT.receipt_id, MODELS, stranger) is None
        assert await cache.delete(CONTENT.receipt_id, stranger) is False
    assert await look(cache, ours) is not None


async def test_deletion_stops_only_readings_of_the_owner() -> None:
    cache = ReceiptCache(MemoryStore(max_entries=100, max_bytes=10**6), ttl_s=60)
    keys = [CacheKey(CONTENT, MODELS, owner=owner) for owner in ("ours", "theirs")]
    looks = [await cache.look(key) for key in keys]
    await cache.delete(CONTENT.receipt_id, Caller(group="theirs"))
    kept = [await cache.put(key, RECEIPT, before) for key, before in zip(keys, looks, strict=True)]
    assert kept == [True, False]


async def test_operators_find_and_delete_receipts_of_all_owners() -> None:
    cache = ReceiptCache(MemoryStore(max_entries=100, max_bytes=10**6), ttl_s=60)
    keys = [CacheKey(CONTENT, MODELS, owner=owner) for owner in ("ours", "theirs")]
    being_read = await cache.look(keys[1])
    await cache.put(keys[0], RECEIPT, Look(None, None))
    operator = Caller(group="operators", other_groups=(NO_OWNER, "ours", "theirs"))
    found = await cache.find(CONTENT.receipt_id, MODELS, operator)
    assert found is not None
    assert found.owner == "ours"
    assert await cache.delete(CONTENT.receipt_id, operator) is True
    assert await look(cache, keys[0]) is None
    assert await cache.put(keys[1], RECEIPT, being_read) is False
