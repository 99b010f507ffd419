"""The receipts that benchmarks read: evenly spread over a split, or the samples of the tests."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.processes import ROOT
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt


def load_spread(data: Path, split: str, count: int | None) -> list[LabeledReceipt]:
    """Return up to `count` labeled receipts, evenly spread over a split; all of them if `count` is None."""
    receipts = load_split(data, split)
    if count is None:
        return receipts
    return receipts[:: max(1, len(receipts) // count)][:count]


def add_picture_options(parser: argparse.ArgumentParser, *, count: int) -> None:
    """Add the options of `load_pictures`, with a default for the number of pictures."""
    parser.add_argument("--data", type=Path, help="labeled receipts; by default the samples of the tests")
    parser.add_argument("--split", default="validation", help="split of the labeled receipts")
    parser.add_argument("--count", type=int, default=count, help="maximum number of pictures")


def load_pictures(data: Path | None, split: str, count: int) -> list[bytes]:
    """Return the first pictures of labeled receipts, or the samples of the tests, as bytes.

    Raises:
        SystemExit: If there are none.
    """
    if data is not None:
        paths = [receipt.image_path for receipt in load_split(data, split)]
    else:
        samples = ROOT / "tests" / "samples"
        paths = [path for path in sorted(samples.rglob("*")) if path.suffix in (".jpg", ".png", ".webp")]
    pictures = [path.read_bytes() for path in paths[:count]]
    if not pictures:
        raise SystemExit(f"There are no pictures in {data or 'tests/samples'}.")
    return pictures
