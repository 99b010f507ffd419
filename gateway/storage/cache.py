"""Receipts that have been read, by content, models and options, in memory or in Redis.

An entry is JSON, never a pickle: someone who can write to the cache can at worst insert a wrong receipt, not a program.
The key contains the versions of the models, so that new weights never return old results.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import secrets
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ValidationError

from gateway.storage.stores import CacheUnavailableError, Lock, Store, Unchanged
from shared.contracts import Models, Orientation, Receipt

__all__ = [
    "CacheKey",
    "CacheUnavailableError",
    "ContentId",
    "Look",
    "ReceiptCache",
    "not_deleted",
    "replay_key",
]

# Increased when the layout of entries changes, so that a new release ignores what an old one wrote.
_LAYOUT = 2
_TTL_JITTER = 0.1
# Longer than reading any receipt takes.
_DELETION_MARK_TTL_S = 3600.0
# A process that is very busy must still be able to renew it in time.
_LOCK_TTL_S = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ContentId:
    """The identity of an upload or of one of its pages.

    Attributes:
        sha256: Hash of the bytes, in hexadecimal.
    """

    sha256: str

    @property
    def receipt_id(self) -> str:
        """The receipt's ID: the first 32 hexadecimal digits."""
        return self.sha256[:32]

    def page(self, number: int) -> ContentId:
        """Return the identity of one page, from 0, of a document with several."""
        return ContentId(hashlib.sha256(f"{self.sha256}:page:{number}".encode()).hexdigest())


@dataclass(frozen=True)
class CacheKey:
    """What a cached receipt depends on.

    Attributes:
        content: What was uploaded.
        models: The models that read it.
        orientation: The option of the request that changes the result.
    """

    content: ContentId
    models: Models
    orientation: Orientation | None = None

    @cached_property
    def text(self) -> str:
        """The key in the store."""
        return _store_key(self.content.receipt_id, self.models, self.orientation)


@dataclass(frozen=True)
class Look:
    """The result of looking into the cache.

    Attributes:
        receipt: The cached receipt, if any.
        deletion_mark: Changes with each deletion of the receipt. A receipt that is read from now on is kept only if
            the mark has not changed.
    """

    receipt: Receipt | None
    deletion_mark: bytes | None


class _Entry(BaseModel):
    sha256: str
    receipt: Receipt


class ReceiptCache:
    """Receipts in a store, by content, model versions and options.

    The key contains the first half of the content's hash, so that a receipt can be found by its ID too. The entry
    contains the whole hash, which a lookup by content compares.

    Args:
        store: Where receipts are kept; closed with the cache.
        ttl_s: Maximum lifetime of a receipt in seconds; 0 turns the cache off. Entries expire up to a tenth earlier, at
            random, so that those created together do not expire together.
    """

    def __init__(self, store: Store, *, ttl_s: float) -> None:
        self._store = store
        self._ttl_s = ttl_s

    @property
    def is_enabled(self) -> bool:
        """Whether receipts are kept at all."""
        return self._ttl_s > 0

    async def look(self, key: CacheKey) -> Look:
        """Look for the receipt read from this content by these models; raise `CacheUnavailableError`."""
        value, mark = await self._store.get(key.text, _mark_key(key.content.receipt_id))
        return Look(_parse(key, value), mark)

    async def look_or_lock(self, key: CacheKey) -> tuple[Look, Lock | None]:
        """Look for a receipt like `look`; if there is none, take the lock of its reader, unless it is held.

        Raises:
            CacheUnavailableError: If the store cannot be reached.
        """
        (value, mark), lock = await self._store.get_or_lock(
            key.text, _mark_key(key.content.receipt_id), lock_key=_lock_key(key), ttl_s=_LOCK_TTL_S
        )
        look = Look(_parse(key, value), mark)
        # The entry is damaged, or of other content with the same ID.
        if look.receipt is None and value is not None:
            lock = await self._store.try_lock(_lock_key(key), ttl_s=_LOCK_TTL_S)
        return look, lock

    async def find(self, receipt_id: str, models: Models, orientation: Orientation | None = None) -> Receipt | None:
        """Return the receipt with this ID, or None; raise `CacheUnavailableError`."""
        if not self.is_enabled:
            return None
        key = _store_key(receipt_id, models, orientation)
        (value,) = await self._store.get(key)
        entry = _parse_entry(key, value)
        return None if entry is None else entry.receipt

    async def put(self, key: CacheKey, receipt: Receipt, since: Look) -> bool:
        """Keep a receipt under the models that read it, unless it was deleted since the look.

        Returns:
            Whether the receipt is kept.

        Raises:
            CacheUnavailableError: If the store cannot be reached.
        """
        receipt_id = key.content.receipt_id
        entry = _Entry(sha256=key.content.sha256, receipt=receipt.model_copy(update={"cached": True}))
        ttl_s = self._ttl_s * random.uniform(1 - _TTL_JITTER, 1)  # noqa: S311 - not a secret
        return await self._store.put(
            _store_key(receipt_id, receipt.models, key.orientation),
            entry.model_dump_json().encode(),
            ttl_s=ttl_s,
            condition=Unchanged(_mark_key(receipt_id), since.deletion_mark),
        )

    async def delete(self, receipt_id: str) -> bool:
        """Delete a receipt, whichever models read it with whichever options, even if it is being read.

        Returns:
            Whether there was any, or one was being read.

        Raises:
            CacheUnavailableError: If the store cannot be reached; the receipt may still be there.
        """
        # The mark comes first: a receipt that is being read must not be put where the scan has already been.
        await self._store.put(_mark_key(receipt_id), secrets.token_bytes(16), ttl_s=_DELETION_MARK_TTL_S)
        return await self._store.delete(_prefix(receipt_id)) > 0

    async def aclose(self) -> None:
        """Close the store."""
        await self._store.aclose()


def replay_key(receipt_id: str, name: str) -> str:
    """Return the store key of a response that contains a receipt; it is deleted with the receipt."""
    return f"{_prefix(receipt_id)}replay:{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def not_deleted(receipt_id: str) -> Unchanged:
    """Return the condition that a receipt was not deleted in the last hour."""
    return Unchanged(_mark_key(receipt_id), None)


def _store_key(receipt_id: str, models: Models, orientation: Orientation | None) -> str:
    options = {} if orientation is None else {"orientation": orientation}
    circumstances = json.dumps([models.model_dump(), options], sort_keys=True)
    return f"{_prefix(receipt_id)}{hashlib.sha256(circumstances.encode()).hexdigest()[:32]}"


def _prefix(receipt_id: str) -> str:
    return f"quittance:receipt:{_LAYOUT}:{receipt_id}:"


def _mark_key(receipt_id: str) -> str:
    return f"quittance:deleted:{receipt_id}"


def _lock_key(key: CacheKey) -> str:
    return f"{key.text}:reading"


def _parse(key: CacheKey, value: bytes | None) -> Receipt | None:
    entry = _parse_entry(key.text, value)
    return entry.receipt if entry is not None and entry.sha256 == key.content.sha256 else None


def _parse_entry(key: str, value: bytes | None) -> _Entry | None:
    if value is None:
        return None
    try:
        return _Entry.model_validate_json(value)
    except ValidationError as error:
        # Only the number of errors: pydantic's messages quote the receipt.
        _log.warning("Unreadable cache entry", extra={"key": key, "errors": error.error_count()})
        return None
