"""Jobs in Redis, shared by any number of gateways: states, results, and the bytes of files until they are read.

No key has an expiry, so a Redis that is also a cache (policy `volatile-lru`) never evicts a job; `delete_expired`
removes old jobs instead. For the same reason jobs could push the whole cache out of the memory, so all of them together
are limited, to at most half of it. Changes that must be atomic are Lua scripts.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.jobs.contracts import FileState
from gateway.jobs.model import Delivery, DueWebhook, JobOptions, JobRecord, Outcome, Snapshot, Work, parse_file_states
from gateway.jobs.stores.job_store import (
    RESULT_BYTES,
    JobsFullError,
    JobsUnavailableError,
    StoreLimits,
    result_too_large_outcome,
)

# Sorted sets by time, in seconds since the epoch: when a job expires, and when its webhook is due.
_JOBS = "quittance:jobs"
_WEBHOOKS = "quittance:webhooks"
# A hash by job ID: the bytes that are counted for each job.
_USAGE = "quittance:jobs:usage"
# The keys of one job end so. The first is a hash of the job itself, `:changes` a sorted set of indices by revision, and
# the others are hashes by the index of the file. `:usage` holds the bytes that are counted for each file: its own and
# some for its result, and then those of its result.
_KEY_SUFFIXES = ("", ":files", ":states", ":attempts", ":changes", ":data", ":receipts", ":usage")
_MEMORY_SHARE = 0.5

# A function for scripts: counts bytes for a file, unless that is more than before and all jobs would exceed the limit.
_COUNT = """
local function count(of_job, of_all, job, index, size, limit)
    local counted = tonumber(redis.call('HGET', of_job, index) or 0)
    if size > counted then
        local total = size - counted
        for _, bytes in ipairs(redis.call('HVALS', of_all)) do total = total + tonumber(bytes) end
        if total > limit then return false end
    end
    redis.call('HSET', of_job, index, size)
    redis.call('HINCRBY', of_all, job, size - counted)
    return true
end
"""
# KEYS: those of the job, the usage, the jobs; ARGV: the index, the bytes, the size to count, the limit, the job ID.
# Returns 1 if the file was added, 0 if there is no space, -1 if the job does not exist any more.
_ADD_FILE = (
    _COUNT
    + """
if not redis.call('ZSCORE', KEYS[10], ARGV[5]) then return -1 end
if not count(KEYS[8], KEYS[9], ARGV[5], ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])) then return 0 end
redis.call('HSET', KEYS[6], ARGV[1], ARGV[2])
return 1
"""
)
# KEYS: those of the job; ARGV: the index, the new state as JSON. Returns the attempt.
_START_FILE = """
local state = redis.call('HGET', KEYS[3], ARGV[1])
if state ~= 'queued' and state ~= 'running' then return nil end
local revision = redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('HSET', KEYS[3], ARGV[1], 'running')
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[5], revision, ARGV[1])
return redis.call('HINCRBY', KEYS[4], ARGV[1], 1)
"""
# KEYS: those of the job, the usage, the webhooks; ARGV: the index, the new state as JSON, its name, the receipts, now,
# the job ID, the limit, and state, name and receipts for a result that does not fit.
_FINISH_FILE = (
    _COUNT
    + """
local state = redis.call('HGET', KEYS[3], ARGV[1])
if state ~= 'queued' and state ~= 'running' then return 0 end
if not count(KEYS[8], KEYS[9], ARGV[6], ARGV[1], #ARGV[4], tonumber(ARGV[7])) then
    ARGV[2], ARGV[3], ARGV[4] = ARGV[8], ARGV[9], ARGV[10]
    count(KEYS[8], KEYS[9], ARGV[6], ARGV[1], 0, 0)
end
local revision = redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[5], revision, ARGV[1])
redis.call('HSET', KEYS[7], ARGV[1], ARGV[4])
redis.call('HDEL', KEYS[6], ARGV[1])
if redis.call('HINCRBY', KEYS[1], 'left', -1) == 0 then
    redis.call('HSET', KEYS[1], 'finished', ARGV[5])
    if redis.call('HGET', KEYS[1], 'webhook') == '1' then redis.call('ZADD', KEYS[10], ARGV[5], ARGV[6]) end
