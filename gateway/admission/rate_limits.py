"""Rate limits per caller, counted in Redis for all gateways, or in this process."""

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
    """Counts the requests of callers. While Redis is unavailable, each gateway counts for itself.

    Args:
        link: The link to Redis; None to count in this process.
        url: The URL of the same Redis.
    """

    def __init__(self, link: RedisLink | None = None, url: str | None = None) -> None:
        self._link = link
        self._local_limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._redis_limiter: SlidingWindowCounterRateLimiter | None = None
        if link is not None and url is not None:
            storage = RedisStorage(
                f"async+{url}",
                implementation="redispy",
                key_prefix="quittance:rate",
                # The annotation in `limits` is too narrow.
                connection_pool=cast(str, link.redis.connection_pool),
            )
            self._redis_limiter = SlidingWindowCounterRateLimiter(storage)

    async def hit(self, caller: str, limit: RateLimitItem) -> None:
        """Count one request.

        Raises:
            ProblemError: 429 with `Retry-After` if the caller has exceeded the limit.
        """
        wait_s = await self._count(caller, limit)
        if wait_s is not None:
            raise ProblemError(
                429,
                "too-many-requests",
                "Too many requests",
                f"At most {limit.amount} in {limit.get_expiry()} s are allowed. Try again in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )

    async def _count(self, caller: str, limit: RateLimitItem) -> int | None:
        """Count one request; return the seconds to wait if the limit is exceeded."""
        if self._link is not None and self._redis_limiter is not None:
            limiter = self._redis_limiter
            try:
                return await self._link.ask(lambda: _count_with(limiter, caller, limit))
            except CacheUnavailableError:
                pass
        return await _count_with(self._local_limiter, caller, limit)


async def _count_with(limiter: SlidingWindowCounterRateLimiter, caller: str, limit: RateLimitItem) -> int | None:
    if await limiter.hit(limit, caller):
        return None
    stats = await limiter.get_window_stats(limit, caller)
    return max(math.ceil(stats.reset_time - time.time()), 1)
