"""Jobs in Redis, for any number of gateways: states, results, and the files' bytes until they are read.

Nothing here expires by itself, so that a Redis that also caches (with the policy `volatile-lru`) never drops a job to
make room; `expire` forgets jobs whose time is over. What must not happen halfway is a script.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.jobs.contracts import FileState
from gateway.jobs.model import (
    DueWebhook,
    JobOptions,
    JobRecord,
    JobsUnavailableError,
    Outcome,
    Snapshot,
    Work,
)
from shared.contracts import Receipt

_RECEIPTS = TypeAdapter(list[Receipt])
_JOBS = "quittance:jobs"  # id -> when it expires
_WEBHOOKS = "quittance:webhooks"  # id -> when its webhook is due
# Of one job, after its id: what it is, and hashes by the number of the file.
_PARTS = ("", ":files", ":states", ":attempts", ":changes", ":data", ":receipts")

# KEYS: the parts of the job; ARGV: number, the state as it is told. Gives the attempt.
_START = """
local state = redis.call('HGET', KEYS[3], ARGV[1])
if state ~= 'queued' and state ~= 'running' then return nil end
local revision = redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('HSET', KEYS[3], ARGV[1], 'running')
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[5], revision, ARGV[1])
return redis.call('HINCRBY', KEYS[4], ARGV[1], 1)
"""
# KEYS: the parts of the job, the webhooks; ARGV: number, the state as it is told, the state, receipts, now, id.
_FINISH = """
local state = redis.call('HGET', KEYS[3], ARGV[1])
if state ~= 'queued' and state ~= 'running' then return 0 end
local revision = redis.call('HINCRBY', KEYS[1], 'revision', 1)
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[5], revision, ARGV[1])
redis.call('HSET', KEYS[7], ARGV[1], ARGV[4])
redis.call('HDEL', KEYS[6], ARGV[1])
if redis.call('HINCRBY', KEYS[1], 'left', -1) == 0 then
    redis.call('HSET', KEYS[1], 'finished', ARGV[5])
    if redis.call('HGET', KEYS[1], 'webhook') == '1' then redis.call('ZADD', KEYS[8], ARGV[5], ARGV[6]) end