end
return 1
"""
)
# KEYS: the webhooks; ARGV: now, the end of the lease. Returns a job ID.
_LEASE_WEBHOOK = """
local id = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1)[1]
if id then redis.call('ZADD', KEYS[1], ARGV[2], id) end
return id
"""
# KEYS: the job, the webhooks; ARGV: the job ID. Returns the options and the attempt; nothing if the job was deleted.
_COUNT_ATTEMPT = """
local options = redis.call('HGET', KEYS[1], 'options')
if not options then redis.call('ZREM', KEYS[2], ARGV[1]) return nil end
return {options, redis.call('HINCRBY', KEYS[1], 'webhook_attempts', 1)}
"""
# KEYS: the job, the webhooks; ARGV: the job ID, when it is due again or nothing, the change of its attempts, and
# possibly a field of the job with its value. A job that was deleted stays so.
_SETTLE_WEBHOOK = """
if ARGV[2] == '' then redis.call('ZREM', KEYS[2], ARGV[1])
else redis.call('ZADD', KEYS[2], 'XX', ARGV[2], ARGV[1]) end
if redis.call('EXISTS', KEYS[1]) == 0 then return end
redis.call('HINCRBY', KEYS[1], 'webhook_attempts', ARGV[3])
if ARGV[4] then redis.call('HSET', KEYS[1], ARGV[4], ARGV[5]) end
"""


class RedisJobStore:
    """A job store in Redis.

    Args:
        redis: The client, which the caller closes.
        limits: Limits of all jobs together; they also take at most half of the memory that Redis may use.
    """

    def __init__(self, redis: Redis, limits: StoreLimits) -> None:
        # Any, because its commands are typed as both synchronous and asynchronous.
        self._redis: Any = redis
        self._limits = limits
        self._add_file_script = redis.register_script(_ADD_FILE)
        self._start_file_script = redis.register_script(_START_FILE)
        self._finish_file_script = redis.register_script(_FINISH_FILE)
        self._lease_webhook_script = redis.register_script(_LEASE_WEBHOOK)
        self._count_attempt_script = redis.register_script(_COUNT_ATTEMPT)
        self._settle_webhook_script = redis.register_script(_SETTLE_WEBHOOK)

    async def begin(self, record: JobRecord) -> None:
        """Implement `JobStore.begin`."""
        async with _translate_errors():
            # Until it is committed, it lives no longer than an upload takes.
            expires = min(record.created + self._limits.upload_s, record.expires)
            await self._redis.zadd(_JOBS, {record.id: expires})

    async def add_file(self, job_id: str, index: int, data: bytes) -> None:
        """Implement `JobStore.add_file`."""
        size = len(data) + RESULT_BYTES
        async with _translate_errors():
            limit = await self._find_limit()
            keys = [*_get_keys(job_id), _USAGE, _JOBS]
            added = await self._add_file_script(keys, [index, data, size, limit, job_id])
        if added < 0:
            raise JobsUnavailableError("the job expired before all of its files had arrived")
        if not added:
            raise JobsFullError(f"jobs may have {limit:,} bytes in total")

    async def commit(self, record: JobRecord, files: Sequence[FileState]) -> None:
        """Implement `JobStore.commit`."""
        remaining = sum(file.state == "queued" for file in files)
        job: dict[str, Any] = {
            "created": record.created,
            "expires": record.expires,
            "options": record.options.model_dump_json(),
            "webhook": "1" if record.options.webhook_url else "0",
            "left": remaining,
            "revision": 1,
        }
        if remaining == 0:
            job["finished"] = time.time()
        async with _translate_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(_JOBS, {record.id: record.expires})
            pipe.hset(_get_key(record.id), mapping=job)
            pipe.hset(
                _get_key(record.id, ":files"), mapping={str(file.index): file.model_dump_json() for file in files}
            )
            pipe.hset(_get_key(record.id, ":states"), mapping={str(file.index): file.state for file in files})
            if remaining == 0 and record.options.webhook_url:
                pipe.zadd(_WEBHOOKS, {record.id: job["finished"]})
            await pipe.execute()

    async def find(self, job_id: str) -> Snapshot | None:
        """Implement `JobStore.find`."""
        async with _translate_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(_get_key(job_id))
            pipe.hgetall(_get_key(job_id, ":files"))
            pipe.zscore(_WEBHOOKS, job_id)
            job, states, webhook_at = await pipe.execute()
        if not job or float(job[b"expires"]) < time.time():
            return None
        options = JobOptions.model_validate_json(job[b"options"])
        record = JobRecord(job_id, float(job[b"created"]), float(job[b"expires"]), options)
        files = sorted(parse_file_states(states.values()), key=lambda file: file.index)
        finished = float(job[b"finished"]) if b"finished" in job else None
        return Snapshot(record, files, finished, int(job[b"revision"]), _parse_delivery(job, webhook_at))

    async def exists(self, job_id: str) -> bool:
        """Implement `JobStore.exists`."""
        async with _translate_errors():
            return bool(await self._redis.exists(_get_key(job_id)))

    async def find_revisions(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Implement `JobStore.find_revisions`."""
        async with _translate_errors(), self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hget(_get_key(job_id), "revision")
            revisions = await pipe.execute()
        pairs = zip(job_ids, revisions, strict=True)
        return {job_id: int(revision) for job_id, revision in pairs if revision is not None}

    async def find_changes(self, job_id: str, revision: int) -> tuple[int, list[FileState]] | None:
        """Implement `JobStore.find_changes`."""
        async with _translate_errors():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hget(_get_key(job_id), "revision")
                pipe.zrangebyscore(_get_key(job_id, ":changes"), f"({revision}", "+inf")
                current, indices = await pipe.execute()
            if current is None:
                return None
            states = await self._redis.hmget(_get_key(job_id, ":files"), indices) if indices else []
        return int(current), parse_file_states(state for state in states if state is not None)

    async def start_file(self, job_id: str, index: int) -> Work | None:
        """Implement `JobStore.start_file`."""
        async with _translate_errors():
            name = await self._find_name(job_id, index)
            if name is None:
                return None
            state = FileState(index=index, name=name, state="running").model_dump_json()
            attempt = await self._start_file_script(_get_keys(job_id), [index, state])
            data = await self._redis.hget(_get_key(job_id, ":data"), str(index))
            options = await self._redis.hget(_get_key(job_id), "options")
        if attempt is None or options is None:
            return None
        return Work(data, attempt, JobOptions.model_validate_json(options))

    async def finish_file(self, job_id: str, index: int, outcome: Outcome) -> bool:
        """Implement `JobStore.finish_file`."""
        async with _translate_errors():
            name = await self._find_name(job_id, index)
            if name is None:
                return False
            arguments: list[Any] = [
                index,
                *_describe_outcome(outcome, index, name),
                time.time(),
                job_id,
                await self._find_limit(),
                *_describe_outcome(result_too_large_outcome(), index, name),
            ]
            return bool(await self._finish_file_script([*_get_keys(job_id), _USAGE, _WEBHOOKS], arguments))

    async def find_next_queued(self, job_id: str, index: int, step: int) -> int | None:
        """Implement `JobStore.find_next_queued`."""
        async with _translate_errors():
            total = await self._redis.hlen(_get_key(job_id, ":states"))
            candidates = range(index + step, total, step)
            if not candidates:
                return None
            states = await self._redis.hmget(_get_key(job_id, ":states"), [str(candidate) for candidate in candidates])
        for candidate, state in zip(candidates, states, strict=True):
            if state != b"failed":
                return candidate if state == b"queued" else None
        return None

    async def find_outcomes(self, job_id: str, indices: Sequence[int]) -> list[Outcome]:
        """Implement `JobStore.find_outcomes`."""
        fields = [str(index) for index in indices]
        async with _translate_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hmget(_get_key(job_id, ":files"), fields)
            pipe.hmget(_get_key(job_id, ":receipts"), fields)
            states, receipts = await pipe.execute()
        return [
            Outcome.from_json(stored, state)
            for state, stored in zip(states, receipts, strict=True)
            if state is not None
        ]

    async def delete(self, job_id: str) -> bool:
        """Implement `JobStore.delete`."""
        async with _translate_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.exists(_get_key(job_id))
            pipe.unlink(*_get_keys(job_id))
            pipe.zrem(_JOBS, job_id)
            pipe.zrem(_WEBHOOKS, job_id)
            pipe.hdel(_USAGE, job_id)
            existed, *_ = await pipe.execute()
        return bool(existed)

    async def delete_expired(self) -> int:
        """Implement `JobStore.delete_expired`."""
        async with _translate_errors():
            expired = await self._redis.zrangebyscore(_JOBS, "-inf", time.time())
        for job_id in expired:
            await self.delete(job_id.decode())
        return len(expired)

    async def lease_due_webhook(self, lease_s: float) -> DueWebhook | None:
        """Implement `JobStore.lease_due_webhook`."""
        now = time.time()
        async with _translate_errors():
            leased = await self._lease_webhook_script([_WEBHOOKS], [now, now + lease_s])
            if leased is None:
                return None
            job_id = leased.decode()
            counted = await self._count_attempt_script([_get_key(job_id), _WEBHOOKS], [job_id])
        if counted is None:  # the job was deleted meanwhile
            return None
        options, attempt = counted
        return DueWebhook(job_id, JobOptions.model_validate_json(options).webhook_url or "", attempt)

    async def postpone_webhook(self, job_id: str, delay_s: float) -> None:
        """Implement `JobStore.postpone_webhook`."""
        await self._settle_webhook(job_id, delay_s, attempts=-1)

    async def confirm_webhook(self, job_id: str) -> None:
        """Implement `JobStore.confirm_webhook`."""
        await self._settle_webhook(job_id, None, "webhook_delivered", time.time())

    async def fail_webhook(self, job_id: str, error: str, retry_in_s: float | None) -> None:
        """Implement `JobStore.fail_webhook`."""
        await self._settle_webhook(job_id, retry_in_s, "webhook_error", error)

    async def _settle_webhook(
        self, job_id: str, retry_in_s: float | None, *field: str | float, attempts: int = 0
    ) -> None:
        due = "" if retry_in_s is None else time.time() + retry_in_s
        async with _translate_errors():
            await self._settle_webhook_script([_get_key(job_id), _WEBHOOKS], [job_id, due, attempts, *field])

    async def _find_limit(self) -> int:
        """Return how many bytes all jobs together may have."""
        memory = await self._redis.info("memory")
        max_memory = int(memory.get("maxmemory", 0))  # 0 if Redis has no limit of its own
        return min(self._limits.max_bytes, int(max_memory * _MEMORY_SHARE)) if max_memory else self._limits.max_bytes

    async def _find_name(self, job_id: str, index: int) -> str | None:
        state = await self._redis.hget(_get_key(job_id, ":files"), str(index))
        return None if state is None else FileState.model_validate_json(state).name


def _parse_delivery(job: dict[bytes, bytes], webhook_at: float | None) -> Delivery:
    error, delivered = job.get(b"webhook_error"), job.get(b"webhook_delivered")
    return Delivery(
        attempts=int(job.get(b"webhook_attempts", 0)),
        is_due=webhook_at is not None,
        error=None if error is None else error.decode(),
        delivered=None if delivered is None else float(delivered),
    )


def _describe_outcome(outcome: Outcome, index: int, name: str) -> tuple[str, str, bytes]:
    """Return the state of a file as JSON, the name of the state, and the receipts."""
    state = outcome.to_file_state(index, name)
    return state.model_dump_json(), state.state, outcome.receipts_json()


def _get_key(job_id: str, suffix: str = "") -> str:
    return f"quittance:job:{job_id}{suffix}"


def _get_keys(job_id: str) -> list[str]:
    return [_get_key(job_id, suffix) for suffix in _KEY_SUFFIXES]


@asynccontextmanager
async def _translate_errors() -> AsyncIterator[None]:
    """Raise errors of Redis as `JobsUnavailableError`."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise JobsUnavailableError.from_error(error) from error
