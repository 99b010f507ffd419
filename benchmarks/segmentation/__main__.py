"""Fit the model that groups words into lines, and measure it. Run `python -m benchmarks.segmentation --help`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.segmentation.fitting import fit_model
from benchmarks.segmentation.labeling import LabeledPage, label_page
from benchmarks.segmentation.measuring import decide, measure_pages
from benchmarks.segmentation.readings import load_readings
from gateway.reading.segmentation.model import PATH, BoundaryModel
from shared.arrays import Floats

_FOLDS = 3
_SCANS, _PHOTOGRAPHS = "scans", "photographs"
# Weight of a receipt: there are twice as many scans as photographs, and they have more words.
_WEIGHTS = {_SCANS: 0.4, _PHOTOGRAPHS: 1.0}
_SPLITS = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 99.0)
_JOINS = (0.5, 0.0, -0.5, -1.0, -2.0, -3.0, -99.0)
_Pages = dict[str, list[LabeledPage]]


def main() -> None:
    """Run the command line; print JSON."""
    parser = argparse.ArgumentParser(description="Fit or measure the model that groups words into lines.")
    parser.add_argument("--data", type=Path, required=True, help="data set in the layout of SROIE")
    parser.add_argument("--photographs", type=Path, required=True, help="data set in the layout of WildReceipt")
    parser.add_argument("--readings", type=Path, default=Path("runs/segmentation"), help="folder of readings")
    parser.add_argument("--count", type=int, help="maximum number of training receipts per data set")
    parser.add_argument("--fit", action="store_true", help="fit on the training splits first, by folds")
    parser.add_argument("--weights", type=Path, default=PATH, help="the model to write and measure")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    if options.fit:
        pages = _load(options, "train", options.count)
        model, result["folds"] = fit_by_folds(pages)
        model.save(options.weights, receipts={kind: len(some) for kind, some in pages.items()})
    model = BoundaryModel.load(options.weights)
    result["validation"] = measure(_load(options, "validation", None), model)
    print(json.dumps(result, indent=1))


def fit_by_folds(pages: _Pages) -> tuple[BoundaryModel, dict[str, Any]]:
    """Fit a model, and choose its thresholds on receipts that models of folds were not fitted on.

    The thresholds are those at which photographs gain most in DetEval and segments, and scans lose in neither.

    Returns:
        The model, and the measures of the folds before and after.
    """
    logits: dict[str, list[Floats | None]] = {kind: [None] * len(some) for kind, some in pages.items()}
    for fold in range(_FOLDS):
        model = _fit({kind: _leave_out(some, fold) for kind, some in pages.items()})
        for kind, some in pages.items():
            for index in range(fold, len(some), _FOLDS):
                logits[kind][index] = _compute_logits(some[index], model)
    before = {kind: measure_pages(some, [None] * len(some)) for kind, some in pages.items()}
    split, join = 99.0, _choose(pages, logits, before, [(99.0, join) for join in _JOINS])[1]
    split, join = _choose(pages, logits, before, [(split, join) for split in _SPLITS])
    after = {kind: _measure(some, logits[kind], split, join) for kind, some in pages.items()}
    model = replace(_fit(pages), split=split, join=join)
    return model, {"before": before, "after": after, "split": split, "join": join}


def _choose(
    pages: _Pages,
    logits: dict[str, list[Floats | None]],
    before: dict[str, dict[str, Any]],
    candidates: Sequence[tuple[float, float]],
) -> tuple[float, float]:
    """Return the thresholds with which photographs gain most, of those with which scans do not lose."""
    best, chosen = -1.0, (99.0, -99.0)
    for split, join in candidates:
        measures = {kind: _measure(some, logits[kind], split, join) for kind, some in pages.items()}
        gain = measures[_PHOTOGRAPHS]["deteval"] + measures[_PHOTOGRAPHS]["segments"]
        is_safe = all(measures[_SCANS][name] >= before[_SCANS][name] for name in ("deteval", "segments"))
        if is_safe and gain > best:
            best, chosen = gain, (split, join)
    return chosen


def measure(pages: _Pages, model: BoundaryModel) -> dict[str, Any]:
    """Measure a model, next to the segments of the detector and to decisions that the labels make."""
    result = {}
    for kind, some in pages.items():
        logits = [_compute_logits(page, model) for page in some]
        ideal = [None if page.parted is None else _decide_ideally(page) for page in some]
        result[kind] = {
            "detector": measure_pages(some, [None] * len(some)),
            "model": _measure(some, logits, model.split, model.join),
            "labels": measure_pages(some, ideal),
        }
    return result


def _decide_ideally(page: LabeledPage) -> Any:
    boundaries, parted = page.boundaries, page.parted
    return None if boundaries is None or parted is None else (parted == 1) | ((parted < 0) & boundaries.between_lines)


def _measure(pages: Sequence[LabeledPage], logits: Sequence[Floats | None], split: float, join: float) -> Any:
    return measure_pages(pages, [decide(page, some, split, join) for page, some in zip(pages, logits, strict=True)])


def _compute_logits(page: LabeledPage, model: BoundaryModel) -> Floats | None:
    return None if page.boundaries is None else model.compute_logits(page.boundaries.features)


def _fit(pages: _Pages) -> BoundaryModel:
    weights = [_WEIGHTS[kind] for kind, some in pages.items() for _ in some]
    return fit_model([page for some in pages.values() for page in some], weights)


def _leave_out(pages: Sequence[LabeledPage], fold: int) -> list[LabeledPage]:
    return [page for index, page in enumerate(pages) if index % _FOLDS != fold]


def _load(options: argparse.Namespace, split: str, count: int | None) -> _Pages:
    folders = {_SCANS: options.data, _PHOTOGRAPHS: options.photographs}
    return {
        kind: [label_page(one) for one in load_readings(data, split, options.readings / f"{kind}_{split}.jsonl", count)]
        for kind, data in folders.items()
    }


if __name__ == "__main__":
    main()
