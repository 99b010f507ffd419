"""Three times the peak load: who is still served, and how fast the gateway recovers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from benchmarks.processes import ROOT, Process
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
)

_SAMPLE = ROOT / "tests" / "samples" / "malaysia.jpg"
_CALLERS = 8
_OVERLOAD = 3
_RECOVERY_TIMEOUT_S = 60.0
# Share of the time at the start that does not count: until the queue is full, less is read than later.
_RAMP_SHARE = 1 / 6


async def overload(*, seconds: float = 120.0, peak_seconds: float = 30.0, real: bool = False) -> dict[str, Any]:
    """Measure the peak rate with eight callers, then send three times as many requests.

    Args:
        seconds: Duration of the overload.
        peak_seconds: Duration of the peak measurement.
        real: Use the real networks in one process instead of four processes with stand-ins (50 ms per picture).
    """
    with StandInDeployment() as deployment:
        if real:
            processes = {"gateway": deployment.start_app("all", "gateway")}
        else:
            stages = deployment.start_stages(seconds=0.05)
            processes = {"gateway": deployment.start_gateway("gateway", stages), **stages}
        pictures = _copies_of_sample() if real else generate_pictures()
        async with open_client(processes["gateway"].url) as http:

            async def call() -> Answer:
                return await send(http, next(pictures))

            # Warm up: caches and pools grow with the first requests, whatever the load.
            await run_closed_loop(call, callers=_CALLERS, seconds=min(peak_seconds, 10))
            started = time.monotonic()
            peak = await run_closed_loop(call, callers=_CALLERS, seconds=peak_seconds)
            peak_rate = _count_per_second(peak, started, peak_seconds)
            before = _resident_bytes(processes)
            started = time.monotonic()
            load = await run_open_loop(call, rate=_OVERLOAD * peak_rate, seconds=seconds)
            after = _resident_bytes(processes)
            recovery_s = await _measure_recovery(call, summarize_ms(peak.answers)["median"] / 1000)
    return {
        "stages": "real networks, one process" if real else "stand-ins, 50 ms per picture, four processes",
        "peak_per_s": round(peak_rate, 2),
        "offered_per_s": round(_OVERLOAD * peak_rate, 2),
        "seconds": seconds,
        "goodput_of_peak": round(_count_per_second(load, started, seconds) / peak_rate, 3),
        "statuses": load.statuses(),
        "good_ms": summarize_ms(load.good()),
        "shed_ms": summarize_ms(load.shed()),
        "shed_with_retry_after": sum(answer.retry_after for answer in load.shed()) / max(len(load.shed()), 1),
        "memory_growth": {name: round(after[name] / before[name] - 1, 3) for name in before},
        "recovery_s": recovery_s,
    }


def _count_per_second(load: Tally, started: float, seconds: float) -> float:
    """Return the rate of receipts read from the end of the ramp to the end of the load."""
    ramp = _RAMP_SHARE * seconds
    return sum(started + ramp <= answer.ended_at <= started + seconds for answer in load.good()) / (seconds - ramp)


def _resident_bytes(processes: dict[str, Process]) -> dict[str, int]:
    return {name: process.resident_bytes() for name, process in processes.items()}


async def _measure_recovery(call: Callable[[], Awaitable[Answer]], usual_s: float) -> float:
    """Return the seconds until a single caller is served as fast as each of the eight was; infinity after a minute."""
    started = time.monotonic()
    while time.monotonic() < started + _RECOVERY_TIMEOUT_S:
        answer = await call()
        if answer.status == 200 and answer.seconds <= usual_s:
            return round(time.monotonic() - started, 2)
    return float("inf")


def _copies_of_sample() -> Iterator[bytes]:
    """Yield endless copies of a sample picture, no two of them equal."""
    data, run = _SAMPLE.read_bytes(), time.time_ns()
    for number in itertools.count(1):
        yield data + f"{run}-{number}".encode()  # decoders ignore what follows the end of a JPEG
