"""What has been read once is not read again: receipts kept by content, models and options, in memory or in Redis.

An entry is JSON, never a pickle: whoever can write to the cache can at worst put in a wrong receipt, not a program.
The key holds the versions of the models, so that new weights never get old answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ValidationError

from gateway.storage.stores import CacheUnavailableError, Lock, Store, Unchanged
from shared.contracts import Models, Receipt

__all__ = ["CacheUnavailableError", "Content", "Look", "Place", "ReceiptCache", "cache_key"]

# Raised when the layout of the entries changes, so that a new release does not trip over what an old one wrote.
_LAYOUT = 1
_HASH_IN_THREAD_BYTES = 256 * 1024  # from here on hashing takes longer than the way to a thread and back
_JITTER = 0.1
_FORGOTTEN_S = 3600.0  # longer than any receipt takes
_LOCK_S = 5.0  # a process that is very busy must still come to renewing it

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Content:
    """The identity of an upload: the hash of its bytes."""

    sha256: str

    @classmethod
    async def of(cls, data: bytes) -> Content:
        """Hashes bytes, large ones outside the event loop."""
        if len(data) < _HASH_IN_THREAD_BYTES:
            return cls(hashlib.sha256(data).hexdigest())
        return cls((await asyncio.to_thread(hashlib.sha256, data)).hexdigest())

    def page(self, number: int) -> Content:
        """The identity of one page, from 0, of a document of several: a hash of the document's and the number."""
        return Content(hashlib.sha256(f"{self.sha256}:page:{number}".encode()).hexdigest())

    @property
    def id(self) -> str:
        """The receipt's id: the first 32 hexadecimal digits."""
        return self.sha256[:32]


@dataclass(frozen=True)
class Place:
    """Where a receipt belongs in the cache.

    Attributes:
        content: What was sent.
        models: Those that read it.
        options: What was asked for and changes the answer.
    """

    content: Content
    models: Models
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The key in the store."""
        return cache_key(self.content.id, self.models, self.options)


@dataclass(frozen=True)
class Look:
    """What a look into the cache found.

    Attributes:
        receipt: None if there was none.
        mark: Tells one deletion of the receipt from the next; what is read from now on is kept only if it stays so.
    """

    receipt: Receipt | None
    mark: bytes | None


class _Entry(BaseModel):
    sha256: str
    receipt: Receipt


class ReceiptCache:
    """Receipts kept in a store, by content, model versions and options.

    The key holds the first half of the content's hash, so that a receipt is found by its id too; the entry holds the
    whole hash, and a lookup by content compares it.

    Args:
        store: Where; closed with the cache.
        ttl_s: Longest time a receipt is kept, in seconds; 0 keeps nothing. Each goes up to a tenth earlier, so that
            those that came together do not go together.
    """

    def __init__(self, store: Store, *, ttl_s: float) -> None:
        self._store = store
        self._ttl_s = ttl_s

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        return self._ttl_s > 0

    async def look(self, place: Place) -> Look:
        """Looks for the receipt that was read from this content by these models; raises `CacheUnavailableError`."""
        value, mark = await self._store.get(place.key, _mark_key(place.content.id))
        entry = _parse(place.key, value)
        same = entry is not None and entry.sha256 == place.content.sha256
        return Look(entry.receipt if entry is not None and same else None, mark)

    async def find(self, receipt_id: str, models: Models, options: Mapping[str, str] | None = None) -> Receipt | None:
        """Gives the receipt with this id, or None; raises `CacheUnavailableError`."""
        if not self.keeps:
            return None
        key = cache_key(receipt_id, models, options)
        (value,) = await self._store.get(key)
        entry = _parse(key, value)
        return None if entry is None else entry.receipt

    async def put(self, place: Place, receipt: Receipt, since: Look) -> bool:
        """Keeps a receipt under the models that read it, if it was not deleted since the look; tells whether it did.

        Raises:
            CacheUnavailableError: If the store cannot be asked.
        """
        entry = _Entry(sha256=place.content.sha256, receipt=receipt.model_copy(update={"cached": True}))
        ttl_s = self._ttl_s * random.uniform(1 - _JITTER, 1)  # noqa: S311 - no secret
        return await self._store.put(
            cache_key(place.content.id, receipt.models, place.options),
            entry.model_dump_json().encode(),
            ttl_s=ttl_s,
            condition=Unchanged(_mark_key(place.content.id), since.mark),
        )

    def lock(self, place: Place) -> Lock:
        """Makes the lock of whoever reads this receipt; to be renewed within five seconds."""
        return self._store.lock(f"{place.key}:reading", ttl_s=_LOCK_S)

    async def delete(self, receipt_id: str) -> bool:
        """Forgets a receipt, whichever models read it with whichever options, or read it now.

        Returns:
            Whether there was any, or one was being read.

        Raises:
            CacheUnavailableError: If the store cannot be asked; the receipt may still be there.
        """
        # First the mark: who reads it at the moment must not put it where we have looked already.
        await self._store.put(_mark_key(receipt_id), secrets.token_bytes(16), ttl_s=_FORGOTTEN_S)
        return await self._store.delete(_prefix(receipt_id)) > 0

    async def aclose(self) -> None:
        """Closes the store."""
        await self._store.aclose()


def cache_key(receipt_id: str, models: Models, options: Mapping[str, str] | None = None) -> str:
    """Names the place of a receipt in the store: content, versions of all models, options that change the answer."""
    circumstances = json.dumps([models.model_dump(), dict(options or {})], sort_keys=True)
    return f"{_prefix(receipt_id)}{hashlib.sha256(circumstances.encode()).hexdigest()[:32]}"


def _prefix(receipt_id: str) -> str:
    return f"quittance:receipt:{_LAYOUT}:{receipt_id}:"


def replay_key(receipt_id: str, name: str) -> str:
    """Names a place in the store for an answer that holds a receipt; it is deleted with it."""
    return f"{_prefix(receipt_id)}replay:{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def not_deleted(receipt_id: str) -> Unchanged:
    """The condition that a receipt was not deleted in the last hour."""
    return Unchanged(_mark_key(receipt_id), None)


def _mark_key(receipt_id: str) -> str:
    return f"quittance:deleted:{receipt_id}"


def _parse(key: str, value: bytes | None) -> _Entry | None:
    if value is None:
        return None
    try:
        return _Entry.model_validate_json(value)
    except ValidationError as error:
        # Only counted: the messages of pydantic quote the receipt.
        _log.warning("A cache entry is unreadable", extra={"key": key, "errors": error.error_count()})
        return None
