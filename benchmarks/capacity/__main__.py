"""Measures what a receipt costs in each stage, checks a simulation against the services, and derives capacities.

    python -m benchmarks.capacity --count 40 --output runs/capacity.json

The gateway and the three services run as processes of one thread each. One caller gives the costs, in CPU seconds. The
simulation then predicts the rate of several callers, which is measured as well. Other programs on the machine change
rates, but hardly CPU seconds.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.capacity.costs import measure_rate, measure_single, run_containers
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
    cores = os.cpu_count() or 1
    with run_containers() as containers:
        single = measure_single(containers, pictures)
        rates = {callers: measure_rate(containers, pictures, callers) for callers in _CALLERS}
    simulated = {
        callers: simulate_rate(single.costs, callers=callers, cores=cores, stretch=single.stretch)
        for callers in _CALLERS
    }
    return {
        "processor": processor_name(),
        "cores": cores,
        "load": os.getloadavg()[0],
        "receipts": len(pictures),
        "cpu_seconds": {stage: round(cost, 4) for stage, cost in single.mean.items()},
        "stretch": round(single.stretch, 2),
        "receipts_per_second": {
            callers: {"measured": round(rate, 2), "simulated": round(simulated[callers], 2)}
            for callers, rate in rates.items()
        },
        "demands": {
            load.name: {
                f"{per_day:.0e}": asdict(compute_demand(single.mean, per_day, load, price_per_core_hour=price))
                for per_day in _PER_DAY
            }
            for load in (SERVICES, BULK)
        },
    }


if __name__ == "__main__":
    main()
