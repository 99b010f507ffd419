"""A store in Redis, shared by all gateways, that never costs a request more than a tenth of a second when Redis fails.

Three things bound the cost. A command has a time limit. A request has an allowance for all its commands together (see
`redis_allowance`). And after a failure Redis is left alone for a second, so that while it is down nobody waits for it
but one request a second; that one finds out when it is well again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.lock import Lock as RedisPyLock
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import LockError, RedisError

from gateway.storage.stores import CacheUnavailableError, Lock, Unchanged

Result = TypeVar("Result")

_REST_AFTER_FAILURE_S = 1.0
_CONNECTIONS = 64
_SOCKET_TIMEOUT_S = 5.0  # a backstop; the limits of `RedisLink.ask` come first
_KEYS_A_STEP = 1000
_WALK_S = 10.0  # a million keys take about a second
_STEP_S = 0.01
_TICK_S = 1e-6  # less than that is only an error of rounding
_PUT_UNLESS_CHANGED = """
if (redis.call('get', KEYS[2]) or '') ~= ARGV[3] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

_log = logging.getLogger(__name__)


class _Allowance:
    def __init__(self, seconds: float) -> None:
        self.left_s = seconds


_allowance: ContextVar[_Allowance | None] = ContextVar("redis_allowance", default=None)


@contextmanager
def redis_allowance(seconds: float, *, anew: bool = False) -> Iterator[None]:
    """Bounds the time that all commands inside the block wait for Redis together, those of tasks begun in it too.

    Args:
        seconds: The bound; one that is in force already goes on instead.
        anew: Whether this one counts in any case.
    """
    if not anew and _allowance.get() is not None:
        yield
        return
    token = _allowance.set(_Allowance(seconds))
    try:
        yield
    finally:
        _allowance.reset(token)


def allowance_left() -> float | None:
    """Seconds that may still be spent on Redis here; None if nothing bounds them."""
    allowance = _allowance.get()
    return None if allowance is None else max(allowance.left_s, 0.0)


class RedisLink:
    """The one way to Redis: time limits, and a rest after a failure.

    Args:
        redis: The client.
        timeout_s: Longest time for one command, looking up the host's name and connecting included.
    """

    def __init__(self, redis: Redis, *, timeout_s: float) -> None:
        self.redis = redis
        self._timeout_s = timeout_s
        self._resting_until = 0.0

    @classmethod
    def connect(cls, url: str, *, timeout_s: float) -> RedisLink:
        """Makes a link to a Redis URL; connects with the first command."""
        pool = BlockingConnectionPool.from_url(
            url,
            socket_timeout=_SOCKET_TIMEOUT_S,
            socket_connect_timeout=_SOCKET_TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),  # one, for a connection that went stale while it was idle
            max_connections=_CONNECTIONS,
            timeout=_SOCKET_TIMEOUT_S,
        )
        return cls(Redis.from_pool(pool), timeout_s=timeout_s)

    async def ask(self, command: Callable[[], Awaitable[Result]], *, timeout_s: float | None = None) -> Result:
        """Runs a command.

        Args:
            command: Sends it to Redis and waits for the answer.
            timeout_s: Longest time for this one; then the allowance does not count.

        Raises:
            CacheUnavailableError: If Redis does not answer in time or at all, failed less than a second ago, or the
                allowance is used up.
        """
        if time.monotonic() < self._resting_until:
            raise CacheUnavailableError("Redis failed less than a second ago")
        allowance = None if timeout_s is not None else _allowance.get()
        limit_s = timeout_s or self._timeout_s
        granted_s = limit_s if allowance is None else min(limit_s, allowance.left_s)
        if granted_s <= 0:
            raise CacheUnavailableError("The time that this request may spend on Redis is over")
        waited = _Waited()
        try:
            return await _within(command(), granted_s, waited)
        except TimeoutError as error:
            if granted_s < limit_s:  # slow rather than down: the next request may have more luck
                raise CacheUnavailableError("Redis is slow") from error
            raise self._failed(error) from error
        except LockError:  # an answer like any other, although the library calls it an error of Redis
            raise
        except (RedisError, OSError) as error:
            raise self._failed(error) from error
        finally:
            if allowance is not None:
                allowance.left_s -= waited.seconds

    async def aclose(self) -> None:
        """Closes the connections."""
        await self.redis.aclose()
        await self.redis.connection_pool.disconnect()

    def _failed(self, error: Exception) -> CacheUnavailableError:
        self._resting_until = time.monotonic() + _REST_AFTER_FAILURE_S
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        _log.warning("The cache is unavailable; answers go on without it", extra={"reason": reason})
        return CacheUnavailableError(reason)


