"""A discrete-event simulation of the services: receipts wait for a replica of each stage, and replicas for a core."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import simpy

from benchmarks.capacity.costs import STAGES, Costs

# Cores change hands so often, as those of a real scheduler do.
_QUANTUM_S = 0.01
Events = Generator[Any, Any, None]


def simulate_rate(
    costs: Sequence[Costs], *, callers: int, cores: int, replicas: Mapping[str, int] | None = None, stretch: float = 1.0
) -> float:
    """Return receipts per second of callers that each wait for their answer.

    Args:
        costs: CPU seconds of each receipt by stage, in the order in which they are sent.
        callers: Number of callers.
        cores: Number of cores, shared by all stages.
        replicas: Number of processes per stage, each of which computes for one receipt at a time; 1 by default. The
            gateway's work is done in as many processes as there are cores.
        stretch: Seconds per CPU second; see `SingleRun.stretch`.
    """
    environment = simpy.Environment()
    processors = simpy.Resource(environment, cores)
    counts = {stage: (replicas or {}).get(stage, cores if stage == "gateway" else 1) for stage in STAGES}
    services = {stage: simpy.Resource(environment, count) for stage, count in counts.items()}
    waiting = list(reversed(costs))

    def compute(seconds: float) -> Events:
        while seconds > 0:
            step = min(seconds, _QUANTUM_S)
            with processors.request() as core:
                yield core
                yield environment.timeout(step)
            seconds -= step

    def call() -> Events:
        while waiting:
            receipt = waiting.pop()
            for stage in STAGES:
                with services[stage].request() as replica:
                    yield replica
                    yield from compute(receipt[stage] * stretch)

    for _ in range(callers):
        environment.process(call())
    environment.run()
    return len(costs) / environment.now
