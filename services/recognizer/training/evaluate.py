"""Measure the recognizer on labeled boxes (task 2): word F1 and character error rate.

Run `python -m services.recognizer.training.evaluate --data DIR [--split validation]`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.recognizer.crops import cut_segments
from services.recognizer.decoding import Recognition
from services.recognizer.predictor import Predictor
from services.recognizer.settings import RecognizerSettings
from shared.learning.dataset import load_split
from shared.learning.evaluation import Progress, build_evaluation_parser, process_receipts, summarize_seconds
from shared.learning.labels import LabeledReceipt
from shared.measures.words import compare_words, compute_character_error_rate


def read_given_boxes(
    receipts: Sequence[LabeledReceipt], predictor: Predictor, progress: Progress | None = None
) -> tuple[list[list[Recognition]], list[float]]:
    """Read the labeled segments of receipts.

    Args:
        receipts: Labeled receipts.
        predictor: The recognizer.
        progress: Called after each receipt.

    Returns:
        The readings of each receipt in the order of its segments, and the seconds of cutting and reading.
    """
    return process_receipts(
        receipts,
        lambda index: receipts[index].read_image(),
        lambda receipt, image: predictor.recognize(cut_segments(image, receipt.quads)),
        progress,
    )


def measure(receipts: Sequence[LabeledReceipt], readings: Sequence[Sequence[Recognition]]) -> dict[str, float]:
    """Measure readings of given boxes.

    Returns:
        `precision`, `recall` and `f1` of words separated by white space (a multiset per receipt, case ignored), and
        `cer`, the edits per labeled character.
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
        data: Data set in the layout of SROIE.
        split: Split of the data set.
        settings: Settings of the recognizer; None reads the environment.
        progress: Called after each receipt.

    Returns:
        The result of `measure`, and `receipts`, `segments`, `seconds_median`, `seconds_p95` (per receipt) and `model`.

    Raises:
        shared.learning.labels.DatasetError: If the data set cannot be read.
        shared.inference.weights.WeightsError: If the weights cannot be used.
    """
    receipts = load_split(data, split)
    predictor = Predictor.load(settings or RecognizerSettings.from_environment())
    predictor.warm_up()
    readings, seconds = read_given_boxes(receipts, predictor, progress)
    return {
        **measure(receipts, readings),
        "receipts": len(receipts),
        "segments": sum(len(receipt.segments) for receipt in receipts),
        **summarize_seconds(seconds),
        "model": predictor.version,
    }


def select_measures(result: dict[str, Any]) -> dict[str, float]:
    """Select the measures of an evaluation for a manifest: `given_boxes.precision` and so on, with four decimals."""
    return {f"given_boxes.{name}": round(result[name], 4) for name in ("precision", "recall", "f1", "cer")}


def main() -> None:
    """Run the command line; print JSON."""
    options = build_evaluation_parser("Measure the recognizer on labeled boxes.").parse_args()
    settings = RecognizerSettings.from_environment()
    if options.weights is not None:
        settings = settings.model_copy(update={"weights": options.weights})
    print(json.dumps(evaluate(options.data, options.split, settings=settings), indent=1))


if __name__ == "__main__":
    main()
