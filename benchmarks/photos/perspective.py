"""Measures how receipts are read that were photographed at an angle.

    python -m benchmarks.photos.perspective --output runs/perspective.json [--count N] [--seed N]

The whole chain reads the pictures of `benchmarks.photos.tilted`: the same receipts from each angle. No model was
trained on them.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.photos.tilted import render_tilted
from benchmarks.report import write_json
from quittance.evaluation.chain import Chain, read_labeled, start_chain
from quittance.evaluation.scores import score
from shared.learning.dataset import load_split, write_receipt, write_split

ANGLES = (0.0, 10.0, 20.0, 30.0, 40.0)
"""Degrees between the view of the camera and the normal of the paper."""


async def measure(chain: Chain, count: int, seed: int, degrees: float) -> dict[str, Any]:
    """Read receipts from one angle.

    Args:
        chain: Reads them.
        count: Number of receipts.
        seed: The same seed makes the same receipts.
        degrees: Angle of the camera.

    Returns:
        `words`, F1 of words; `deteval`, H-mean of localization; `fields`, F1 of the four fields, all from pixels.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = []
        for tilted in render_tilted(count, seed, degrees):
            keys.append(tilted.name)
            write_receipt(folder, tilted.name, tilted.image, tilted.segments, tilted.entities)
        write_split(folder, {"tilted": keys})
        records = [await read_labeled(chain, receipt) for receipt in load_split(folder, "tilted")]
    measures = score(records)
    return {
        "words": measures["task2"]["pixels"]["f1"],
        "deteval": measures["task1"]["deteval"]["hmean"],
        "fields": measures["task3"]["pixels"]["all"]["f1"],
    }


async def measure_all(count: int, seed: int, angles: Sequence[float], output: Path) -> None:
    """Read receipts from each angle, and write the file after each."""
    results: dict[str, Any] = {"about": {"receipts": count, "seed": seed}, "angles": {}}
    async with start_chain() as chain:
        results["models"] = (await chain.stages.models()).model_dump()
        for degrees in angles:
            results["angles"][f"{degrees:g}"] = found = await measure(chain, count, seed, degrees)
            print(
                f"{degrees:g} degrees: " + ", ".join(f"{key} {value:.3f}" for key, value in found.items()), flush=True
            )
            write_json(output, results)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=30, help="number of receipts per angle (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the receipts (default: %(default)s)")
    parser.add_argument("--angles", type=float, nargs="*", default=ANGLES, help="degrees (default: 0 to 40)")
    options = parser.parse_args()
    asyncio.run(measure_all(options.count, options.seed, options.angles, options.output))


if __name__ == "__main__":
    main()
