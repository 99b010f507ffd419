"""Callers who hang up, callers with little time, and many who want the same or nearly the same."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2

from benchmarks.reliability.deployment import Deployment, Process
from benchmarks.reliability.load import Tally, client, milliseconds, pictures, send, until

_MANY = {"QUITTANCE_MAX_RECEIPTS": "2000", "QUITTANCE_STAGE_CONNECTIONS": "500", "QUITTANCE_STAGE_TIMEOUT_S": "60"}


async def hangups(*, callers: int = 200, seconds: float = 15.0) -> dict[str, Any]:
    """Callers that hang up while they wait in the queue of a stage: how many are computed all the same?

    Args:
        callers: That hang up.
        seconds: That the one before them is computed; all have to be in the queue by then.
    """
    with Deployment() as deployment:
        stages = deployment.stages(seconds=seconds, QUITTANCE_MAX_QUEUE="2000", QUITTANCE_MAX_BATCH="1")
        gateway = deployment.gateway("gateway", stages, **_MANY)
        sent = pictures()
        async with client(gateway.url) as http:
            first = asyncio.create_task(send(http, next(sent)))  # keeps the worker busy, and stays
            await _until(stages["detector"], "computed", 1)
            gone = [asyncio.create_task(send(http, next(sent))) for _ in range(callers)]
            queued = await _until(stages["detector"], "queued", callers)
            for caller in gone:
                caller.cancel()
            begun = time.monotonic()
            await _until(stages["detector"], "queued", 0)
            emptied_s = time.monotonic() - begun
            stayed = await first
            await asyncio.sleep(1)  # the next ones would be begun by now, if any were left
            computed = await _asked(stages["detector"])
    return {
        "hung_up": callers,
        "queued": queued,
        "computed": computed["computed"] - 1,
        "queue_empty_after_s": round(emptied_s, 3),
        "the_one_who_stayed": stayed.status,
    }


async def deadlines(*, callers: int = 20, milliseconds_granted: int = 500) -> dict[str, Any]:
    """Callers that grant too little time: when are they answered, and is anything computed after that?"""
    with Deployment() as deployment:
        stages = deployment.stages(seconds=0.4, QUITTANCE_MAX_BATCH="1")
        gateway = deployment.gateway("gateway", stages, **_MANY)
        sent = pictures()
        async with client(gateway.url) as http:
            await send(http, next(sent))
            before = await _asked(stages["detector"])
            headers = {"X-Timeout-Ms": str(milliseconds_granted)}
            answers = await asyncio.gather(*(send(http, next(sent), **headers) for _ in range(callers)))
            at_deadline = await _asked(stages["detector"])
            await asyncio.sleep(2)
            later = await _asked(stages["detector"])
    late = [answer for answer in answers if answer.status == 504]
    return {
        "granted_ms": milliseconds_granted,
        "statuses": Tally(list(answers)).statuses(),
        "answered_ms": milliseconds(late),
        "computed": at_deadline["computed"] - before["computed"],
        "computed_after": later["computed"] - at_deadline["computed"],
        "left_in_queue": later["queued"],
    }


async def stampede(*, uploads: int = 500) -> dict[str, Any]:
    """The same picture, unknown to the cache, many times at once at two gateways with one Redis: who computes it?"""
    with Deployment() as deployment:
        redis = deployment.redis()
        stages = deployment.stages(seconds=1.0)
        settings = {"QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
        gateways = [deployment.gateway(f"gateway-{n}", stages, **settings) for n in range(2)]
        picture = next(pictures())
        async with client() as http:
            answers = await asyncio.gather(
                *(send(http, picture, gateways[number % 2].url) for number in range(uploads))
            )
            computed = await _asked(stages["detector"])
    return {
        "uploads": uploads,
        "gateways": 2,
        "statuses": Tally(list(answers)).statuses(),
        "right": sum(answer.right for answer in answers),
        "computed": computed["computed"],
        "ms": milliseconds(answers),
    }


async def identity(*, count: int = 1000, rounds: int = 2) -> dict[str, Any]:
    """Different pictures of the same size, many at once, in two rounds: is any answer swapped or stale?"""
    with Deployment() as deployment:
        redis = deployment.redis()
        stages = deployment.stages()
        settings = {"QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
        gateway = deployment.gateway("gateway", stages, **settings, **_MANY)
        source = pictures()
        chosen = [next(source) for _ in range(count)]
        tally, cached = Tally(), 0
        async with client(gateway.url) as http:
            for _ in range(rounds):
                todo = iter(chosen)
                answers = await _drain(http, todo, callers=50)
                cached = sum(answer.cached for answer in answers)
                tally.answers += answers
    return {
        "pictures": count,
        "bytes_each": sorted({len(picture) for picture in chosen}),
        "statuses": tally.statuses(),
        "right": sum(answer.right for answer in tally.answers),
        "from_the_cache_in_the_last_round": cached,
    }


async def endurance(*, count: int = 2000) -> dict[str, Any]:
    """Requests in a row, no two alike: does the memory of any process grow?"""
    with Deployment() as deployment:
        stages = deployment.stages()
        processes: dict[str, Process] = {"gateway": deployment.gateway("gateway", stages), **stages}
        sent = pictures(side=400)
        tally = Tally()
        async with client(processes["gateway"].url) as http:
            warm_up = count // 4
            for _ in range(warm_up):
                tally.answers.append(await send(http, next(sent)))
            before = {name: process.resident_bytes() for name, process in processes.items()}
            for _ in range(count):
                tally.answers.append(await send(http, next(sent)))
            after = {name: process.resident_bytes() for name, process in processes.items()}
    return {
        "requests": count,
        "warm_up": warm_up,
        "statuses": tally.statuses(),
        "right": sum(answer.right for answer in tally.answers),
        "memory_mib": {name: round(size / 2**20, 1) for name, size in after.items()},
        "memory_growth": {name: round(after[name] / before[name] - 1, 3) for name in before},
    }


async def _drain(http: httpx2.AsyncClient, todo: Any, *, callers: int) -> list[Any]:
    answers = []

    async def work() -> None:
        for picture in todo:
            answers.append(await send(http, picture))

    await asyncio.gather(*(work() for _ in range(callers)))
    return answers


async def _asked(stage: Process) -> dict[str, int]:
    async with client(stage.url) as http:
        answer: dict[str, int] = (await http.get("/computed")).json()
        return answer


async def _until(stage: Process, name: str, value: int) -> int:
    """Waits until a stand-in tells at least this number, or 0 if that is meant; gives what it tells."""
    told: dict[str, int] = {}

    async def reached() -> bool:
        told.update(await _asked(stage))
        return told[name] >= value if value else told[name] == 0

    await until(reached)
    return told[name]
