"""Measure the detector on labeled receipts (task 1): DetEval, and one-to-one matching at IoU 0.5.

Run `python -m services.detector.training.evaluate --data DIR [--split validation]`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.detector.network.loading import NAME
from services.detector.predictor import Detection, Predictor
from services.detector.settings import DetectorSettings
from services.detector.training.damage import damage_page
from shared.arrays import Floats, Pixels
from shared.learning.dataset import load_split, pick_evenly
from shared.learning.evaluation import Progress, build_evaluation_parser, process_receipts, summarize_seconds
from shared.learning.labels import LabeledReceipt
from shared.learning.release import update_manifest
from shared.measures.deteval import measure_deteval, measure_iou
from shared.measures.ignored import select_counted


def detect_receipts(
    receipts: Sequence[LabeledReceipt],
    predictor: Predictor,
    progress: Progress | None = None,
    *,
    damaged: bool = False,
) -> tuple[list[Detection], list[float]]:
    """Detect the text of receipts, one at a time.

    Args:
        receipts: Labeled receipts.
        predictor: The detector.
        progress: Called after each receipt.
        damaged: See `evaluate`.

    Returns:
        The detections, and the seconds from pixels to quads of each receipt.
    """
    return process_receipts(
        receipts,
        lambda index: _read_page(index, receipts[index], damaged=damaged)[0],
        lambda _, image: predictor.predict([image])[0],
        progress,
    )


def _read_page(index: int, receipt: LabeledReceipt, *, damaged: bool) -> tuple[Pixels, Floats, Floats]:
    """Read a picture with its labels and ignored print, damaged or as it is."""
    page = receipt.read_image(), receipt.quads, receipt.ignored
    return damage_page(*page, np.random.default_rng(index + 1)) if damaged else page


def measure(
    receipts: Sequence[LabeledReceipt], detections: Sequence[Detection], *, damaged: bool = False
) -> dict[str, dict[str, float]]:
    """Measure detections: `deteval` and `iou50`, each with `precision`, `recall` and `hmean`."""
    labels, quads = [], []
    for index, (receipt, detection) in enumerate(zip(receipts, detections, strict=True)):
        printed, ignored = receipt.quads, receipt.ignored
        if damaged:
            _, printed, ignored = _read_page(index, receipt, damaged=True)
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
        data: Data set in the layout of SROIE or WildReceipt.
        split: Split of the data set.
        settings: Settings of the detector; None reads the environment.
        limit: Maximum number of receipts, spread over the split; None for all.
        damaged: Whether to bend, tilt and degrade the pictures at random, the same way each time.
        progress: Called after each receipt.

    Returns:
        The result of `measure`, and `receipts`, `segments`, `seconds_median`, `seconds_p95` (per receipt) and `model`.

    Raises:
        shared.learning.labels.DatasetError: If the data set cannot be read.
        shared.inference.weights.WeightsError: If the weights cannot be used.
    """
    receipts: Sequence[LabeledReceipt] = load_split(data, split)
    if limit is not None:
        receipts = pick_evenly(receipts, limit)
    predictor = Predictor.load(settings or DetectorSettings.from_environment())
    predictor.warm_up()
    detections, seconds = detect_receipts(receipts, predictor, progress, damaged=damaged)
    return {
        **measure(receipts, detections, damaged=damaged),
        "receipts": len(receipts),
        "segments": sum(len(detection.scores) for detection in detections),
        **summarize_seconds(seconds),
        "model": predictor.version,
    }


def record_measures(weights: Path, name: str, result: dict[str, Any]) -> None:
    """Write measures into the manifest of the weights under a name; their hash and version stay."""
    update_manifest(weights, name=NAME, measures={name: {key: result[key] for key in ("deteval", "iou50", "receipts")}})


def main() -> None:
    """Run the command line; print JSON."""
    parser = build_evaluation_parser("Measure the detector on labeled receipts.")
    parser.add_argument("--limit", type=int, help="maximum number of receipts (default: all)")
    parser.add_argument("--damaged", action="store_true", help="bend, tilt and degrade the pictures at random")
    parser.add_argument(
        "--record",
        nargs="?",
        const="",
        metavar="NAME",
        help="write the measures into the manifest under this name (default: the split)",
    )
    options = parser.parse_args()
    settings = DetectorSettings.from_environment()
    if options.weights is not None:
        settings = settings.model_copy(update={"weights": options.weights})
    result = evaluate(options.data, options.split, settings=settings, limit=options.limit, damaged=options.damaged)
    if options.record is not None:
        record_measures(settings.weights, options.record or options.split, result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
