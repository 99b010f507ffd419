"""What has been read once is not read again: receipts kept by content, models and options, in memory or in Redis.

An entry is JSON, never a pickle: whoever can write to the cache can at worst put in a wrong receipt, not a program.
The key holds the versions of the models, so that new weights never get old answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.metrics import Lookup, ReceiptMetrics
from gateway.settings import GatewaySettings
from shared.contracts import Models, Receipt

# Raised when the layout of the entries changes, so that a new release does not trip over what an old one wrote.
_LAYOUT = 1
_HASH_IN_THREAD_BYTES = 256 * 1024  # from here on hashing takes longer than the way to a thread and back
_REST_AFTER_FAILURE_S = 1.0
_REDIS_CONNECTIONS = 64
_KEYS_A_STEP = 1000
_WALK_S = 10.0  # a million keys take about a second

_log = logging.getLogger(__name__)


class CacheUnavailableError(Exception):
    """The cache cannot be asked at the moment; nothing is known about what it holds."""


class Store(Protocol):
    """Keeps bytes under a key for a limited time."""

    async def get(self, key: str) -> bytes | None:
        """Gives what is kept, or None; raises `CacheUnavailableError`."""

    async def put(self, key: str, value: bytes) -> None:
        """Keeps a value; raises `CacheUnavailableError`."""

    async def delete(self, prefix: str) -> int:
        """Forgets all values whose keys begin so; gives how many. Raises `CacheUnavailableError`."""

    async def aclose(self) -> None:
        """Lets go of connections."""


class MemoryStore:
    """A store in this process, bounded in entries and in bytes; the least recently used go first.

    Args:
        max_entries: Most values kept.
        max_bytes: Most bytes kept, values only.
        ttl_s: Seconds a value is kept.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, *, max_entries: int, max_bytes: int, ttl_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    async def get(self, key: str) -> bytes | None:
        """Gives the value kept under the key, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        expires, value = entry
        if self._clock() >= expires:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes) -> None:
        """Keeps a value; one that is larger than the whole store is not kept."""
        self._drop(key)
        if self._ttl_s <= 0 or len(value) > self._max_bytes or self._max_entries < 1:
            return
        self._entries[key] = (self._clock() + self._ttl_s, value)
        self._bytes += len(value)
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    async def delete(self, prefix: str) -> int:
        """Forgets all values whose keys begin so; gives how many."""
        keys = [key for key in self._entries if key.startswith(prefix)]
        for key in keys:
            self._drop(key)
        return len(keys)

    async def aclose(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry[1])


class RedisStore:
    """A store in Redis, shared by all gateways.

    After a failure Redis is left alone for a second: while it hangs, only one request a second waits for it.

    Args:
        redis: The client; closed with the store.
        ttl_s: Seconds a value is kept.
        timeout_s: Longest time for one command, looking up the host's name and connecting included.
    """

    def __init__(self, redis: Redis, *, ttl_s: int, timeout_s: float) -> None:
        self._redis = redis
        self._ttl_s = ttl_s
        self._timeout_s = timeout_s
        self._resting_until = 0.0

    @classmethod
    def connect(cls, url: str, *, ttl_s: int, timeout_s: float) -> RedisStore:
        """Makes a store for a Redis URL; connects with the first command."""
        redis = Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 1),  # one, for a connection that went stale while it was idle
            max_connections=_REDIS_CONNECTIONS,
        )
        return cls(redis, ttl_s=ttl_s, timeout_s=timeout_s)

    async def get(self, key: str) -> bytes | None:
        """Gives the value kept under the key, or None; raises `CacheUnavailableError`."""
        self._check_rest()
        try:
            async with asyncio.timeout(self._timeout_s):
                value = await self._redis.get(key)
        except (RedisError, OSError, TimeoutError) as error:
            raise self._failed(error) from error
        return value if value is None or isinstance(value, bytes) else value.encode()

    async def put(self, key: str, value: bytes) -> None:
        """Keeps a value; raises `CacheUnavailableError`."""
        self._check_rest()
        if self._ttl_s <= 0:
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._redis.set(key, value, ex=self._ttl_s)
        except (RedisError, OSError, TimeoutError) as error:
            raise self._failed(error) from error

    async def delete(self, prefix: str) -> int:
        """Forgets all values whose keys begin so; gives how many. Raises `CacheUnavailableError`.

        Walks over all keys, since one receipt may have been read by several models with several options. Redis goes on
        answering others meanwhile.
        """
        self._check_rest()
        deleted = 0
        try:
            async with asyncio.timeout(_WALK_S):
                async for key in self._redis.scan_iter(match=f"{prefix}*", count=_KEYS_A_STEP):
                    deleted += await self._redis.delete(key)
        except (RedisError, OSError, TimeoutError) as error:
            raise self._failed(error) from error
        return deleted

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    def _check_rest(self) -> None:
        if time.monotonic() < self._resting_until:
            raise CacheUnavailableError("Redis failed less than a second ago")

    def _failed(self, error: Exception) -> CacheUnavailableError:
        self._resting_until = time.monotonic() + _REST_AFTER_FAILURE_S
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        _log.warning("The cache is unavailable; answers go on without it", extra={"reason": reason})
        return CacheUnavailableError(reason)


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

    @property
    def id(self) -> str:
        """The receipt's id: the first 32 hexadecimal digits."""
        return self.sha256[:32]


