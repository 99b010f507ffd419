"""Stores that keep bytes for a limited time, and the one in memory, for a single process."""

from __future__ import annotations

import asyncio
import secrets
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from typing import Protocol

# The lifetime of a lock should be several times as long.
_RENEW_INTERVAL_S = 0.5
# Locks are few and small, so they are never those who have most.
_LOCKS = "locks"


class CacheUnavailableError(Exception):
    """The store cannot be reached; what it holds is unknown."""


@dataclass(frozen=True)
class OwnerLimits:
    """Limits of what one owner stores: the number of values, and the size of all of them in bytes."""

    max_entries: int
    max_bytes: int


@dataclass(frozen=True)
class Unchanged:
    """A condition: a key still has this value, or none if the value is None."""

    key: str
    value: bytes | None


class Lock(ABC):
    """A lock that its creator holds until `release`: renewed in the background, and gone soon after its holder dies."""

    def __init__(self) -> None:
        # In a context of its own: the time this takes is not the request's.
        self._renewal = asyncio.create_task(self._renew_repeatedly(), context=Context())

    async def release(self) -> None:
        """Release the lock, if it is still held; raise `CacheUnavailableError`."""
        self._renewal.cancel()
        await self._release()

    async def _renew_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_INTERVAL_S)
            with suppress(CacheUnavailableError):
                if not await self._renew():
                    return

    @abstractmethod
    async def _renew(self) -> bool:
        """Restart the lifetime of the lock; return whether it was still held."""

    @abstractmethod
    async def _release(self) -> None:
        """Release the lock, if it is still held."""


class Store(Protocol):
    """Keeps bytes under keys for a limited time. All methods but `aclose` raise `CacheUnavailableError`."""

    async def get(self, *keys: str) -> list[bytes | None]:
        """Return the value of each key, or None."""

    async def put(
        self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None, owner: str = ""
    ) -> bool:
        """Store a value if the condition holds; return whether it did.

        A store with limits makes room by dropping values of owners who have many, so that no one loses theirs because
        of what others store.
        """

    async def delete(self, prefix: str) -> int:
        """Delete all values whose keys have this prefix; return their count."""

    async def try_lock(self, key: str, *, ttl_s: float) -> Lock | None:
        """Take a lock that lives for `ttl_s` without renewal; return None if it is held."""

    async def aclose(self) -> None:
        """Close the connections."""


class CacheStore(Store, Protocol):
    """A store for what is computed once: a caller who finds no value takes a lock before computing it."""

    async def get_or_lock(self, *keys: str, lock_key: str, ttl_s: float) -> tuple[list[bytes | None], Lock | None]:
        """Return the value of each key and, if the first has none, take a lock unless it is held.

        This is atomic: a value stored meanwhile is either returned, or stored after the lock was taken.
        """


@dataclass(frozen=True)
class _Entry:
    value: bytes
    expires: float
    owner: str


@dataclass
class _Holding:
    """What one owner has: its keys, the least recently used first, and the size of their values."""

    keys: OrderedDict[str, None] = field(default_factory=OrderedDict)
    size: int = 0


class MemoryStore:
    """A store in this process, limited in entries and bytes.

    When it is full, the owner that has most loses the least recently used of its entries.

    Args:
        max_entries: Maximum number of values.
        max_bytes: Maximum size of all values together.
        clock: Seconds, monotonic.
    """

    def __init__(self, *, max_entries: int, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._holdings: dict[str, _Holding] = {}
        self._bytes = 0

    async def get(self, *keys: str) -> list[bytes | None]:
        """Return the value of each key, or None."""
        return [self._get(key) for key in keys]

    async def put(
        self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None, owner: str = ""
    ) -> bool:
        """Store a value if the condition holds, unless it is larger than the whole store."""
        if condition is not None and self._get(condition.key) != condition.value:
            return False
        self._drop(key)
        if ttl_s > 0 and len(value) <= self._max_bytes and self._max_entries > 0:
            self._entries[key] = _Entry(value, self._clock() + ttl_s, owner)
            self._bytes += len(value)
            holding = self._holdings.setdefault(owner, _Holding())
            holding.keys[key] = None
            holding.size += len(value)
            while len(self._entries) > self._max_entries:
                self._drop_oldest_of(max(self._holdings.values(), key=lambda each: len(each.keys)))
            while self._bytes > self._max_bytes:
                self._drop_oldest_of(max(self._holdings.values(), key=lambda each: each.size))
        return True

    async def delete(self, prefix: str) -> int:
        """Delete all values whose keys have this prefix; return their count."""
        keys = [key for key in self._entries if key.startswith(prefix)]
        for key in keys:
            self._drop(key)
        return len(keys)

    async def try_lock(self, key: str, *, ttl_s: float) -> Lock | None:
        """Take a lock that lives for `ttl_s` without renewal; return None if it is held."""
        token = secrets.token_bytes(16)
        taken = await self.put(key, token, ttl_s=ttl_s, condition=Unchanged(key, None), owner=_LOCKS)
        return _MemoryLock(self, key, token, ttl_s) if taken else None

    async def get_or_lock(self, *keys: str, lock_key: str, ttl_s: float) -> tuple[list[bytes | None], Lock | None]:
        """Return the value of each key and, if the first has none, take a lock unless it is held."""
        values = await self.get(*keys)
        return values, None if values[0] is not None else await self.try_lock(lock_key, ttl_s=ttl_s)

    async def aclose(self) -> None:
        """Drop everything."""
        self._entries.clear()
        self._holdings.clear()
        self._bytes = 0

    def _get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry.expires:
            self._drop(key)
            return None
        self._holdings[entry.owner].keys.move_to_end(key)
        return entry.value

    def _drop_oldest_of(self, holding: _Holding) -> None:
        self._drop(next(iter(holding.keys)))

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._bytes -= len(entry.value)
        holding = self._holdings[entry.owner]
        del holding.keys[key]
        holding.size -= len(entry.value)
        if not holding.keys:
            del self._holdings[entry.owner]


class _MemoryLock(Lock):
    def __init__(self, store: MemoryStore, key: str, token: bytes, ttl_s: float) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self._token = token
        self._ttl_s = ttl_s

    async def _renew(self) -> bool:
        held = Unchanged(self._key, self._token)
        return await self._store.put(self._key, self._token, ttl_s=self._ttl_s, condition=held, owner=_LOCKS)

    async def _release(self) -> None:
        if await self._store.get(self._key) == [self._token]:
            await self._store.delete(self._key)
