"""Measures how codes on receipts are read; see `benchmarks.codes.measure`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks.codes.measure import build_table, measure
from synthesis.codes.world import STANDARDS


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codes", description=__doc__)
    parser.add_argument("--countries", default=",".join(STANDARDS), help="ISO 3166 codes (default: %(default)s)")
    parser.add_argument("--receipts", type=int, default=10, help="receipts per country (default: 10)")
    parser.add_argument("--seed", type=int, default=4099)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    Console().print(build_table(measure(options.countries.split(","), options.receipts, options.seed, options.output)))


if __name__ == "__main__":
    main()
