"""One reading of a receipt for all gateways that share a cache."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from gateway.reading.metrics import Lookup
from gateway.storage.cache import CacheUnavailableError, Look, Place, ReceiptCache
from gateway.storage.redis_store import allowance_left, redis_allowance
from gateway.storage.stores import Lock, held
from shared.contracts import Receipt

_POLL_S = 0.05
_AFTERWARDS_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caching:
    """What a request lets the cache do, as its `Cache-Control` says (RFC 9111).

    Attributes:
        look: An answer may come from the cache; not so with `no-cache`.
        keep: The answer may be kept; not so with `no-store`.
    """

    look: bool = True
    keep: bool = True

    @classmethod
    def asked_by(cls, cache_control: str | None) -> Caching:
        """Reads the header of a request."""
        directives = {directive.partition("=")[0].strip().lower() for directive in (cache_control or "").split(",")}
        return cls(look="no-cache" not in directives, keep="no-store" not in directives)


FREELY = Caching()
"""A request that says nothing about the cache."""


class SharedReading:
    """Reads a receipt unless it is kept, and keeps it; of several gateways that are asked at once, one reads.

    The one that reads holds a lock, which ends by itself when its holder dies; the others look again and again for the
    receipt and the lock. A cache that cannot be asked makes nobody wait: then each reads for itself.

    Args:
        cache: Shared by the gateways, or one's own.
        patience_s: Longest time, in seconds, that the cache may add to a request.
        count: Told of each request whether the cache had what it asked for.
    """

    def __init__(
        self, cache: ReceiptCache, *, patience_s: float, count: Callable[[Lookup], None] = lambda _: None
    ) -> None:
        self._cache = cache
        self._patience_s = patience_s
        self._count = count
        self._afterwards: set[asyncio.Task[None]] = set()

    async def run(self, place: Place, compute: Callable[[], Awaitable[Receipt]], caching: Caching) -> Receipt:
        """Gives the receipt that is kept at the place, or reads it.

        Raises:
            Exception: Whatever `compute` raises.
        """
        if not self._cache.keeps:
            return await compute()
        with redis_allowance(self._patience_s):
            try:
                before = await self._cache.look(place)
            except CacheUnavailableError:
                self._count("unavailable")
                return await compute()
            kept = before.receipt if caching.look else None
            self._count("miss" if kept is None else "hit")
            if kept is not None:
                return kept
            if not caching.keep:
                return await compute()
            if not caching.look:
                return await self._compute(place, compute, before, lock=None)
            return await self._compute_unless_others_do(place, compute, before)

    async def aclose(self) -> None:
        """Waits a moment for receipts that are still being put into the cache."""
        if self._afterwards:
            await asyncio.wait(self._afterwards, timeout=_AFTERWARDS_S)

    async def _compute_unless_others_do(
        self, place: Place, compute: Callable[[], Awaitable[Receipt]], before: Look
    ) -> Receipt:
        lock = self._cache.lock(place)
        try:
            while not await lock.acquire():
                await asyncio.sleep(_POLL_S)
                # The time of these looks passes while somebody else reads, so it adds nothing.
                with redis_allowance(self._patience_s, anew=True):
                    now = await self._cache.look(place)
                if now.receipt is not None:
                    return now.receipt
        except CacheUnavailableError:
            return await self._compute(place, compute, before, lock=None)
        async with held(lock):
            with suppress(CacheUnavailableError):  # they may have finished before we took the lock
                now = await self._cache.look(place)
                if now.receipt is not None:
                    await self._finish(self._let_go(lock))
                    return now.receipt
            return await self._compute(place, compute, before, lock=lock)

    async def _compute(
        self, place: Place, compute: Callable[[], Awaitable[Receipt]], before: Look, *, lock: Lock | None
    ) -> Receipt:
        try:
            receipt = await compute()
        except BaseException:
            if lock is not None:
                self._later(self._let_go(lock))  # also when it was cancelled: nothing may be awaited then
            raise
        await self._finish(self._keep(place, receipt, before, lock))
        return receipt

    async def _keep(self, place: Place, receipt: Receipt, before: Look, lock: Lock | None) -> None:
        with redis_allowance(_AFTERWARDS_S, anew=True):
            with suppress(CacheUnavailableError):
                if not await self._cache.put(place, receipt, before):
                    _log.info("A receipt was deleted while it was read, and is not kept")
            if lock is not None:
                await self._let_go(lock)

    async def _let_go(self, lock: Lock) -> None:
        with suppress(CacheUnavailableError), redis_allowance(_AFTERWARDS_S, anew=True):
            await lock.release()

    async def _finish(self, work: Awaitable[None]) -> None:
        """Waits for work on the cache as long as the request's allowance lets it; it goes on after that."""
        left_s = allowance_left()
        await asyncio.wait({self._later(work)}, timeout=self._patience_s if left_s is None else left_s)

    def _later(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(_call(work))
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)
        return task


async def _call(work: Awaitable[None]) -> None:
    await work