class _Waited:
    seconds = 0.0


async def _within(command: Awaitable[Result], seconds: float, waited: _Waited) -> Result:
    """Gives the result of the command, or raises TimeoutError.

    Other than `asyncio.timeout`, it does not take its own process being busy for Redis being slow: time is counted in
    small steps, and a step that took longer, because the event loop was at other work, counts no more than it should
    have taken. With many uploads at once that makes the difference between one computation and several.
    """
    task = asyncio.ensure_future(command)
    try:
        while seconds - waited.seconds > _TICK_S:
            step_s = min(_STEP_S, seconds - waited.seconds)
            begun = time.monotonic()
            await asyncio.wait({task}, timeout=step_s)
            waited.seconds += min(time.monotonic() - begun, step_s)
            if task.done():
                return task.result()
        raise TimeoutError(f"no answer within {seconds:.3f} s")
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_look_away)


def _look_away(task: asyncio.Future[Result]) -> None:
    if not task.cancelled():
        task.exception()  # the command failed while it was being cancelled: nobody is there to hear of it


class RedisStore:
    """A store in Redis, shared by all gateways.

    Args:
        link: The way to Redis; closed with the store.
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def get(self, *keys: str) -> list[bytes | None]:
        """Gives what is kept under each key, or None; raises `CacheUnavailableError`."""
        values = await self._link.ask(lambda: self._link.redis.mget(keys))
        return [value.encode() if isinstance(value, str) else value for value in values]

    async def put(self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None) -> bool:
        """Keeps a value, if the condition holds; gives whether it did. Raises `CacheUnavailableError`."""
        milliseconds = int(ttl_s * 1000)
        redis = self._link.redis
        if milliseconds < 1:
            return False
        if condition is None:
            return bool(await self._link.ask(lambda: redis.set(key, value, px=milliseconds)))
        keys, expected = (key, condition.key), condition.value or b""
        return bool(
            await self._link.ask(lambda: redis.eval(_PUT_UNLESS_CHANGED, 2, *keys, value, milliseconds, expected))
        )

    async def delete(self, prefix: str) -> int:
        """Forgets all values whose keys begin so; gives how many. Raises `CacheUnavailableError`.

        Walks over all keys, since one receipt may have been read by several models with several options. Redis goes on
        answering others meanwhile.
        """

        async def walk() -> int:
            deleted = 0
            async for key in self._link.redis.scan_iter(match=f"{prefix}*", count=_KEYS_A_STEP):
                deleted += await self._link.redis.delete(key)
            return deleted

        return await self._link.ask(walk, timeout_s=_WALK_S)

    def lock(self, key: str, *, ttl_s: float) -> Lock:
        """Makes a lock, not held yet, that ends after so many seconds."""
        return _RedisLock(self._link, key, ttl_s)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._link.aclose()


class _RedisLock:
    """redis-py's lock: SET NX with a token; renewed and released by whoever knows the token."""

    def __init__(self, link: RedisLink, key: str, ttl_s: float) -> None:
        self._link = link
        self._lock = RedisPyLock(link.redis, key, timeout=ttl_s, blocking=False, thread_local=False)

    async def acquire(self) -> bool:
        return await self._link.ask(self._lock.acquire)

    async def renew(self) -> bool:
        try:
            return await self._link.ask(self._lock.reacquire)
        except LockError:
            return False

    async def release(self) -> None:
        try:
            await self._link.ask(self._lock.release)
        except LockError:
            return  # it ended by itself
