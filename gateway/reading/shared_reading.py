"""One reading of a receipt for all callers who want it at the same time, in this gateway and in others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from gateway.codes.reader import CODES_UNREAD
from gateway.reading.metrics import ReceiptMetrics
from gateway.reading.read_request import ReadRequest
from gateway.request_context import get_redis_budget, limit_redis_time
from gateway.storage.cache import CacheKey, CacheUnavailableError, Look, ReceiptCache
from gateway.storage.cache_control import UNRESTRICTED, Caching
from gateway.storage.stores import Lock
from shared.contracts import Models, Receipt
from shared.service.deadline import Deadline, deadline_problem

_POLL_INTERVAL_S = 0.05
_CLEANUP_TIMEOUT_S = 1.0
# The problem that the reading itself raises, which names the stage, should come first. Where the deadline of the
# reading has passed too, that problem is certain to come, though a busy event loop may delay it.
_DEADLINE_GRACE_S = 0.05
_OWN_PROBLEM_S = 1.0

_log = logging.getLogger(__name__)


class Reader(Protocol):
    """Reads receipts."""

    async def read(self, request: ReadRequest, models: Models) -> Receipt:
        """Read a receipt; `models` are the versions of the models as last reported."""


@dataclass
class _Flight:
    """A reading in progress.

    Attributes:
        task: Reads the receipt.
        deadline: The latest of all who joined.
        waiting: Number of callers who wait for it.
    """

    task: asyncio.Task[Receipt]
    deadline: Deadline
    waiting: int = 0


class SharedReading:
    """Reads each receipt once, unless it is cached, and caches it.

    Callers of one group in this process join the reading in progress, if there is one. Other groups read for
    themselves, so that neither a response nor its time tells whether others sent the same picture. The reading
    continues while at least one caller waits, until the latest of their deadlines. If it fails, it fails for all of
    them.

    Of several gateways with the same cache, one reads. It holds a lock, which expires if the gateway dies. The others
    poll the cache for the receipt and the lock. If the cache is unavailable, no gateway waits, and each one reads the
    receipt itself.

    Args:
        cache: Used by this gateway alone or by several.
        reader: Reads what is not cached.
        metrics: Counts lookups.
        patience_s: Maximum time that the cache may add to a request, in seconds.
    """

    def __init__(self, cache: ReceiptCache, reader: Reader, metrics: ReceiptMetrics, *, patience_s: float) -> None:
        self._cache = cache
        self._reader = reader
        self._metrics = metrics
        self._patience_s = patience_s
        self._flights: dict[tuple[CacheKey, Caching], _Flight] = {}
        self._cleanups: set[asyncio.Task[None]] = set()

    @property
    def in_progress(self) -> int:
        """The number of readings in progress."""
        return len(self._flights)

    async def read(self, request: ReadRequest, models: Models) -> Receipt:
        """Return a receipt from the cache, from a reading in progress, or from a new one.

        Args:
            request: What to read. Callers who join may extend the deadline of the reading, but not that of this call.
            models: Versions of the models as last reported.

        Raises:
            ProblemError: 504 if the deadline passed.
            Exception: Whatever the reader raises.
        """
        key = CacheKey(request.identity, models, request.orientation, request.owner)
        flight = self._flights.get((key, request.caching))
        # A reading that is out of time is about to fail.
        if flight is None or flight.deadline.remaining() <= 0:
            flight = self._start(key, request)
        flight.deadline.extend_to(request.deadline)
        flight.waiting += 1
        try:
            async with asyncio.timeout(request.deadline.remaining() + _DEADLINE_GRACE_S) as limit:
                # Shielded: a caller who hangs up must not cancel the reading for the others.
                return await asyncio.shield(flight.task)
        except TimeoutError as error:
            if not limit.expired():
                raise
            if flight.deadline.remaining() <= 0:
                await asyncio.wait({flight.task}, timeout=_OWN_PROBLEM_S)
            if flight.task.done():
                return flight.task.result()
            raise deadline_problem(request.deadline.seconds) from error
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                # Removed at once, so that no caller joins a reading that is being canceled.
                self._remove(key, request.caching, flight.task)
                flight.task.cancel()

    async def aclose(self) -> None:
        """Wait a moment for receipts that are still being cached."""
        if self._cleanups:
            await asyncio.wait(self._cleanups, timeout=_CLEANUP_TIMEOUT_S)

    def _start(self, key: CacheKey, request: ReadRequest) -> _Flight:
        deadline = request.deadline.copy()
        task = asyncio.create_task(self._look_and_read(key, replace(request, deadline=deadline)))
        flight = self._flights[key, request.caching] = _Flight(task, deadline)
        task.add_done_callback(partial(self._remove, key, request.caching))
        return flight

    def _remove(self, key: CacheKey, caching: Caching, task: asyncio.Task[Receipt]) -> None:
        flight = self._flights.get((key, caching))
        if flight is not None and flight.task is task:
            del self._flights[key, caching]

    async def _look_and_read(self, key: CacheKey, request: ReadRequest) -> Receipt:
        if not self._cache.is_enabled:
            return await self._reader.read(request, key.models)
        lock: Lock | None = None
        try:
            if request.caching == UNRESTRICTED:
                look, lock = await self._cache.look_or_lock(key)
            else:
                look = await self._cache.look(key)
        except CacheUnavailableError:
            self._metrics.count_lookup("unavailable")
            return await self._reader.read(request, key.models)
        receipt = look.receipt if request.caching.may_look else None
        self._metrics.count_lookup("miss" if receipt is None else "hit")
        if receipt is None and request.caching == UNRESTRICTED and lock is None:
            receipt, lock = await self._wait_for_others(key)
        if receipt is not None:
            return receipt
        if not request.caching.may_keep:
            return await self._reader.read(request, key.models)
        return await self._read_and_keep(key, request, look, lock)

    async def _wait_for_others(self, key: CacheKey) -> tuple[Receipt | None, Lock | None]:
        """Wait until another gateway has read the receipt, or gave up; then take its lock."""
        try:
            while True:
                await asyncio.sleep(_POLL_INTERVAL_S)
                # These lookups add nothing to the request: another gateway reads meanwhile.
                with limit_redis_time(self._patience_s):
                    look, lock = await self._cache.look_or_lock(key)
                if look.receipt is not None or lock is not None:
                    return look.receipt, lock
        except CacheUnavailableError:
            return None, None

    async def _read_and_keep(self, key: CacheKey, request: ReadRequest, before: Look, lock: Lock | None) -> Receipt:
        try:
            receipt = await self._reader.read(request, key.models)
        except BaseException:
            if lock is not None:
                # Not awaited: this task may have been canceled.
                self._clean_up(self._release(lock))
            raise
        keeping = self._clean_up(self._keep(key, receipt, before, lock))
        # Caching goes on after the request's time for Redis is over.
        budget = get_redis_budget()
        await asyncio.wait({keeping}, timeout=self._patience_s if budget is None else max(budget.left_s, 0.0))
        return receipt

    async def _keep(self, key: CacheKey, receipt: Receipt, before: Look, lock: Lock | None) -> None:
        with limit_redis_time(_CLEANUP_TIMEOUT_S), suppress(CacheUnavailableError):
            is_complete = all(warning.code != CODES_UNREAD for warning in receipt.warnings)
            if is_complete and not await self._cache.put(key, receipt, before):
                _log.info("Receipt not cached, because it was deleted while it was read")
        if lock is not None:
            await self._release(lock)

    async def _release(self, lock: Lock) -> None:
        with limit_redis_time(_CLEANUP_TIMEOUT_S), suppress(CacheUnavailableError):
            await lock.release()

    def _clean_up(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._cleanups.add(task)
        task.add_done_callback(self._cleanups.discard)
        return task
