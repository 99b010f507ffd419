"""Three times as many requests as can be answered, and the question who is still served, and when it is well again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.reliability.deployment import ROOT, Deployment, Process
from benchmarks.reliability.load import Tally, client, closed_loop, milliseconds, open_loop, pictures, send

_SAMPLE = ROOT / "tests" / "samples" / "malaysia.jpg"
_CALLERS = 8


async def overload(*, seconds: float = 120.0, peak_seconds: float = 30.0, real: bool = False) -> dict[str, Any]:
    """Measures the peak with eight callers, then offers three times as much.

    Args:
        seconds: How long three times as much is offered.
        peak_seconds: How long the peak is measured.
        real: The real networks in one process, else stand-ins that take 50 ms a picture, in four.
    """
    with Deployment() as deployment:
        if real:
            processes = {"gateway": deployment.everything("gateway")}
        else:
            stages = deployment.stages(seconds=0.05)
            processes = {"gateway": deployment.gateway("gateway", stages), **stages}
        gateway = processes["gateway"]
        sent = _real_pictures(_SAMPLE) if real else pictures()
        async with client(gateway.url) as http:
            # Filled first: caches and pools grow with the first requests, whatever the load.
            await closed_loop(lambda: send(http, next(sent)), callers=_CALLERS, seconds=min(peak_seconds, 10))
            peak = await closed_loop(lambda: send(http, next(sent)), callers=_CALLERS, seconds=peak_seconds)
            peak_rate = len(peak.good()) / peak_seconds
            before = _resident(processes)
            begun = time.monotonic()
            load = await open_loop(lambda: send(http, next(sent)), rate=3 * peak_rate, seconds=seconds)
            after = _resident(processes)
            recovery_s = await _recovery(lambda: send(http, next(sent)), milliseconds(peak.answers)["median"] / 1000)
    return {
        "stages": "real networks, one process" if real else "stand-ins, 50 ms a picture, four processes",
        "peak_per_s": round(peak_rate, 2),
        "offered_per_s": round(3 * peak_rate, 2),
        "seconds": seconds,
        "goodput_of_peak": round(_goodput(load, begun, seconds) / peak_rate, 3),
        "statuses": load.statuses(),
        "good_ms": milliseconds(load.good()),
        "shed_ms": milliseconds(load.shed()),
        "shed_with_retry_after": sum(answer.retry_after for answer in load.shed()) / max(len(load.shed()), 1),
        "memory_growth": {name: round(after[name] / before[name] - 1, 3) for name in before},
        "recovery_s": recovery_s,
    }


def _goodput(load: Tally, begun: float, seconds: float) -> float:
    return sum(answer.ended_at <= begun + seconds for answer in load.good()) / seconds


def _resident(processes: dict[str, Process]) -> dict[str, int]:
    return {name: process.resident_bytes() for name, process in processes.items()}


async def _recovery(call: Any, usual_s: float) -> float:
    """Seconds after the load until a single caller is served as fast as each of the eight was before."""
    begun = time.monotonic()
    while time.monotonic() < begun + 60:
        answer = await call()
        if answer.status == 200 and answer.seconds <= usual_s:
            return round(time.monotonic() - begun, 2)
    return float("inf")


def _real_pictures(path: Path) -> Any:
    data = path.read_bytes()
    run = time.time_ns()
    number = 0
    while True:
        number += 1
        yield data + f"{run}-{number}".encode()  # what stands after the end of a JPEG is not looked at
