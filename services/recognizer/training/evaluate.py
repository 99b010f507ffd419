"""Measures of the recognizer on labeled receipts: word F1 and character error rate on given boxes.

`python -m services.recognizer.training.evaluate --data DIR [--split validation]`
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.recognizer.crops import cut
from services.recognizer.decoding import Recognition
from services.recognizer.predictor import Predictor
from services.recognizer.settings import RecognizerSettings
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt
from shared.measures.words import compare_words, compute_character_error_rate

Progress = Callable[[int, int], None]


def read_given_boxes(
    receipts: Sequence[LabeledReceipt], predictor: Predictor, progress: Progress | None = None
) -> tuple[list[list[Recognition]], list[float]]:
    """Read the segments of receipts at their labeled places.

    Args:
        receipts: labeled receipts.
        predictor: the recognizer.
        progress: called after each receipt with how many are done and how many there are.

    Returns:
        For each receipt what was read, in the order of its segments; and the seconds that cutting and reading took.
    """
    readings: list[list[Recognition]] = []
    seconds: list[float] = []
    for number, receipt in enumerate(receipts, start=1):
        image = receipt.read_image()
        begun = time.perf_counter()
        readings.append(predictor.recognize(cut(image, receipt.quads)))
        seconds.append(time.perf_counter() - begun)
        if progress is not None:
            progress(number, len(receipts))
    return readings, seconds


def measure(receipts: Sequence[LabeledReceipt], readings: Sequence[Sequence[Recognition]]) -> dict[str, float]:
    """Task 2 on given boxes.

    Returns:
        `precision`, `recall`, `f1` of whitespace-separated words (a multiset for each receipt, case ignored), and
        `cer`, the edits for each labeled character.
    """
    labels = [[segment.text for segment in receipt.segments] for receipt in receipts]
    texts = [[reading.text for reading in of_receipt] for of_receipt in readings]
    matches = compare_words(labels, texts)
    flat_labels = [text for of_receipt in labels for text in of_receipt]
    flat_texts = [text for of_receipt in texts for text in of_receipt]
    return {
        "precision": matches.precision,
        "recall": matches.recall,
        "f1": matches.f1,
        "cer": compute_character_error_rate(flat_labels, flat_texts),
    }


def evaluate(
    data: Path,
    split: str = "validation",
    *,
    settings: RecognizerSettings | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure the recognizer on given boxes.

    Args:
        data: data set in SROIE's layout.
        split: which receipts of it.
        settings: of the recognizer; from the environment if left out.
        progress: see `read_given_boxes`.

    Returns:
        What `measure` gives, and `receipts`, `segments`, `seconds_median` a receipt, `model`.

    Raises:
        shared.learning.labels.DatasetError: if the data set cannot be read.
        shared.inference.weights.WeightsError: if the weights cannot be used.
    """
    receipts = load_split(data, split)
    predictor = Predictor.load(settings or RecognizerSettings.from_environment())
    predictor.warm_up()
    readings, seconds = read_given_boxes(receipts, predictor, progress)
    return {
        **measure(receipts, readings),
        "receipts": len(receipts),
        "segments": sum(len(receipt.segments) for receipt in receipts),
        "seconds_median": float(np.median(seconds)) if seconds else 0.0,
        "model": predictor.version,
    }


def main() -> None:
    """Command line of the evaluation; prints JSON."""
    parser = argparse.ArgumentParser(description="Measure the recognizer on labeled boxes.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    settings = RecognizerSettings.from_environment()
    if options.weights is not None:
        settings = settings.model_copy(update={"weights": options.weights})
    print(json.dumps(evaluate(options.data, options.split, settings=settings), indent=1))


if __name__ == "__main__":
    main()
