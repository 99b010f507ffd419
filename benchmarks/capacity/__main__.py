"""Measures what a receipt costs in each stage, checks a simulation against the services, and derives capacities.

    python -m benchmarks.capacity --count 40 --output runs/capacity.json

The gateway and the three services run as processes of one thread each. One caller gives the costs of each receipt, in
CPU seconds. From them, and from the cores that other programs left during each run, the simulation predicts the rate of
several callers, which is measured as well.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.capacity.costs import STAGES, Run, measure_each, measure_run, run_containers
from benchmarks.capacity.demand import BULK, SERVICES, compute_demand
from benchmarks.capacity.simulation import simulate_rate
from benchmarks.receipts import add_picture_options, load_pictures
from benchmarks.report import processor_name, write_json

_PER_DAY = (1e3, 1e6, 1e9)
_CALLERS = (1, 2, 4, 8)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, simulate and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.capacity", description=(__doc__ or "").partition("\n")[0]
    )
    add_picture_options(parser, count=40)
    parser.add_argument("--price", type=float, default=0.04, help="price of a core for an hour")
    parser.add_argument("--output", type=Path, help="file for the figures")
    options = parser.parse_args(arguments)
    figures = measure(load_pictures(options.data, options.split, options.count), options.price)
    if options.output is not None:
        write_json(options.output, figures)
    for name, value in figures.items():
        print(f"{name}: {value}")


def measure(pictures: Sequence[bytes], price: float) -> dict[str, Any]:
    """Return costs, rates as measured and simulated, and demands."""
    with run_containers() as containers:
        singles = measure_each(containers, pictures)
        runs = {callers: measure_run(containers, pictures, callers) for callers in _CALLERS}
    mean = {stage: sum(one.costs[stage] for one in singles) / len(singles) for stage in STAGES}
    return {
        "processor": processor_name(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "receipts": len(pictures),
        "cpu_seconds": {stage: round(cost, 4) for stage, cost in mean.items()},
        "runs": {callers: _compare(run, singles, callers) for callers, run in runs.items()},
        "demands": {
            load.name: {
                f"{per_day:.0e}": asdict(compute_demand(mean, per_day, load, price_per_core_hour=price))
                for per_day in _PER_DAY
            }
            for load in (SERVICES, BULK)
        },
    }


def _compare(run: Run, singles: Sequence[Run], callers: int) -> dict[str, float]:
    """Return the rate of a run, next to that simulated from the costs of single receipts."""
    simulated = simulate_rate([one.costs for one in singles], callers=callers, cores=run.available)
    return {
        "available_cores": round(run.available, 2),
        "cpu_seconds_per_receipt": round(sum(run.mean.values()), 3),
        "receipts_per_second": round(run.rate, 3),
        "simulated": round(simulated, 3),
    }


if __name__ == "__main__":
    main()
