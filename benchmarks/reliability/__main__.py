"""Measures what the gateway does under load and faults; prints the figures and writes them as JSON.

    python -m benchmarks.reliability hangups deadlines stampede --output runs/reliability.json
    python -m benchmarks.reliability all
    python -m benchmarks.reliability overload --set seconds=120 --set real=true

Processes of their own on free ports of this machine. Nothing else should run meanwhile: what is measured are times.
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

from benchmarks.reliability.callers import deadlines, endurance, hangups, identity, stampede
from benchmarks.reliability.faults import kill, redis, rolling
from benchmarks.reliability.overload import overload

SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (overload, hangups, deadlines, kill, rolling, redis, stampede, identity, endurance)
}


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Runs the scenarios asked for, one after the other, and gives their figures."""
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
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(figures, indent=2) + "\n")
    return figures


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "scenarios", nargs="+", choices=[*SCENARIOS, "all"], metavar="SCENARIO", help=", ".join(SCENARIOS)
    )
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE", help="an argument of a scenario"
    )
    parser.add_argument("--output", type=Path, help="file for the figures as JSON")
    return parser.parse_args(arguments)


def _settings_of(name: str, given: Sequence[str]) -> dict[str, Any]:
    """Those of the settings that the scenario knows; values are JSON."""
    pairs = dict(pair.split("=", 1) for pair in given)
    known = inspect.signature(SCENARIOS[name]).parameters
    return {key: json.loads(value) for key, value in pairs.items() if key in known}


if __name__ == "__main__":
    main()
