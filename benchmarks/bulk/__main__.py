"""Measures bulk extraction.

    python -m benchmarks.bulk loss --count 200 --output runs/bulk-loss.json
    python -m benchmarks.bulk speed --count 500 --output runs/bulk-speed.json
    python -m benchmarks.bulk broken --count 10000 --output runs/bulk-broken.json

`loss` reads rendered receipts on a cluster of three nodes of this machine: undisturbed, with a node killed midway, and
with a stop midway and a second run. `speed` compares with posting the same receipts to the gateway, and with the
predictors alone, and also tells what bulk extraction takes once its actors have started, which takes about eight
seconds. `broken` reads small pictures, one in a hundred of them broken. Each prints and writes figures, and
exits with 1 if a row is missing, doubled or wrong. Nothing else should run at the same time as `speed` and `loss`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bulk.broken import measure_broken
from benchmarks.bulk.loss import measure_loss
from benchmarks.bulk.speed import measure_speed
from benchmarks.report import write_json

_MEASURES: dict[str, tuple[Callable[[Path, int], dict[str, Any]], int]] = {
    "loss": (measure_loss, 2_000),
    "speed": (measure_speed, 500),
    "broken": (measure_broken, 10_000),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one thing; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("measure", choices=_MEASURES)
    parser.add_argument("--count", type=int, help="number of receipts or files")
    parser.add_argument("--folder", type=Path, help="folder for receipts and outputs; rendered receipts are kept there")
    parser.add_argument("--output", type=Path, help="file for the figures")
    options = parser.parse_args(arguments)
    measure, count = _MEASURES[options.measure]
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure(options.folder or Path(temporary), options.count or count)
    if options.output is not None:
        write_json(options.output, figures)
    print("\n".join(f"{name}: {value}" for name, value in figures.items()))
    return 1 if figures["faults"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
