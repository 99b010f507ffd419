"""Measures of the detector on labeled receipts (task 1): DetEval and matching at IoU 0.5.

`python -m services.detector.training.evaluate --data DIR [--split validation]`
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.detector.network.loading import NAME
from services.detector.predictor import Detection, Predictor
from services.detector.settings import DetectorSettings
from services.detector.training.damage import damage_page
from shared.arrays import Floats, Pixels
from shared.inference.weights import MANIFEST_FILE, read_manifest
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt
from shared.measures.deteval import measure_deteval, measure_iou
from shared.measures.ignored import select_counted

Progress = Callable[[int, int], None]


def detect_all(
    receipts: Sequence[LabeledReceipt],
    predictor: Predictor,
    progress: Progress | None = None,
    *,
    damaged: bool = False,
) -> tuple[list[Detection], list[float]]:
    """Find the text of receipts, one at a time.

    Args:
        receipts: Labeled receipts.
        predictor: The detector.
        progress: Called after each receipt with how many are done and how many there are.
        damaged: See `evaluate`.

    Returns:
        What was found on each, and the seconds that each took from pixels to quads.
    """
    detections: list[Detection] = []
    seconds: list[float] = []
    for number, receipt in enumerate(receipts, start=1):
        image = _picture(number, receipt, damaged)[0]
        begun = time.perf_counter()
        detections += predictor.predict([image])
        seconds.append(time.perf_counter() - begun)
        if progress is not None:
            progress(number, len(receipts))
    return detections, seconds


def _picture(number: int, receipt: LabeledReceipt, damaged: bool) -> tuple[Pixels, Floats, Floats]:
    """The picture of the receipt of some number with its labels and what is to be ignored, damaged or not."""
    image, quads, ignored = receipt.read_image(), receipt.quads, receipt.ignored
    return damage_page(image, quads, ignored, np.random.default_rng(number)) if damaged else (image, quads, ignored)


def measure(
    receipts: Sequence[LabeledReceipt], detections: Sequence[Detection], *, damaged: bool = False
) -> dict[str, dict[str, float]]:
    """Task 1: `deteval` and `iou50`, each with `precision`, `recall` and `hmean`."""
    labels, quads = [], []
    for number, (receipt, detection) in enumerate(zip(receipts, detections, strict=True), start=1):
        printed, ignored = receipt.quads, receipt.ignored
        if damaged:
            _, printed, ignored = _picture(number, receipt, damaged)
        labels.append(printed)
        quads.append(detection.quads[select_counted(detection.quads, ignored, printed)])
    return {"deteval": measure_deteval(labels, quads).to_dict(), "iou50": measure_iou(labels, quads).to_dict()}


def evaluate(
    data: Path,
    split: str = "validation",
    *,
    settings: DetectorSettings | None = None,
    limit: int | None = None,
    damaged: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure the detector.

    Args:
        data: Data set in SROIE's layout or WildReceipt's.
        split: Which receipts of it.
        settings: Of the detector; from the environment if left out.
        limit: How many receipts at most, spread over the split.
        damaged: Measure on pictures that are bent, tilted and degraded by chance, the same each time.
        progress: See `detect_all`.

    Returns:
        What `measure` gives, and `receipts`, `segments`, `seconds_median`, `seconds_p95` a receipt, `model`.

    Raises:
        shared.learning.labels.DatasetError: If the data set cannot be read.
        shared.inference.weights.WeightsError: If the weights cannot be used.
    """
    receipts = load_split(data, split)
    if limit is not None and limit < len(receipts):
        receipts = receipts[:: len(receipts) // limit][:limit]
    predictor = Predictor.load(settings or DetectorSettings.from_environment())
    predictor.warm_up()
    detections, seconds = detect_all(receipts, predictor, progress, damaged=damaged)
    return {
        **measure(receipts, detections, damaged=damaged),
        "receipts": len(receipts),
        "segments": sum(len(detection.scores) for detection in detections),
        "seconds_median": float(np.median(seconds)) if seconds else 0.0,
        "seconds_p95": float(np.percentile(seconds, 95)) if seconds else 0.0,
        "model": predictor.version,
    }


def record(weights: Path, name: str, result: dict[str, Any]) -> None:
    """Write what was measured into the manifest of the weights, by some name; their hash and version stay."""
    manifest = read_manifest(weights, name=NAME)
    values = {key: result[key] for key in ("deteval", "iou50", "receipts")}
    manifest = manifest.model_copy(update={"measures": {**manifest.measures, name: values}})
    (weights / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Command line of the evaluation; prints JSON."""
    parser = argparse.ArgumentParser(description="Measure the detector on labeled receipts.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--damaged", action="store_true", help="bend, tilt and degrade the pictures by chance")
    parser.add_argument(
        "--record",
        nargs="?",
        const="",
        metavar="NAME",
        help="write the measures into the manifest (NAME: of the split)",
    )
    options = parser.parse_args()
    settings = DetectorSettings.from_environment()
    if options.weights is not None:
        settings = settings.model_copy(update={"weights": options.weights})
    result = evaluate(options.data, options.split, settings=settings, limit=options.limit, damaged=options.damaged)
    if options.record is not None:
        record(settings.weights, options.record or options.split, result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