class _Entry(BaseModel):
    sha256: str
    receipt: Receipt


class ReceiptCache:
    """Receipts kept in a store, by content, model versions and options.

    The key holds the first half of the content's hash, so that a receipt is found by its id too; the entry holds the
    whole hash, and a lookup by content compares it. A store that is down costs no answer to an upload.

    Args:
        store: Where the entries are.
        metrics: Where lookups by content are counted.
    """

    def __init__(self, store: Store, metrics: ReceiptMetrics | None = None) -> None:
        self._store = store
        self._metrics = metrics

    async def get(self, content: Content, models: Models, options: Mapping[str, str] | None = None) -> Receipt | None:
        """Gives the receipt that was read from this content by these models, or None."""
        try:
            entry = await self._entry(content.id, models, options)
        except CacheUnavailableError:
            self._count("unavailable")
            return None
        found = entry is not None and entry.sha256 == content.sha256
        self._count("hit" if found else "miss")
        return entry.receipt if entry is not None and found else None

    async def find(self, receipt_id: str, models: Models, options: Mapping[str, str] | None = None) -> Receipt | None:
        """Gives the receipt with this id, or None; raises `CacheUnavailableError`."""
        entry = await self._entry(receipt_id, models, options)
        return None if entry is None else entry.receipt

    async def put(self, content: Content, receipt: Receipt, options: Mapping[str, str] | None = None) -> None:
        """Keeps a receipt under the models that read it; a store that is down is passed over."""
        entry = _Entry(sha256=content.sha256, receipt=receipt.model_copy(update={"cached": True}))
        try:
            await self._store.put(cache_key(content.id, receipt.models, options), entry.model_dump_json().encode())
        except CacheUnavailableError:
            return

    async def delete(self, receipt_id: str) -> bool:
        """Forgets a receipt, whichever models read it with whichever options; gives whether there was any.

        Raises:
            CacheUnavailableError: If the store cannot be asked; the receipt may still be there.
        """
        return await self._store.delete(_prefix(receipt_id)) > 0

    async def aclose(self) -> None:
        """Closes the store."""
        await self._store.aclose()

    def _count(self, result: Lookup) -> None:
        if self._metrics is not None:
            self._metrics.looked_up(result)

    async def _entry(self, receipt_id: str, models: Models, options: Mapping[str, str] | None) -> _Entry | None:
        key = cache_key(receipt_id, models, options)
        value = await self._store.get(key)
        if value is None:
            return None
        try:
            return _Entry.model_validate_json(value)
        except ValidationError as error:
            # Only counted: the messages of pydantic quote the receipt.
            _log.warning("A cache entry is unreadable", extra={"key": key, "errors": error.error_count()})
            return None


def cache_key(receipt_id: str, models: Models, options: Mapping[str, str] | None = None) -> str:
    """Names the place of a receipt in the store: content, versions of all models, options that change the answer."""
    circumstances = json.dumps([models.model_dump(), dict(options or {})], sort_keys=True)
    return f"{_prefix(receipt_id)}{hashlib.sha256(circumstances.encode()).hexdigest()[:32]}"


def _prefix(receipt_id: str) -> str:
    return f"quittance:receipt:{_LAYOUT}:{receipt_id}:"


def open_cache(settings: GatewaySettings, metrics: ReceiptMetrics | None = None) -> ReceiptCache:
    """Makes the cache that the settings ask for: Redis if there is a URL, else memory."""
    return ReceiptCache(_open_store(settings), metrics)


def _open_store(settings: GatewaySettings) -> Store:
    if settings.redis_url is not None:
        return RedisStore.connect(
            str(settings.redis_url), ttl_s=settings.cache_ttl_s, timeout_s=settings.redis_timeout_s
        )
    return MemoryStore(
        max_entries=settings.cache_max_entries, max_bytes=settings.cache_max_bytes, ttl_s=settings.cache_ttl_s
    )
