"""Measures how receipts of many countries are read; see `benchmarks.countries.measure`."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from rich.console import Console

from benchmarks.countries.measure import COUNTRIES, build_table, measure


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.countries", description=__doc__)
    parser.add_argument("--countries", default=",".join(COUNTRIES), help="ISO 3166 codes (default: %(default)s)")
    parser.add_argument("--receipts", type=int, default=4, help="receipts per country (default: 4)")
    parser.add_argument("--seed", type=int, default=977)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    results = asyncio.run(measure(options.countries.split(","), options.receipts, options.seed, options.output))
    Console().print(build_table(results))


if __name__ == "__main__":
    main()
