"""Measures the gateway under load and faults; prints the figures and writes them as JSON.

    python -m benchmarks.reliability hangups deadlines stampede --output runs/reliability.json
    python -m benchmarks.reliability all
    python -m benchmarks.reliability overload --set seconds=120 --set real=true

Starts processes on free ports of this machine. Times are measured, so nothing else should run.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.reliability.attacks import bodies, pages, scans, sockets, streams, webhooks
from benchmarks.reliability.callers import deadlines, endurance, hangups, identity, stampede
from benchmarks.reliability.faults import kill, redis, rolling
from benchmarks.reliability.outages import outages, upgrade
from benchmarks.reliability.overload import overload
from benchmarks.reliability.storage import bombs, evictions
from benchmarks.report import write_json

SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        *(overload, hangups, deadlines, kill, rolling, redis, stampede, identity, endurance),
        *(scans, sockets, bodies, pages, streams, webhooks),
        *(bombs, evictions),
        *(outages, upgrade),
    )
}


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run scenarios one after the other and return their figures."""
    options = _parse(arguments)
    names = list(SCENARIOS) if "all" in options.scenarios else options.scenarios
    figures: dict[str, Any] = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }
    for name in names:
        figures[name] = asyncio.run(SCENARIOS[name](**_settings_of(name, options.settings)))
        print(json.dumps({name: figures[name]}, indent=2), flush=True)
    if options.output:
        write_json(options.output, figures)
    return figures


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "scenarios", nargs="+", choices=[*SCENARIOS, "all"], metavar="SCENARIO", help=", ".join(SCENARIOS)
    )
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE", help="argument of a scenario"
    )
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args(arguments)


def _settings_of(name: str, settings: Sequence[str]) -> dict[str, Any]:
    """Return the settings that a scenario takes; values are JSON."""
    pairs = dict(setting.split("=", 1) for setting in settings)
    parameters = inspect.signature(SCENARIOS[name]).parameters
    return {key: json.loads(value) for key, value in pairs.items() if key in parameters}


if __name__ == "__main__":
    main()
