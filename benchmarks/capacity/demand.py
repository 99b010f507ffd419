"""How many cores and processes a number of receipts per day needs, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.capacity.costs import Costs

_SECONDS_PER_DAY = 86_400
_HOURS_PER_DAY = 24


@dataclass(frozen=True)
class Load:
    """How receipts arrive.

    Attributes:
        name: For people.
        peak: Receipts per second at the busiest time, relative to the mean.
        utilization: Share of the cores that may be busy then; the rest keeps waits short, or is overhead.
    """

    name: str
    peak: float
    utilization: float


# Callers wait for answers of the services; no caller waits for bulk extraction.
SERVICES = Load("services", peak=3.0, utilization=0.6)
BULK = Load("bulk", peak=1.0, utilization=0.85)


@dataclass(frozen=True)
class Demand:
    """What a number of receipts per day needs.

    Attributes:
        replicas: Processes of one thread per stage.
        cores: Cores that they use together at the busiest time.
        bottleneck: The stage with the most processes.
        per_day: Price of the cores for a day.
    """

    replicas: dict[str, int]
    cores: float
    bottleneck: str
    per_day: float


def compute_demand(costs: Costs, receipts_per_day: float, load: Load, *, price_per_core_hour: float) -> Demand:
    """Derive what a number of receipts per day needs.

    Args:
        costs: Mean CPU seconds per receipt by stage.
        receipts_per_day: Receipts per day.
        load: How they arrive.
        price_per_core_hour: Price of a core for an hour.
    """
    rate = receipts_per_day / _SECONDS_PER_DAY * load.peak
    needed = {stage: rate * cost / load.utilization for stage, cost in costs.items()}
    cores = sum(needed.values())
    return Demand(
        replicas={stage: max(1, math.ceil(count)) for stage, count in needed.items()},
        cores=cores,
        bottleneck=max(needed, key=lambda stage: needed[stage]),
        per_day=cores * price_per_core_hour * _HOURS_PER_DAY,
    )
