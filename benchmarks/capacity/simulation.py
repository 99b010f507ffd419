"""A discrete-event simulation of the services: receipts wait for a replica of each stage, and replicas for a core."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import simpy

from benchmarks.capacity.costs import STAGES, Costs

# Shares of the cores are computed again so often.
_QUANTUM_S = 0.01
# Stages one after the other; those in one group work at the same time.
_ORDER = (("gateway",), ("detector",), ("recognizer", "codes"), ("extractor",))
# The processes of the gateway that decode, and those that read codes.
_GATEWAY_PROCESSES = 2
Events = Generator[Any, Any, None]


def simulate_rate(
    costs: Sequence[Costs], *, callers: int, cores: float, replicas: Mapping[str, int] | None = None
) -> float:
    """Return receipts per second of callers that each wait for their answer.

    Args:
        costs: CPU seconds of each receipt by stage, in the order in which they are sent.
        callers: Number of callers.
        cores: Cores that all stages share evenly; less than a whole number if other programs use the rest. A process
            never uses more than one.
        replicas: Number of processes per stage, each of which computes for one receipt at a time; by default one per
            service and two for each of the gateway's tasks.
    """
    environment = simpy.Environment()
    counts = {
        stage: (replicas or {}).get(stage, _GATEWAY_PROCESSES if stage in ("gateway", "codes") else 1)
        for stage in STAGES
    }
    services = {stage: simpy.Resource(environment, count) for stage, count in counts.items()}
    waiting = list(reversed(costs))
    computing = 0

    def compute(seconds: float) -> Events:
        nonlocal computing
        computing += 1
        while seconds > 0:
            step = min(seconds, _QUANTUM_S)
            yield environment.timeout(step * max(1.0, computing / cores))
            seconds -= step
        computing -= 1

    def work(stage: str, seconds: float) -> Events:
        with services[stage].request() as replica:
            yield replica
            yield from compute(seconds)

    def call() -> Events:
        while waiting:
            receipt = waiting.pop()
            for group in _ORDER:
                tasks = [environment.process(work(stage, receipt.get(stage, 0.0))) for stage in group]
                yield environment.all_of(tasks)

    for _ in range(callers):
        environment.process(call())
    environment.run()
    return len(costs) / environment.now
