"""Receipts that have been read, by content, models and options, in memory or in Redis.

An entry is JSON, never a pickle: someone who can write to the cache can at worst insert a wrong receipt, not a program.
The key contains the versions of the models, so that new weights never return old results, and the owner, so that an
entry tells nothing to others: they neither find it nor get their own receipt sooner.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ValidationError

from gateway.caller import NO_OWNER, Caller
from gateway.storage.stores import CacheStore, CacheUnavailableError, Lock, Store, Unchanged
from shared.contracts import Models, Orientation, Receipt

__all__ = [
    "CacheKey",
    "CacheUnavailableError",
    "ContentId",
    "FoundReceipt",
    "Look",
    "ReceiptCache",
    "not_deleted",
    "replay_key",
]

# Increased when the layout of entries changes, so that a new release ignores what an old one wrote.
_LAYOUT = 4
_TTL_JITTER = 0.1
# Longer than reading any receipt takes.
_DELETION_MARK_TTL_S = 3600.0
# Marks count together, so that they push out each other before anyone's receipts.
_MARKS = "deletion marks"
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
        return self._derive(f"page:{number}")

    def pages(self, first: int, last: int) -> ContentId:
        """Return the identity of some pages, from 0, of a document with more."""
        return self._derive(f"pages:{first}-{last}")

    def area(self, page: int, number: int) -> ContentId:
        """Return the identity of one of several receipts on a page, both from 0."""
        return self._derive(f"page:{page}:receipt:{number}")

    @classmethod
    def merge(cls, parts: Sequence[ContentId]) -> ContentId:
        """Return the identity of several uploads as one."""
        return ContentId(":".join(part.sha256 for part in parts))._derive("merged")

    def _derive(self, name: str) -> ContentId:
        return ContentId(hashlib.sha256(f"{self.sha256}:{name}".encode()).hexdigest())


@dataclass(frozen=True)
class CacheKey:
    """What a cached receipt depends on.

    Attributes:
        content: What was uploaded.
        models: The models that read it.
        orientation: The option of the request that changes the result.
        owner: Whose receipt it is.
    """

    content: ContentId
    models: Models
    orientation: Orientation | None = None
    owner: str = NO_OWNER

    @cached_property
    def text(self) -> str:
        """The key in the store."""
        return _store_key(self.content.receipt_id, self.owner, self.models, self.orientation)

    @property
    def mark(self) -> str:
        """The key in the store of the mark that changes when the owner deletes the receipt."""
        return _mark_key(self.content.receipt_id, self.owner)


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


@dataclass(frozen=True)
class FoundReceipt:
    """A receipt that was found by its ID, and its owner."""

    receipt: Receipt
    owner: str


class _Entry(BaseModel):
    sha256: str
    receipt: Receipt


class ReceiptCache:
    """Receipts in a store, by content, owner, model versions and options.

    The key contains the first half of the content's hash, so that a receipt can be found by its ID too. The entry
    contains the whole hash, which a lookup by content compares.

    Args:
        store: Where receipts are kept; closed with the cache.
        replays: Where stored responses with receipts are kept, if that is another store; also closed.
        ttl_s: Maximum lifetime of a receipt in seconds; 0 turns the cache off. Entries expire up to a tenth earlier, at
            random, so that those created together do not expire together.
    """

    def __init__(self, store: CacheStore, *, ttl_s: float, replays: Store | None = None) -> None:
        self._store = store
        self._stores: tuple[Store, ...] = (store,) if replays is None else (store, replays)
        self._ttl_s = ttl_s

    @property
    def is_enabled(self) -> bool:
        """Whether receipts are kept at all."""
        return self._ttl_s > 0

    async def look(self, key: CacheKey) -> Look:
        """Look for the receipt read from this content by these models; raise `CacheUnavailableError`."""
        value, mark = await self._store.get(key.text, key.mark)
        return Look(_parse(key, value), mark)

    async def look_or_lock(self, key: CacheKey) -> tuple[Look, Lock | None]:
        """Look for a receipt like `look`; if there is none, take the lock of its reader, unless it is held.

        Raises:
            CacheUnavailableError: If the store cannot be reached.
        """
        (value, mark), lock = await self._store.get_or_lock(
            key.text, key.mark, lock_key=_lock_key(key), ttl_s=_LOCK_TTL_S
        )
        look = Look(_parse(key, value), mark)
        # The entry is damaged, or of other content with the same ID.
        if look.receipt is None and value is not None:
            lock = await self._store.try_lock(_lock_key(key), ttl_s=_LOCK_TTL_S)
        return look, lock

    async def find(
        self, receipt_id: str, models: Models, caller: Caller, orientation: Orientation | None = None
    ) -> FoundReceipt | None:
        """Return the receipt with this ID that the caller may use, preferably its own, or None.

        Raises:
            CacheUnavailableError: If the store cannot be reached.
        """
        if not self.is_enabled:
            return None
        keys = {owner: _store_key(receipt_id, owner, models, orientation) for owner in caller.owners}
        values = await self._store.get(*keys.values())
        for (owner, key), value in zip(keys.items(), values, strict=True):
            entry = _parse_entry(key, value)
            if entry is not None:
                return FoundReceipt(entry.receipt, owner)
        return None

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
            _store_key(receipt_id, key.owner, receipt.models, key.orientation),
            entry.model_dump_json().encode(),
            ttl_s=ttl_s,
            condition=Unchanged(key.mark, since.deletion_mark),
            owner=key.owner,
        )

    async def delete(self, receipt_id: str, caller: Caller) -> bool:
        """Delete a caller's receipt, whichever models read it with whichever options, even if it is being read.

        Receipts that others own with the same ID stay, unless the caller is an operator.

        Returns:
            Whether there was any, or one was being read.

        Raises:
            CacheUnavailableError: If the store cannot be reached; the receipt may still be there.
        """
        # The marks come first: a receipt that is being read must not be put where the scan has already been.
        await asyncio.gather(
            *(
                store.put(
                    _mark_key(receipt_id, owner), secrets.token_bytes(16), ttl_s=_DELETION_MARK_TTL_S, owner=_MARKS
                )
                for store in self._stores
                for owner in caller.owners
            )
        )
        # One scan for all owners.
        prefix = _prefix(receipt_id) if caller.is_operator else _prefix(receipt_id, caller.group)
        counts = [await store.delete(prefix) for store in self._stores]
        return sum(counts) > 0

    async def aclose(self) -> None:
        """Close the stores."""
        for store in self._stores:
            await store.aclose()


def replay_key(receipt_id: str, owner: str, name: str) -> str:
    """Return the store key of a response that contains an owner's receipt; it is deleted with the receipt."""
    return f"{_prefix(receipt_id, owner)}replay:{_shorten(name)}"


def not_deleted(receipt_id: str, owner: str) -> Unchanged:
    """Return the condition that the owner did not delete a receipt in the last hour."""
    return Unchanged(_mark_key(receipt_id, owner), None)


def _store_key(receipt_id: str, owner: str, models: Models, orientation: Orientation | None) -> str:
    options = {} if orientation is None else {"orientation": orientation}
    circumstances = json.dumps([models.model_dump(), options], sort_keys=True)
    return f"{_prefix(receipt_id, owner)}{_shorten(circumstances)}"


def _prefix(receipt_id: str, owner: str | None = None) -> str:
    """Return how the keys of a receipt begin: those of one owner, or of all."""
    prefix = f"quittance:receipt:{_LAYOUT}:{receipt_id}:"
    # Hashed, because the name of a group may contain anything, such as the wildcards of a scan.
    return prefix if owner is None else f"{prefix}{_shorten(owner)}:"


def _mark_key(receipt_id: str, owner: str) -> str:
    return f"quittance:deleted:{receipt_id}:{_shorten(owner)}"


def _shorten(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


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
