"""Measure a model service on labeled receipts: timing, and the command line of an evaluation."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from shared.arrays import Pixels
from shared.learning.labels import LabeledReceipt

# Called after each receipt with the numbers of receipts done and in total.
Progress = Callable[[int, int], None]
T = TypeVar("T")


def process_receipts(
    receipts: Sequence[LabeledReceipt],
    read_image: Callable[[int], Pixels],
    process: Callable[[LabeledReceipt, Pixels], T],
    progress: Progress | None = None,
) -> tuple[list[T], list[float]]:
    """Process receipts one at a time and measure how long each takes.

    Args:
        receipts: Labeled receipts.
        read_image: Returns the picture of the receipt with an index; not timed.
        process: Processes a receipt and its picture.
        progress: Called after each receipt.

    Returns:
        The results, and the seconds of each.
    """
    results: list[T] = []
    seconds: list[float] = []
    for index, receipt in enumerate(receipts):
        image = read_image(index)
        start = time.perf_counter()
        results.append(process(receipt, image))
        seconds.append(time.perf_counter() - start)
        if progress is not None:
            progress(index + 1, len(receipts))
    return results, seconds


def summarize_seconds(seconds: Sequence[float]) -> dict[str, float]:
    """Return `seconds_median` and `seconds_p95`; 0 without receipts."""
    return {
        "seconds_median": float(np.median(seconds)) if seconds else 0.0,
        "seconds_p95": float(np.percentile(seconds, 95)) if seconds else 0.0,
    }


def build_evaluation_parser(description: str) -> argparse.ArgumentParser:
    """Build a command-line parser with the options that all evaluations have: data, split and weights."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="data set in the layout of SROIE or WildReceipt")
    parser.add_argument("--split", default="validation", help="split of the data set (default: validation)")
    parser.add_argument("--weights", type=Path, help="folder of the weights (default: from the settings)")
    return parser
