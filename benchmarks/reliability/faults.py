"""Processes that are killed, restarted and cut off while requests are in flight."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from typing import Any

import httpx2

from benchmarks.processes import Process
from benchmarks.reliability.deployment import StandInDeployment
from benchmarks.reliability.load import (
    Answer,
    Tally,
    generate_pictures,
    open_client,
    run_closed_loop,
    run_open_loop,
    send,
    summarize_ms,
    wait_for,
)
from benchmarks.reliability.proxy import FaultProxy, Mode

_MODES: tuple[Mode, ...] = ("down", "hang", "slow", "reset")
_BALANCER_INTERVAL_S = 0.2


async def kill(*, callers: int = 16, stage: str = "detector") -> dict[str, Any]:
    """Kill a stage under load; measure when every waiting caller is answered and when receipts are read again."""
    with StandInDeployment() as deployment:
        stages = deployment.start_stages(seconds=0.3)
        gateway = deployment.start_gateway("gateway", stages)
        pictures = generate_pictures()
        async with open_client(gateway.url) as http:
            await send(http, next(pictures))
            waiting = [asyncio.create_task(send(http, next(pictures))) for _ in range(callers)]
            await asyncio.sleep(0.5)
            pending = [task for task in waiting if not task.done()]
            stages[stage].stop(signal.SIGKILL)
            killed = time.monotonic()
            await asyncio.wait(pending)
            answered_s = time.monotonic() - killed
            while_down = await run_closed_loop(lambda: send(http, next(pictures)), callers=4, seconds=2)
            await asyncio.to_thread(stages[stage].start)

            async def is_served() -> bool:
                return (await send(http, next(pictures))).status == 200

            recovery_s = await wait_for(is_served)
    return {
        "in_flight": len(pending),
        "all_answered_after_s": round(answered_s, 3),
        "statuses": Tally([task.result() for task in pending]).statuses(),
        "while_down": while_down.statuses(),
        "while_down_ms": summarize_ms(while_down.answers),
        "well_after_restart_s": round(recovery_s, 3),
    }


async def rolling(*, restarts: int = 20, load: float = 0.8, peak_seconds: float = 10.0) -> dict[str, Any]:
    """Restart two gateways in turn with SIGTERM under load, and count failed requests.

    Callers choose a gateway that is ready, like a load balancer that polls every 0.2 seconds.

    Args:
        restarts: Number of restarts.
        load: Share of the peak rate that is sent.
        peak_seconds: How long the peak rate is measured.
    """
    with StandInDeployment() as deployment:
        stages = deployment.start_stages(seconds=0.02)
        # Stand-ins are faster than networks; more receipts may wait, so that they are as many seconds of work.
        settings = {"QUITTANCE_DRAIN_DELAY_S": "1", "QUITTANCE_MAX_RECEIPTS": "128"}
        gateways = [deployment.start_gateway(f"gateway-{n}", stages, **settings) for n in range(2)]
        pictures = generate_pictures()
        ready = [True, True]
        async with open_client() as http:

            async def call() -> Answer:
                candidates = [gateway for gateway, up in zip(gateways, ready, strict=True) if up]
                return await send(http, next(pictures), random.choice(candidates or gateways).url)

            peak = await run_closed_loop(call, callers=8, seconds=peak_seconds)
            rate = load * len(peak.good()) / peak_seconds
            balancer = asyncio.create_task(_poll_readiness(gateways, ready))
            restarting = asyncio.create_task(_restart_in_turn(gateways, ready, restarts))
            tally = Tally()
            while not restarting.done():
                tally.answers += (await run_open_loop(call, rate=rate, seconds=2)).answers
            balancer.cancel()
            ends = await restarting
    return {
        "restarts": restarts,
        "offered_per_s": round(rate, 1),
        "statuses": tally.statuses(),
        "problems": tally.codes(),
        "failed": len(tally.answers) - len(tally.good()),
        "wrong": sum(not answer.right for answer in tally.good()),
        "exit_statuses": sorted({status for status, _ in ends}),
        "longest_end_s": round(max(seconds for _, seconds in ends), 2),
        "ms": summarize_ms(tally.answers),
    }


async def _poll_readiness(gateways: list[Process], ready: list[bool]) -> None:
    """Keep `ready` up to date, one entry per gateway."""
    while True:
        for number, gateway in enumerate(gateways):
            ready[number] = await asyncio.to_thread(_is_ready, gateway)
        await asyncio.sleep(_BALANCER_INTERVAL_S)


def _is_ready(gateway: Process) -> bool:
    return gateway.is_ready


async def _restart_in_turn(gateways: list[Process], ready: list[bool], restarts: int) -> list[tuple[int, float]]:
    """Restart the gateways; return the exit status of each and the seconds it took to end."""
    ends: list[tuple[int, float]] = []

    async def all_are_ready() -> bool:
        return all(ready)

    for number in range(restarts):
        gateway = gateways[number % len(gateways)]
        started = time.monotonic()
        ends.append((await asyncio.to_thread(gateway.stop), time.monotonic() - started))
        await asyncio.to_thread(gateway.start)
        await wait_for(all_are_ready)  # restart the next one only when the balancer knows that this one is back
    return ends


async def redis(*, seconds: float = 5.0, callers: int = 4) -> dict[str, Any]:
    """Make Redis unavailable, hanging, slow and resetting under load; count wrong answers and measure the cost."""
    with StandInDeployment() as deployment:
        server = deployment.start_redis()
        stages = deployment.start_stages(seconds=0.005)
        async with FaultProxy(server.port) as proxy, open_client() as http:
            url = f"redis://127.0.0.1:{proxy.port}/0"
            gateway = await asyncio.to_thread(
                deployment.start_gateway, "gateway", stages, **{"QUITTANCE_REDIS_URL": url}
            )
            source = generate_pictures()
            known = [next(source) for _ in range(20)]

            async def call() -> Answer:
                picture = random.choice(known) if random.random() < 0.5 else next(source)
                return await send(http, picture, gateway.url)

            figures: dict[str, Any] = {}
            for mode in ("pass", *_MODES):
                await proxy.set_mode(mode)
                tally = await run_closed_loop(call, callers=callers, seconds=seconds)
                figures[mode] = {
                    "requests": len(tally.answers),
                    "statuses": tally.statuses(),
                    "right": tally.right(),
                    "all_right": tally.right() == len(tally.answers),
                    "ms": summarize_ms(tally.answers),
                }
                await proxy.set_mode("pass")
                figures[mode]["well_after_s"] = await _wait_until_cached(http, known[0], gateway)
    return figures


async def _wait_until_cached(http: httpx2.AsyncClient, picture: bytes, gateway: Process) -> float:
    async def is_cached() -> bool:
        return (await send(http, picture, gateway.url)).cached

    return round(await wait_for(is_cached), 2)
