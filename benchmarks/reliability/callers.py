"""Callers who hang up, callers with short deadlines, and many callers who want the same or nearly the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx2

from benchmarks.processes import Process
from benchmarks.reliability.deployment import StandInDeployment
from benchmarks.reliability.load import Answer, Tally, generate_pictures, open_client, send, summarize_ms, wait_for

_LARGE_LIMITS = {
    "QUITTANCE_MAX_RECEIPTS": "2000",
    "QUITTANCE_STAGE_CONNECTIONS": "500",
    "QUITTANCE_STAGE_TIMEOUT_S": "60",
}


async def hangups(*, callers: int = 200, seconds: float = 15.0) -> dict[str, Any]:
    """Count how many requests are computed although their callers hung up in the queue of a stage.

    Args:
        callers: Number of callers that hang up.
        seconds: Computing time of the request before them; all of them must be queued by then.
    """
    with StandInDeployment() as deployment:
        stages = deployment.start_stages(seconds=seconds, QUITTANCE_MAX_QUEUE="2000", QUITTANCE_MAX_BATCH="1")
        gateway = deployment.start_gateway("gateway", stages, **_LARGE_LIMITS)
        pictures = generate_pictures()
        async with open_client(gateway.url) as http:
            first = asyncio.create_task(send(http, next(pictures)))  # keeps the worker busy, and stays
            await _wait_for_count(stages["detector"], "computed", 1)
            leaving = [asyncio.create_task(send(http, next(pictures))) for _ in range(callers)]
            queued = await _wait_for_count(stages["detector"], "queued", callers)
            for caller in leaving:
                caller.cancel()
            started = time.monotonic()
            await _wait_for_count(stages["detector"], "queued", 0)
            emptied_s = time.monotonic() - started
            stayed = await first
            await asyncio.sleep(1)  # time to compute the next request, if any is left
            counts = await _read_counts(stages["detector"])
    return {
        "hung_up": callers,
        "queued": queued,
        "computed": counts["computed"] - 1,
        "queue_empty_after_s": round(emptied_s, 3),
        "the_one_who_stayed": stayed.status,
    }


async def deadlines(*, callers: int = 20, milliseconds_granted: int = 500) -> dict[str, Any]:
    """Measure when callers with short deadlines are answered, and whether anything is computed after that."""
    with StandInDeployment() as deployment:
        stages = deployment.start_stages(seconds=0.4, QUITTANCE_MAX_BATCH="1")
        gateway = deployment.start_gateway("gateway", stages, **_LARGE_LIMITS)
        pictures = generate_pictures()
        async with open_client(gateway.url) as http:
            await send(http, next(pictures))
            before = await _read_counts(stages["detector"])
            headers = {"X-Timeout-Ms": str(milliseconds_granted)}
            answers = await asyncio.gather(*(send(http, next(pictures), **headers) for _ in range(callers)))
            at_deadline = await _read_counts(stages["detector"])
            await asyncio.sleep(2)
            later = await _read_counts(stages["detector"])
    late = [answer for answer in answers if answer.status == 504]
    return {
        "granted_ms": milliseconds_granted,
        "statuses": Tally(answers).statuses(),
        "answered_ms": summarize_ms(late),
        "computed": at_deadline["computed"] - before["computed"],
        "computed_after": later["computed"] - at_deadline["computed"],
        "left_in_queue": later["queued"],
    }


async def stampede(*, uploads: int = 500) -> dict[str, Any]:
    """Send one uncached picture many times at once to two gateways with one Redis, and count the computations."""
    with StandInDeployment() as deployment:
        redis = deployment.start_redis()
        stages = deployment.start_stages(seconds=1.0)
        settings = {"QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
        gateways = [deployment.start_gateway(f"gateway-{n}", stages, **settings) for n in range(2)]
        picture = next(generate_pictures())
        async with open_client() as http:
            answers = await asyncio.gather(
                *(send(http, picture, gateways[number % 2].url) for number in range(uploads))
            )
            counts = await _read_counts(stages["detector"])
    tally = Tally(answers)
    return {
        "uploads": uploads,
        "gateways": 2,
        "statuses": tally.statuses(),
        "right": tally.right(),
        "computed": counts["computed"],
        "ms": summarize_ms(answers),
    }


async def identity(*, count: int = 1000, rounds: int = 2) -> dict[str, Any]:
    """Send different pictures of the same size at once, in rounds, and count swapped or stale answers."""
    with StandInDeployment() as deployment:
        redis = deployment.start_redis()
        stages = deployment.start_stages()
        settings = {"QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
        gateway = deployment.start_gateway("gateway", stages, **settings, **_LARGE_LIMITS)
        source = generate_pictures()
        pictures = [next(source) for _ in range(count)]
        tally, cached = Tally(), 0
        async with open_client(gateway.url) as http:
            for _ in range(rounds):
                answers = await _send_all(http, iter(pictures), callers=50)
                cached = sum(answer.cached for answer in answers)
                tally.answers += answers
    return {
        "pictures": count,
        "bytes_each": sorted({len(picture) for picture in pictures}),
        "statuses": tally.statuses(),
        "right": tally.right(),
        "from_the_cache_in_the_last_round": cached,
    }


async def endurance(*, count: int = 2000) -> dict[str, Any]:
    """Send many different requests in a row and measure how much the memory of each process grows."""
    with StandInDeployment() as deployment:
        stages = deployment.start_stages()
        processes: dict[str, Process] = {"gateway": deployment.start_gateway("gateway", stages), **stages}
        pictures = generate_pictures(side=400)
        tally = Tally()
        async with open_client(processes["gateway"].url) as http:
            warm_up = count // 4
            for _ in range(warm_up):
                tally.answers.append(await send(http, next(pictures)))
            before = {name: process.resident_bytes() for name, process in processes.items()}
            for _ in range(count):
                tally.answers.append(await send(http, next(pictures)))
            after = {name: process.resident_bytes() for name, process in processes.items()}
    return {
        "requests": count,
        "warm_up": warm_up,
        "statuses": tally.statuses(),
        "right": tally.right(),
        "memory_mib": {name: round(size / 2**20, 1) for name, size in after.items()},
        "memory_growth": {name: round(after[name] / before[name] - 1, 3) for name in before},
    }


async def _send_all(http: httpx2.AsyncClient, pictures: Iterator[bytes], *, callers: int) -> list[Answer]:
    answers: list[Answer] = []

    async def work() -> None:
        for picture in pictures:
            answers.append(await send(http, picture))

    await asyncio.gather(*(work() for _ in range(callers)))
    return answers


async def _read_counts(stage: Process) -> dict[str, int]:
    async with open_client(stage.url) as http:
        counts: dict[str, int] = (await http.get("/computed")).json()
        return counts


async def _wait_for_count(stage: Process, name: str, count: int) -> int:
    """Wait until a count of a stand-in reaches a number, or drops to 0 if that is the number; return the count."""
    counts: dict[str, int] = {}

    async def reached() -> bool:
        counts.update(await _read_counts(stage))
        return counts[name] >= count if count else counts[name] == 0

    await wait_for(reached)
    return counts[name]
