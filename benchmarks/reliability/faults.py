"""Processes that are killed, restarted and cut off while requests are under way."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from typing import Any

from benchmarks.reliability.deployment import Deployment, Process
from benchmarks.reliability.load import (
    Answer,
    Tally,
    client,
    closed_loop,
    milliseconds,
    open_loop,
    pictures,
    send,
    until,
)
from benchmarks.reliability.proxy import FaultProxy, Mode

_TURNS: tuple[Mode, ...] = ("down", "hang", "slow", "reset")


async def kill(*, callers: int = 16, stage: str = "detector") -> dict[str, Any]:
    """SIGKILL of a stage under load: when is everybody who waited answered, and when is all well again?"""
    with Deployment() as deployment:
        stages = deployment.stages(seconds=0.3)
        gateway = deployment.gateway("gateway", stages)
        sent = pictures()
        async with client(gateway.url) as http:
            await send(http, next(sent))
            waiting = [asyncio.create_task(send(http, next(sent))) for _ in range(callers)]
            await asyncio.sleep(0.5)
            pending = [task for task in waiting if not task.done()]
            stages[stage].end(signal.SIGKILL)
            killed = time.monotonic()
            await asyncio.wait(pending)
            answered_s = time.monotonic() - killed
            while_down = await closed_loop(lambda: send(http, next(sent)), callers=4, seconds=2)
            await asyncio.to_thread(stages[stage].start)

            async def served() -> bool:
                return (await send(http, next(sent))).status == 200

            well_s = await until(served)
    return {
        "in_flight": len(pending),
        "all_answered_after_s": round(answered_s, 3),
        "statuses": Tally([task.result() for task in pending]).statuses(),
        "while_down": while_down.statuses(),
        "while_down_ms": milliseconds(while_down.answers),
        "well_after_restart_s": round(well_s, 3),
    }


async def rolling(*, restarts: int = 20, load: float = 0.8, peak_seconds: float = 10.0) -> dict[str, Any]:
    """Two gateways, restarted in turn with SIGTERM, at four fifths of what they can do: does any request fail?

    Callers choose a gateway that says it is ready, as a balancer does, which asks every fifth of a second.
    """
    with Deployment() as deployment:
        stages = deployment.stages(seconds=0.02)
        # Stand-ins are faster than networks: so that as many seconds of work may wait, more receipts may.
        settings = {"QUITTANCE_DRAIN_DELAY_S": "1", "QUITTANCE_MAX_RECEIPTS": "128"}
        gateways = [deployment.gateway(f"gateway-{n}", stages, **settings) for n in range(2)]
        sent = pictures()
        ready = [True, True]
        ends: list[tuple[int, float]] = []
        async with client() as http:

            async def call() -> Answer:
                chosen = random.choice([gateway for gateway, up in zip(gateways, ready, strict=True) if up])
                return await send(http, next(sent), chosen.url)

            peak = await closed_loop(call, callers=8, seconds=peak_seconds)
            rate = load * len(peak.good()) / peak_seconds
            watcher = asyncio.create_task(_watch(gateways, ready))
            restarting = asyncio.create_task(_restart_in_turn(gateways, ready, restarts, ends))
            tally = Tally()
            while not restarting.done():
                tally.answers += (await open_loop(call, rate=rate, seconds=2)).answers
            watcher.cancel()
            await restarting
    return {
        "restarts": restarts,
        "offered_per_s": round(rate, 1),
        "statuses": tally.statuses(),
        "problems": tally.codes(),
        "failed": sum(answer.status != 200 for answer in tally.answers),
        "wrong": sum(answer.status == 200 and not answer.right for answer in tally.answers),
        "exit_statuses": sorted({status for status, _ in ends}),
        "longest_end_s": round(max(seconds for _, seconds in ends), 2),
        "ms": milliseconds(tally.answers),
    }


async def _watch(gateways: list[Process], ready: list[bool]) -> None:
    while True:
        for number, gateway in enumerate(gateways):
            ready[number] = await asyncio.to_thread(lambda gateway=gateway: gateway.is_ready)
        await asyncio.sleep(0.2)


async def _restart_in_turn(
    gateways: list[Process], ready: list[bool], restarts: int, ends: list[tuple[int, float]]
) -> None:
    async def both() -> bool:
        return all(ready)

    for number in range(restarts):
        gateway = gateways[number % len(gateways)]
        begun = time.monotonic()
        ends.append((await asyncio.to_thread(gateway.end), time.monotonic() - begun))
        await asyncio.to_thread(gateway.start)
        await until(both)  # the next one only when the balancer has seen this one


async def redis(*, seconds: float = 5.0, callers: int = 4) -> dict[str, Any]:
    """Redis stopped, hung, slow and reset in turn under load: are all answers right, and what does it cost?"""
    with Deployment() as deployment:
        server = deployment.redis()
        stages = deployment.stages(seconds=0.005)
        async with FaultProxy(server.port) as proxy, client() as http:
            settings = {"QUITTANCE_REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"}
            gateway = await asyncio.to_thread(lambda: deployment.gateway("gateway", stages, **settings))
            source = pictures()
            known = [next(source) for _ in range(20)]

            async def call() -> Answer:
                picture = random.choice(known) if random.random() < 0.5 else next(source)
                return await send(http, picture, gateway.url)

            figures: dict[str, Any] = {}
            for mode in ("pass", *_TURNS):
                await proxy.set(mode)
                tally = await closed_loop(call, callers=callers, seconds=seconds)
                figures[mode] = _outcome(tally)
                await proxy.set("pass")
                figures[mode]["well_after_s"] = await _until_cached(http, known[0], gateway)
    return figures


def _outcome(tally: Tally) -> dict[str, Any]:
    right = sum(answer.right for answer in tally.answers)
    return {
        "requests": len(tally.answers),
        "statuses": tally.statuses(),
        "right": right,
        "all_right": right == len(tally.answers),
        "ms": milliseconds(tally.answers),
    }


async def _until_cached(http: Any, picture: bytes, gateway: Process) -> float:
    async def cached() -> bool:
        return (await send(http, picture, gateway.url)).cached

    return round(await until(cached), 2)
