"""A store in Redis, shared by all gateways, that adds little time to a request even while Redis fails.

Three things bound that time. A command has a timeout. A request has a limit for all its commands together (see
`gateway.request_context.limit_redis_time`). And after a failure, Redis is left alone for a second, so that while it is
down only one request per second waits for it; that request finds out when Redis is back.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import astuple
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.request_context import get_redis_budget
from gateway.storage.stores import CacheUnavailableError, Lock, OwnerLimits, Unchanged

Result = TypeVar("Result")

_REST_AFTER_FAILURE_S = 1.0
_MAX_CONNECTIONS = 64
# Only a safety net: the limits of `RedisLink.ask` are shorter.
_SOCKET_TIMEOUT_S = 5.0
_KEYS_PER_SCAN_STEP = 1000
# Scanning a million keys takes about a second.
_SCAN_TIMEOUT_S = 10.0
_WAIT_STEP_S = 0.01
# Shorter times are rounding errors.
_CLOCK_TICK_S = 1e-6

_PUT_IF_UNCHANGED = """
if (redis.call('get', KEYS[2]) or '') ~= ARGV[3] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
# KEYS: the value's, the condition's, the owner's index and sizes; ARGV: the value, its lifetime in milliseconds, 1 if
# there is a condition, the expected value, the maximum number of values of the owner, and their maximum size. The index
# holds the owner's keys by the time they were put; the sizes are those of their values, and their sum under ''.
_PUT_FOR_OWNER = """
if ARGV[3] == '1' and (redis.call('get', KEYS[2]) or '') ~= ARGV[4] then return 0 end
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local total = tonumber(redis.call('hget', KEYS[4], '') or 0)
local function forget(key)
    local size = tonumber(redis.call('hget', KEYS[4], key) or 0)
    redis.call('hdel', KEYS[4], key)
    redis.call('zrem', KEYS[3], key)
    total = total - size
end
for _, key in ipairs(redis.call('zrangebyscore', KEYS[3], '-inf', now - ARGV[2])) do forget(key) end
forget(KEYS[1])
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('zadd', KEYS[3], now, KEYS[1])
redis.call('hset', KEYS[4], KEYS[1], #ARGV[1])
total = total + #ARGV[1]
while redis.call('zcard', KEYS[3]) > tonumber(ARGV[5]) or total > tonumber(ARGV[6]) do
    local oldest = redis.call('zrange', KEYS[3], 0, 0)[1]
    if not oldest then break end
    forget(oldest)
    redis.call('del', oldest)
end
redis.call('hset', KEYS[4], '', total)
redis.call('pexpire', KEYS[3], ARGV[2])
redis.call('pexpire', KEYS[4], ARGV[2])
return 1
"""
# The last key is the lock's. Returns the values of the others, then whether the lock was taken.
_GET_OR_LOCK = """
local found = redis.call('mget', unpack(KEYS, 1, #KEYS - 1))
local taken = not found[1] and redis.call('set', KEYS[#KEYS], ARGV[1], 'NX', 'PX', ARGV[2])
found[#KEYS] = taken and 1 or 0
return found
"""
_RENEW_LOCK = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])
"""
_RELEASE_LOCK = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1])"

_log = logging.getLogger(__name__)


class RedisLink:
    """The only way to Redis, with timeouts and a rest after each failure.

    Args:
        redis: The client.
        timeout_s: Timeout of one command in seconds, including name resolution and connecting.
    """

    def __init__(self, redis: Redis, *, timeout_s: float) -> None:
        self.redis = redis
        self._timeout_s = timeout_s
        self._resting_until = 0.0

    @classmethod
    def connect(cls, url: str, *, timeout_s: float, password: str | None = None) -> RedisLink:
        """Create a link to a Redis URL, which connects with the first command."""
        pool = BlockingConnectionPool.from_url(
            url,
            password=password,
            socket_timeout=_SOCKET_TIMEOUT_S,
            socket_connect_timeout=_SOCKET_TIMEOUT_S,
            # One retry, for a connection that went stale while it was idle.
            retry=Retry(NoBackoff(), 1),
            max_connections=_MAX_CONNECTIONS,
            timeout=_SOCKET_TIMEOUT_S,
        )
        return cls(Redis.from_pool(pool), timeout_s=timeout_s)

    async def ask(self, command: Callable[[], Awaitable[Result]], *, timeout_s: float | None = None) -> Result:
        """Run a command and return its result.

        Args:
            command: Sends the command to Redis and waits for the answer.
            timeout_s: Timeout of this command; the limit of the request does not apply then.

        Raises:
            CacheUnavailableError: If Redis does not answer in time, failed less than a second ago, or the request has
                no time left for it.
        """
        if time.monotonic() < self._resting_until:
            raise CacheUnavailableError("Redis failed less than a second ago")
        budget = None if timeout_s is not None else get_redis_budget()
        limit_s = timeout_s or self._timeout_s
        granted_s = limit_s if budget is None else min(limit_s, budget.left_s)
        if granted_s <= 0:
            raise CacheUnavailableError("the request has no time left for Redis")
        wait = _Wait()
        try:
            return await _run_within(command(), granted_s, wait)
        except TimeoutError as error:
            # Redis is slow rather than down: the next request may succeed.
            if granted_s < limit_s:
                raise CacheUnavailableError("Redis is slow") from error
            raise self._note_failure(error) from error
        except (RedisError, OSError) as error:
            raise self._note_failure(error) from error
        finally:
            if budget is not None:
                budget.left_s -= wait.seconds

    async def aclose(self) -> None:
        """Close the connections."""
        await self.redis.aclose()
        await self.redis.connection_pool.disconnect()

    def _note_failure(self, error: Exception) -> CacheUnavailableError:
        self._resting_until = time.monotonic() + _REST_AFTER_FAILURE_S
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        _log.warning("Cache unavailable", extra={"reason": reason})
        return CacheUnavailableError(reason)


class _Wait:
    seconds = 0.0


async def _run_within(command: Awaitable[Result], seconds: float, wait: _Wait) -> Result:
    """Return the result of a command, or raise TimeoutError.

    Unlike `asyncio.timeout`, this does not mistake a busy process for a slow Redis: time is counted in small steps, and
    a step that took longer, because the event loop had other work, counts no more than it should have taken. With many
    uploads at once, that makes the difference between one computation and several.
    """
    task = asyncio.ensure_future(command)
    try:
        while seconds - wait.seconds > _CLOCK_TICK_S:
            step_s = min(_WAIT_STEP_S, seconds - wait.seconds)
            start = time.monotonic()
            await asyncio.wait({task}, timeout=step_s)
            wait.seconds += min(time.monotonic() - start, step_s)
            if task.done():
                return task.result()
        raise TimeoutError(f"no answer within {seconds:.3f} s")
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_retrieve_exception)


def _retrieve_exception(task: asyncio.Future[Result]) -> None:
    """Mark the exception of a task as retrieved, if it failed while it was being canceled, so that it is not logged."""
    if not task.cancelled():
        task.exception()


class RedisStore:
    """A store in Redis, shared by all gateways.

    Args:
        link: The link to Redis; closed with the store.
        per_owner: Limits of what each owner stores, beyond which its oldest values are dropped; None for no limits
            except those of Redis.
    """

    def __init__(self, link: RedisLink, per_owner: OwnerLimits | None = None) -> None:
        self._link = link
        self._per_owner = per_owner

    async def get(self, *keys: str) -> list[bytes | None]:
        """Return the value of each key, or None; raise `CacheUnavailableError`."""
        return _to_bytes(await self._link.ask(lambda: self._link.redis.mget(keys)))

    async def put(
        self, key: str, value: bytes, *, ttl_s: float, condition: Unchanged | None = None, owner: str = ""
    ) -> bool:
        """Store a value if the condition holds; return whether it did. Raise `CacheUnavailableError`."""
        milliseconds = int(ttl_s * 1000)
        redis = self._link.redis
        if milliseconds < 1:
            return False
        if self._per_owner is not None:
            keys = (key, key if condition is None else condition.key, *_get_owner_keys(owner))
            expected = b"" if condition is None else condition.value or b""
            arguments = (value, milliseconds, int(condition is not None), expected, *astuple(self._per_owner))
            return bool(await self._link.ask(lambda: redis.eval(_PUT_FOR_OWNER, len(keys), *keys, *arguments)))
        if condition is None:
            return bool(await self._link.ask(lambda: redis.set(key, value, px=milliseconds)))
        pair, expected = (key, condition.key), condition.value or b""
        return bool(
            await self._link.ask(lambda: redis.eval(_PUT_IF_UNCHANGED, 2, *pair, value, milliseconds, expected))
        )

    async def delete(self, prefix: str) -> int:
        """Delete all values whose keys have this prefix; return their count. Raise `CacheUnavailableError`.

        Scans all keys, since several models may have read one receipt with several options. Redis serves others
        meanwhile.
        """
        return await self._link.ask(lambda: self._scan_and_delete(prefix), timeout_s=_SCAN_TIMEOUT_S)

    async def try_lock(self, key: str, *, ttl_s: float) -> Lock | None:
        """Take a lock that lives for `ttl_s` without renewal; return None if it is held.

        Raises:
            CacheUnavailableError: If Redis cannot be reached.
        """
        token, milliseconds = secrets.token_hex(16), int(ttl_s * 1000)
        taken = await self._link.ask(lambda: self._link.redis.set(key, token, nx=True, px=milliseconds))
        return _RedisLock(self._link, key, token, milliseconds) if taken else None

    async def get_or_lock(self, *keys: str, lock_key: str, ttl_s: float) -> tuple[list[bytes | None], Lock | None]:
        """Return the value of each key and, if the first has none, take a lock unless it is held.

        Raises:
            CacheUnavailableError: If Redis cannot be reached.
        """
        token, milliseconds = secrets.token_hex(16), int(ttl_s * 1000)
        redis, all_keys = self._link.redis, (*keys, lock_key)
        *values, taken = await self._link.ask(
            lambda: redis.eval(_GET_OR_LOCK, len(all_keys), *all_keys, token, milliseconds)
        )
        return _to_bytes(values), _RedisLock(self._link, lock_key, token, milliseconds) if taken else None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._link.aclose()

    async def _scan_and_delete(self, prefix: str) -> int:
        deleted = 0
        async for key in self._link.redis.scan_iter(match=f"{prefix}*", count=_KEYS_PER_SCAN_STEP):
            deleted += await self._link.redis.delete(key)
        return deleted


class _RedisLock(Lock):
    def __init__(self, link: RedisLink, key: str, token: str, ttl_ms: int) -> None:
        super().__init__()
        self._link = link
        self._key = key
        self._token = token
        self._ttl_ms = ttl_ms

    async def _renew(self) -> bool:
        redis, arguments = self._link.redis, (self._key, self._token, self._ttl_ms)
        return bool(await self._link.ask(lambda: redis.eval(_RENEW_LOCK, 1, *arguments)))

    async def _release(self) -> None:
        redis, arguments = self._link.redis, (self._key, self._token)
        await self._link.ask(lambda: redis.eval(_RELEASE_LOCK, 1, *arguments))


def _get_owner_keys(owner: str) -> tuple[str, str]:
    """Return the keys of an owner's index and sizes."""
    name = hashlib.sha256(owner.encode()).hexdigest()[:32]
    return f"quittance:owner:{name}:keys", f"quittance:owner:{name}:sizes"


def _to_bytes(values: list[bytes | str | None]) -> list[bytes | None]:
    return [value.encode() if isinstance(value, str) else value for value in values]
