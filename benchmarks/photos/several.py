"""Measures how several receipts in one picture are separated, and how often a single one is split by mistake.

    python -m benchmarks.photos.several --output runs/several.json [--data DIR ...] [--count N] [--seed N] [--single N]

Pictures are those of `benchmarks.photos.compositions`, and labeled receipts as they are. They go to the gateway. A
picture is right if there is one outline per receipt, and most of the text of each is in another one.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.photos.compositions import compose_many
from benchmarks.receipts import load_spread
from benchmarks.report import write_json
from quittance.evaluation.chain import Chain, start_chain
from shared.arrays import Floats, Pixels

_JPEG_QUALITY = 92
_MIN_SHARE = 0.8


async def find_outlines(chain: Chain, image: Pixels) -> list[Floats]:
    """Return the outlines `(4, 2)` of the receipts in a picture; none if there is only one."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    receipt = await chain.client.receipts.read(data)
    return [np.array(outline, np.float32) for outline in receipt.pages[0].receipts]


def is_separated(quads: Sequence[Floats], outlines: Sequence[Floats]) -> bool:
    """Return whether the receipts of a picture are separated.

    Args:
        quads: For each receipt the quads of its segments, `(N, 4, 2)`.
        outlines: Outlines `(4, 2)` that were found; none if it was read as one receipt.
    """
    if len(quads) == 1:
        return not outlines
    if len(outlines) != len(quads):
        return False
    homes = []
    for own in quads:
        shares = [_measure_inside(own.mean(axis=1), outline) for outline in outlines]
        homes.append(int(np.argmax(shares)))
        if max(shares) < _MIN_SHARE:
            return False
    return len(set(homes)) == len(homes)


async def measure_compositions(
    chain: Chain, folders: Sequence[Path], split: str, count: int, seed: int
) -> dict[str, Any]:
    """Return the number of pictures and the share that is right by layout, and the names of all others."""
    right: dict[str, list[bool]] = defaultdict(list)
    wrong = []
    for one in compose_many(count, seed, folders, split):
        outlines = await find_outlines(chain, one.image)
        is_right = is_separated(one.quads, outlines)
        right[one.name.partition(",")[0]].append(is_right)
        if not is_right:
            wrong.append(f"{one.name}: {len(outlines)} outlines for {len(one.quads)} receipts")
    shares = {layout: float(np.mean(found)) for layout, found in right.items()}
    return {"pictures": count, "right": shares, "wrong": wrong}


async def measure_single(chain: Chain, folder: Path, split: str, count: int | None) -> dict[str, Any]:
    """Return the number of labeled receipts and the share that is not split, and the keys of all others."""
    receipts = load_spread(folder, split, count)
    wrong = [one.key for one in receipts if await find_outlines(chain, one.read_image())]
    return {"pictures": len(receipts), "right": 1 - len(wrong) / max(1, len(receipts)), "wrong": wrong}


async def measure_all(
    folders: Sequence[Path], *, split: str, count: int, single: int | None, seed: int, output: Path
) -> None:
    """Measure compositions and single receipts; write the file after each."""
    results: dict[str, Any] = {"about": {"split": split, "seed": seed}}
    async with start_chain() as chain:
        results["models"] = (await chain.stages.models()).model_dump()
        results["compositions"] = found = await measure_compositions(chain, folders, split, count, seed)
        print(", ".join(f"{layout} {share:.2f}" for layout, share in found["right"].items()), flush=True)
        write_json(output, results)
        for folder in folders:
            results[folder.name] = found = await measure_single(chain, folder, split, single)
            print(f"{folder.name}: {found['right']:.3f} of {found['pictures']} receipts not split", flush=True)
            write_json(output, results)


def _measure_inside(points: Floats, outline: Floats) -> float:
    """Return the share of points `(N, 2)` inside of an outline."""
    contour = outline.reshape(-1, 1, 2)
    inside = [cv2.pointPolygonTest(contour, (float(x), float(y)), False) >= 0 for x, y in points]
    return float(np.mean(inside))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="folders of labeled receipts")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--count", type=int, default=60, help="number of compositions (default: %(default)s)")
    parser.add_argument("--single", type=int, help="single receipts per folder (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the compositions (default: %(default)s)")
    options = vars(parser.parse_args())
    asyncio.run(measure_all(options.pop("data"), **options))


if __name__ == "__main__":
    main()