end
return 1
"""
# KEYS: the webhooks; ARGV: now, when the lease ends. Gives an id.
_DUE = """
local id = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1)[1]
if id then redis.call('ZADD', KEYS[1], ARGV[2], id) end
return id
"""


class RedisJobs:
    """A store in Redis.

    Args:
        redis: The client; closed by whoever made it.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # whose commands are typed for awaiting and not awaiting at once
        self._start_script = redis.register_script(_START)
        self._finish_script = redis.register_script(_FINISH)
        self._due_script = redis.register_script(_DUE)

    async def begin(self, record: JobRecord) -> None:
        """See `JobStore.begin`."""
        async with _told():
            await self._redis.zadd(_JOBS, {record.id: record.expires})

    async def add(self, job_id: str, index: int, data: bytes) -> None:
        """See `JobStore.add`."""
        async with _told():
            await self._redis.hset(_key(job_id, ":data"), str(index), data)

    async def commit(self, record: JobRecord, files: Sequence[FileState]) -> None:
        """See `JobStore.commit`."""
        left = sum(file.state == "queued" for file in files)
        job: dict[str, Any] = {
            "created": record.created,
            "expires": record.expires,
            "options": record.options.model_dump_json(),
            "webhook": "1" if record.options.webhook_url else "0",
            "left": left,
            "revision": 1,
        }
        if left == 0:
            job["finished"] = time.time()
        async with _told(), self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(_JOBS, {record.id: record.expires})  # again, should its time have been over before it was whole
            pipe.hset(_key(record.id), mapping=job)
            pipe.hset(_key(record.id, ":files"), mapping={str(file.index): file.model_dump_json() for file in files})
            pipe.hset(_key(record.id, ":states"), mapping={str(file.index): file.state for file in files})
            if left == 0 and record.options.webhook_url:
                pipe.zadd(_WEBHOOKS, {record.id: job["finished"]})
            await pipe.execute()

    async def get(self, job_id: str) -> Snapshot | None:
        """See `JobStore.get`."""
        async with _told(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(_key(job_id))
            pipe.hgetall(_key(job_id, ":files"))
            job, told = await pipe.execute()
        if not job or float(job[b"expires"]) < time.time():
            return None
        options = JobOptions.model_validate_json(job[b"options"])
        record = JobRecord(job_id, float(job[b"created"]), float(job[b"expires"]), options)
        files = sorted(map(FileState.model_validate_json, told.values()), key=lambda file: file.index)
        finished = float(job[b"finished"]) if b"finished" in job else None
        return Snapshot(record, files, finished, int(job[b"revision"]))

    async def exists(self, job_id: str) -> bool:
        """See `JobStore.exists`."""
        async with _told():
            return bool(await self._redis.exists(_key(job_id)))

    async def changes(self, job_id: str, revision: int) -> tuple[int, list[FileState]] | None:
        """See `JobStore.changes`."""
        async with _told():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hget(_key(job_id), "revision")
                pipe.zrangebyscore(_key(job_id, ":changes"), f"({revision}", "+inf")
                now, numbers = await pipe.execute()
            if now is None:
                return None
            told = await self._redis.hmget(_key(job_id, ":files"), numbers) if numbers else []
        return int(now), [FileState.model_validate_json(one) for one in told if one is not None]

    async def start(self, job_id: str, index: int) -> Work | None:
        """See `JobStore.start`."""
        async with _told():
            name = await self._name(job_id, index)
            if name is None:
                return None
            told = FileState(index=index, name=name, state="running").model_dump_json()
            attempt = await self._start_script(_parts(job_id), [index, told])
            data = await self._redis.hget(_key(job_id, ":data"), str(index))
            options = await self._redis.hget(_key(job_id), "options")
        if attempt is None or options is None:
            return None
        return Work(data, attempt, JobOptions.model_validate_json(options))

    async def finish(self, job_id: str, index: int, outcome: Outcome) -> bool:
        """See `JobStore.finish`."""
        async with _told():
            name = await self._name(job_id, index)
            if name is None:
                return False
            told = outcome.state(index, name)
            receipts = _RECEIPTS.dump_json(outcome.receipts)
            arguments: list[Any] = [index, told.model_dump_json(), told.state, receipts, time.time(), job_id]
            return bool(await self._finish_script([*_parts(job_id), _WEBHOOKS], arguments))

    async def next_waiting(self, job_id: str, index: int, step: int) -> int | None:
        """See `JobStore.next_waiting`."""
        async with _told():
            total = await self._redis.hlen(_key(job_id, ":states"))
            numbers = range(index + step, total, step)
            if not numbers:
                return None
            states = await self._redis.hmget(_key(job_id, ":states"), [str(number) for number in numbers])
        for number, state in zip(numbers, states, strict=True):
            if state != b"failed":
                return number if state == b"queued" else None
        return None

    async def outcomes(self, job_id: str, indices: Sequence[int]) -> list[Outcome]:
        """See `JobStore.outcomes`."""
        numbers = [str(index) for index in indices]
        async with _told(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hmget(_key(job_id, ":files"), numbers)
            pipe.hmget(_key(job_id, ":receipts"), numbers)
            told, receipts = await pipe.execute()
        return [
            Outcome(_RECEIPTS.validate_json(kept or b"[]"), FileState.model_validate_json(state).problem)
            for state, kept in zip(told, receipts, strict=True)
            if state is not None
        ]

    async def delete(self, job_id: str) -> bool:
        """See `JobStore.delete`."""
        async with _told(), self._redis.pipeline(transaction=True) as pipe:
            pipe.exists(_key(job_id))
            pipe.unlink(*_parts(job_id))
            pipe.zrem(_JOBS, job_id)
            pipe.zrem(_WEBHOOKS, job_id)
            known, *_ = await pipe.execute()
        return bool(known)

    async def expire(self) -> int:
        """See `JobStore.expire`."""
        async with _told():
            over = await self._redis.zrangebyscore(_JOBS, "-inf", time.time())
        for job_id in over:
            await self.delete(job_id.decode())
        return len(over)

    async def due_webhook(self, lease_s: float) -> DueWebhook | None:
        """See `JobStore.due_webhook`."""
        now = time.time()
        async with _told():
            found = await self._due_script([_WEBHOOKS], [now, now + lease_s])
            if found is None:
                return None
            job_id = found.decode()
            options = await self._redis.hget(_key(job_id), "options")
            if options is None:  # deleted just now
                await self._redis.zrem(_WEBHOOKS, job_id)
                return None
            attempt = await self._redis.hincrby(_key(job_id), "webhook_attempts", 1)
        return DueWebhook(job_id, JobOptions.model_validate_json(options).webhook_url or "", attempt)

    async def settle_webhook(self, job_id: str, again_in_s: float | None) -> None:
        """See `JobStore.settle_webhook`."""
        async with _told():
            if again_in_s is None:
                await self._redis.zrem(_WEBHOOKS, job_id)
            else:
                await self._redis.zadd(_WEBHOOKS, {job_id: time.time() + again_in_s}, xx=True)

    async def _name(self, job_id: str, index: int) -> str | None:
        told = await self._redis.hget(_key(job_id, ":files"), str(index))
        return None if told is None else FileState.model_validate_json(told).name


def _key(job_id: str, part: str = "") -> str:
    return f"quittance:job:{job_id}{part}"


def _parts(job_id: str) -> list[str]:
    return [_key(job_id, part) for part in _PARTS]


@asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """Tells what goes wrong with Redis in the words of the jobs."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise JobsUnavailableError(f"{type(error).__name__}: {error}") from error
