"""Rate limits by caller, counted in Redis for all gateways, or in this process."""

from __future__ import annotations

import math
import time
from typing import cast

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from gateway.storage.redis_store import RedisLink
from gateway.storage.stores import CacheUnavailableError
from shared.problems import ProblemError


class RateLimits:
    """Counts the requests of callers. While Redis cannot be asked, each gateway counts for itself.

    Args:
        link: The way to Redis; None counts in this process.
        url: Of the same Redis.
    """

    def __init__(self, link: RedisLink | None = None, url: str | None = None) -> None:
        self._link = link
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._together: SlidingWindowCounterRateLimiter | None = None
        if link is not None and url is not None:
            storage = RedisStorage(
                f"async+{url}",
                implementation="redispy",
                key_prefix="quittance:rate",
                connection_pool=cast(str, link.redis.connection_pool),  # the annotation of limits is too narrow
            )
            self._together = SlidingWindowCounterRateLimiter(storage)

    async def hit(self, caller: str, limit: RateLimitItem) -> None:
        """Counts one request.

        Raises:
            ProblemError: 429 with `Retry-After` if the caller has had too many.
        """
        wait_s = await self._wait(caller, limit)
        if wait_s is not None:
            raise ProblemError(
                429,
                "too-many-requests",
                "Too many requests",
                f"At most {limit.amount} in {limit.get_expiry()} s are allowed. Try again in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )

    async def _wait(self, caller: str, limit: RateLimitItem) -> int | None:
        """Counts; gives the seconds to wait if it was one too many."""
        if self._link is not None and self._together is not None:
            together = self._together
            try:
                return await self._link.ask(lambda: _count(together, caller, limit))
            except CacheUnavailableError:
                pass
        return await _count(self._alone, caller, limit)


async def _count(limiter: SlidingWindowCounterRateLimiter, caller: str, limit: RateLimitItem) -> int | None:
    if await limiter.hit(limit, caller):
        return None
    stats = await limiter.get_window_stats(limit, caller)
    return max(math.ceil(stats.reset_time - time.time()), 1)
