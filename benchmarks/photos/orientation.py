"""Measures how often the orientation of a page is found, for pages turned four ways.

    python -m benchmarks.photos.orientation --output runs/orientation.json [--data DIR ...] [--count N] [--long N]

Pages are the long receipts of `benchmarks.photos.long_receipts` and the receipts of the labeled folders. Each is turned
by 0, 90, 180 and 270 degrees.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2

from benchmarks.photos.long_receipts import render_long_receipt
from benchmarks.receipts import load_spread
from benchmarks.report import write_json
from services.detector.orientation.engine import TURNS
from services.detector.orientation.loading import load_orientation
from services.detector.orientation.pose import find_pose
from services.detector.settings import DetectorSettings
from services.detector.training.orientation import read_upright
from shared.arrays import Pixels
from shared.geometry import rotate_image
from shared.pictures.gray import to_gray

_LONG = 60


def load_upright(folder: Path, split: str, count: int | None) -> Iterator[tuple[str, Pixels]]:
    """Yield the key and the upright gray page of labeled receipts."""
    for receipt in load_spread(folder, split, count):
        yield receipt.key, read_upright(receipt)


def render_long(count: int) -> Iterator[tuple[str, Pixels]]:
    """Yield the seed and the upright gray page of long receipts."""
    for seed in range(count):
        yield str(seed), to_gray(render_long_receipt(seed))


def measure(pages: Iterable[tuple[str, Pixels]], find_rotation: Callable[[Pixels], int]) -> dict[str, object]:
    """Turn pages four ways and count those whose turn is found.

    Args:
        pages: Key and upright gray page of each.
        find_rotation: Returns the degrees clockwise by which the text of a page is turned.

    Returns:
        `pages`, the number of turned pages; `right`, the share with the right turn; `wrong`, for each other page its
        key, the degrees by which it is turned, and those that were found.
    """
    count, wrong = 0, []
    for key, page in pages:
        for turn in TURNS:
            count += 1
            found = find_rotation(rotate_image(page, turn))
            if found != turn:
                wrong.append({"key": key, "turned": turn, "found": found})
    return {"pages": count, "right": 1 - len(wrong) / max(1, count), "wrong": wrong}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="folders of labeled receipts")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--count", type=int, help="maximum number of receipts per folder (default: all)")
    parser.add_argument("--long", type=int, default=_LONG, help="number of long receipts (default: %(default)s)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    engine, _ = load_orientation(DetectorSettings())
    sources = {"long": render_long(options.long)}
    sources |= {folder.name: load_upright(folder, options.split, options.count) for folder in options.data}
    result = {}
    for name, pages in sources.items():
        result[name] = measure(pages, lambda page: find_pose(page, engine)[0].rotation)
        print(f"{name}: {result[name]['right']:.4f} of {result[name]['pages']} turned pages", flush=True)
    write_json(options.output, result)


if __name__ == "__main__":
    main()
