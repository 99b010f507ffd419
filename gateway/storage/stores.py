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
from dataclasses import dataclass
from typing import Protocol

# The lifetime of a lock should be several times as long.
_RENEW_INTERVAL_S = 0.5


class CacheUnavailableError(Exception):
    """The store cannot be reached; what it holds is unknown."""


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

    async def put(self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None) -> bool:
        """Store a value if the condition holds; return whether it did."""

    async def delete(self, prefix: str) -> int:
        """Delete all values whose keys have this prefix; return their count."""

    async def try_lock(self, key: str, *, ttl_s: float) -> Lock | None:
        """Take a lock that lives for `ttl_s` without renewal; return None if it is held."""

    async def get_or_lock(self, *keys: str, lock_key: str, ttl_s: float) -> tuple[list[bytes | None], Lock | None]:
        """Return the value of each key and, if the first has none, take a lock unless it is held.

        This is atomic: a value stored meanwhile is either returned, or stored after the lock was taken.
        """

    async def aclose(self) -> None:
        """Close the connections."""


class MemoryStore:
    """A store in this process, limited in entries and bytes; the least recently used entries are dropped first.

    Args:
        max_entries: Maximum number of values.
        max_bytes: Maximum size of all values together.
        clock: Seconds, monotonic.
    """

    def __init__(self, *, max_entries: int, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    async def get(self, *keys: str) -> list[bytes | None]:
        """Return the value of each key, or None."""
        return [self._get(key) for key in keys]

    async def put(self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None) -> bool:
        """Store a value if the condition holds, unless it is larger than the whole store."""
        if condition is not None and self._get(condition.key) != condition.value:
            return False
        self._drop(key)
        if ttl_s > 0 and len(value) <= self._max_bytes and self._max_entries > 0:
            self._entries[key] = (self._clock() + ttl_s, value)
            self._bytes += len(value)
            while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))
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
        taken = await self.put(key, token, ttl_s=ttl_s, condition=Unchanged(key, None))
        return _MemoryLock(self, key, token, ttl_s) if taken else None

    async def get_or_lock(self, *keys: str, lock_key: str, ttl_s: float) -> tuple[list[bytes | None], Lock | None]:
        """Return the value of each key and, if the first has none, take a lock unless it is held."""
        values = await self.get(*keys)
        return values, None if values[0] is not None else await self.try_lock(lock_key, ttl_s=ttl_s)

    async def aclose(self) -> None:
        """Drop everything."""
        self._entries.clear()
        self._bytes = 0

    def _get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        expires, value = entry
        if self._clock() >= expires:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return value

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry[1])


class _MemoryLock(Lock):
    def __init__(self, store: MemoryStore, key: str, token: bytes, ttl_s: float) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self._token = token
        self._ttl_s = ttl_s

    async def _renew(self) -> bool:
        held = Unchanged(self._key, self._token)
        return await self._store.put(self._key, self._token, ttl_s=self._ttl_s, condition=held)

    async def _release(self) -> None:
        if await self._store.get(self._key) == [self._token]:
            await self._store.delete(self._key)
