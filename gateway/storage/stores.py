"""Stores that keep bytes for a limited time, and the one in memory, for a single process."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Protocol

RENEW_S = 0.5
"""How often a lock that is held is renewed; its time should be several times as long."""


class CacheUnavailableError(Exception):
    """The cache cannot be asked at the moment; nothing is known about what it holds."""


@dataclass(frozen=True)
class Unchanged:
    """A condition: what is kept under a key is still this, None for nothing."""

    key: str
    value: bytes | None


class Lock(Protocol):
    """A right that one holder has at a time, and that ends by itself when its holder does not renew it."""

    async def acquire(self) -> bool:
        """Takes the right, if nobody has it. Raises `CacheUnavailableError`."""

    async def renew(self) -> bool:
        """Holds it for its whole time again; gives whether it was still held. Raises `CacheUnavailableError`."""

    async def release(self) -> None:
        """Gives it back, if it is still held. Raises `CacheUnavailableError`."""


@asynccontextmanager
async def held(lock: Lock) -> AsyncIterator[None]:
    """Renews a lock that was acquired as long as the block runs; releasing it is up to the block."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with suppress(CacheUnavailableError):
                if not await lock.renew():
                    return  # it was taken away, or the store forgot

    # In a context of its own: the time this takes is not the request's.
    task = asyncio.create_task(renew(), context=Context())
    try:
        yield
    finally:
        task.cancel()


class Store(Protocol):
    """Keeps bytes under keys for a limited time."""

    async def get(self, *keys: str) -> list[bytes | None]:
        """Gives what is kept under each key, or None; raises `CacheUnavailableError`."""

    async def put(self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None) -> bool:
        """Keeps a value, if the condition holds; gives whether it did. Raises `CacheUnavailableError`."""

    async def delete(self, prefix: str) -> int:
        """Forgets all values whose keys begin so; gives how many. Raises `CacheUnavailableError`."""

    def lock(self, key: str, *, ttl_s: float) -> Lock:
        """Makes a lock, not held yet, that ends after so many seconds."""

    async def aclose(self) -> None:
        """Lets go of connections."""


class MemoryStore:
    """A store in this process, bounded in entries and in bytes; the least recently used go first.

    Args:
        max_entries: Most values kept.
        max_bytes: Most bytes kept, values only.
        clock: Seconds, monotonic.
    """

    def __init__(self, *, max_entries: int, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    async def get(self, *keys: str) -> list[bytes | None]:
        """Gives what is kept under each key, or None."""
        return [self._get(key) for key in keys]

    async def put(self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None) -> bool:
        """Keeps a value, if the condition holds; one that is larger than the whole store is not kept."""
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
        """Forgets all values whose keys begin so; gives how many."""
        keys = [key for key in self._entries if key.startswith(prefix)]
        for key in keys:
            self._drop(key)
        return len(keys)

    def lock(self, key: str, *, ttl_s: float) -> Lock:
        """Makes a lock, not held yet, that ends after so many seconds."""
        return _MemoryLock(self, key, ttl_s)

    async def aclose(self) -> None:
        """Forgets everything."""
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


class _MemoryLock:
    def __init__(self, store: MemoryStore, key: str, ttl_s: float) -> None:
        self._store = store
        self._key = key
        self._ttl_s = ttl_s
        self._token = secrets.token_bytes(16)

    async def acquire(self) -> bool:
        return await self._put(Unchanged(self._key, None))

    async def renew(self) -> bool:
        return await self._put(Unchanged(self._key, self._token))

    async def release(self) -> None:
        if await self._store.get(self._key) == [self._token]:
            await self._store.delete(self._key)

    async def _put(self, condition: Unchanged) -> bool:
        return await self._store.put(self._key, self._token, ttl_s=self._ttl_s, condition=condition)
