"""Fit the joining of proposals on training receipts, after the network is trained.

Run `python -m services.detector.training.tune --data DIR --weights DIR` to fit the logistic models of breaks and
segments and a few thresholds, and to write them into the manifest of the weights.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from services.detector.ink import compute_ink_strength
from services.detector.joining import JoiningSettings, join_proposals
from services.detector.network.engine import Engine
from services.detector.network.loading import NAME, load_engine, read_weights
from services.detector.orientation.straighten import map_points
from services.detector.preparation import PreparationSettings, PreparedPage, prepare_page
from services.detector.settings import DetectorSettings
from services.detector.training.damage import damage_page
from services.detector.training.fitting import TuningPage, fit_acceptance, fit_breaks
from shared.arrays import Floats
from shared.learning.dataset import load_split, pick_evenly
from shared.learning.labels import LabeledReceipt
from shared.learning.recipes import add_field_options
from shared.learning.release import update_manifest
from shared.measures.deteval import measure_deteval, measure_iou
from shared.measures.ignored import select_counted

logger = logging.getLogger(__name__)

# Values tried for each setting, one setting after another; for growth, top and bottom or left and right together.
GRID: dict[str, tuple[Any, ...]] = {
    "grow/vertical": (0.08, 0.1, 0.12, 0.14, 0.16, 0.18),
    "grow/horizontal": (0.06, 0.1, 0.14, 0.18),
    "grow_short/vertical": (0.03, 0.06, 0.09, 0.12),
    "grow_short/horizontal": (0.0, 0.04, 0.08, 0.12),
    "accept_threshold": (-1.0, -0.5, 0.0, 0.5, 1.0),
    "break_threshold": (-1.5, -1.0, -0.5, 0.0, 0.5),
    "min_probability": (0.2, 0.3, 0.4, 0.5),
    "covered": (0.4, 0.5, 0.6, 0.7, 0.8),
    "overlap": (0.5, 0.6, 0.7),
    "ratio": (0.45, 0.55, 0.65),
    "suppression": (0.2, 0.3, 0.4),
    "end_side": (0.15, 0.3, 0.5),
    "ink_weight": (0.35, 0.65, 0.85),
    "skew": (0.35, 0.5, 0.7),
}
# Weight of the H-mean at IoU 0.5 relative to DetEval in the objective: DetEval prefers boxes that are too large, but
# crops with ink of neighbors are harder to read.
_IOU_SHARE = 0.5
# Minimum improvement of the objective for which a setting is changed.
_MIN_IMPROVEMENT = 2e-4
# Minimum mean score of the segments on which the model of segments is fitted.
_CONSIDERED = 0.35


def collect_pages(
    receipts: Sequence[LabeledReceipt],
    engine: Engine,
    preparation: PreparationSettings,
    *,
    weight: float = 1.0,
    damaged: bool = False,
) -> list[TuningPage]:
    """Run the network over receipts, damaged at random (the same way each time) or as they are."""
    pages = []
    for number, receipt in enumerate(receipts):
        image, quads, ignored = receipt.read_image(), receipt.quads, receipt.ignored
        if damaged:
            image, quads, ignored = damage_page(image, quads, ignored, np.random.default_rng(number))
        prepared = prepare_page(image, preparation)
        if prepared is None:
            continue
        pages.append(
            TuningPage(
                prepared,
                activations=next(iter(engine([prepared.gray]))),
                strength=compute_ink_strength(prepared.gray),
                quads=quads,
                boxes=_map_boxes(prepared, quads),
                ignored=ignored,
                ignored_boxes=_map_boxes(prepared, ignored),
                weight=weight,
            )
        )
        logger.info("Page collected: %s, %d of %d", receipt.key, len(pages), len(receipts))
    return pages


def _map_boxes(page: PreparedPage, quads: Floats) -> Floats:
    """Map quads `(N, 4, 2)` of the picture to upright boxes `(N, 4)` in pixels of the prepared page."""
    straight = map_points(quads, np.linalg.inv(page.back).astype(np.float64))
    scaled = ((straight - np.asarray(page.offset, np.float32)) * np.asarray(page.scale)).astype(np.float32)
    return np.concatenate([scaled.min(axis=1), scaled.max(axis=1)], axis=1)


def measure(pages: Sequence[TuningPage], settings: JoiningSettings, anchor_heights: Floats) -> dict[str, float]:
    """Measure settings.

    Returns:
        `deteval` and `iou50` (H-means) of the receipts with the largest weight, and `objective`: the weighted mean of
        both over the kinds of receipts; receipts of one weight are one kind.
    """
    kinds: dict[float, tuple[list[Floats], list[Floats]]] = {}
    for page in pages:
        segments = join_proposals(page.decode(settings, anchor_heights), page.strength, settings)
        labels, found = kinds.setdefault(page.weight, ([], []))
        labels.append(page.quads)
        quads = page.prepared.map_to_page(segments.quads)
        found.append(quads[select_counted(quads, page.ignored, page.quads)])
    hmeans = {weight: (measure_deteval(*pair).hmean, measure_iou(*pair).hmean) for weight, pair in kinds.items()}
    objective = sum(weight * (first + _IOU_SHARE * second) for weight, (first, second) in hmeans.items())
    first, second = hmeans[max(hmeans)]
    return {"deteval": first, "iou50": second, "objective": objective / sum(hmeans) / (1 + _IOU_SHARE)}


def search(
    pages: Sequence[TuningPage], settings: JoiningSettings, anchor_heights: Floats, rounds: int = 2
) -> JoiningSettings:
    """Improve one setting after another over `GRID` for some rounds; without an improvement a setting stays."""
    best = measure(pages, settings, anchor_heights)
    for _ in range(rounds):
        for name, values in GRID.items():
            for value in values:
                candidate = replace_value(settings, name, value)
                result = measure(pages, candidate, anchor_heights)
                if result["objective"] > best["objective"] + _MIN_IMPROVEMENT:
                    settings, best = candidate, result
            chosen = getattr(settings, name.partition("/")[0])
            logger.info("Setting chosen: %s = %s, %s", name, chosen, {key: round(v, 4) for key, v in best.items()})
    return settings


def replace_value(settings: JoiningSettings, name: str, value: Any) -> JoiningSettings:
    """Return the settings with another value of an entry of `GRID`."""
    name, _, sides = name.partition("/")
    if sides:
        top, bottom, left, right = getattr(settings, name)
        value = (value, value, left, right) if sides == "vertical" else (top, bottom, value, value)
    return replace(settings, **{name: value})


@dataclass(frozen=True)
class TuningConfig:
    """What the joining is fitted on; all of it is training data.

    Attributes:
        data: Data set in the layout of SROIE; its split `train` is used.
        weights: Folder of the weights; the manifest is updated, the tensors stay.
        count: Number of receipts, spread over the split; their weight is 1.
        damaged: Number of these receipts that are used once more, damaged at random.
        damaged_weight: Weight of the damaged receipts.
        photographs: Second data set, for example WildReceipt, or None.
        photographs_count: Number of receipts of the second data set.
        photographs_weight: Weight of the receipts of the second data set.
        rounds: Passes over the settings.
        threads: Threads of the engine; None for its default.
    """

    data: Path
    weights: Path
    count: int = 90
    damaged: int = 30
    damaged_weight: float = 0.2
    photographs: Path | None = None
    photographs_count: int = 50
    photographs_weight: float = 0.3
    rounds: int = 1
    threads: int | None = None


def tune(config: TuningConfig) -> dict[str, Any]:
    """Fit the joining on training receipts and write it into the manifest.

    Returns:
        `deteval`, `iou50` (H-means) and `objective` on these receipts.
    """
    weights = read_weights(config.weights)
    heights = np.asarray(weights.architecture.anchor_heights, np.float32)
    pages = _collect_all(config, load_engine(weights, DetectorSettings(threads=config.threads)))
    settings = fit(pages, heights, config.rounds)
    result = measure(pages, settings, heights)
    fitted_on = f"{len(pages)} pages of training receipts"
    if config.photographs:
        fitted_on += ", photographs among them"
    update_manifest(
        config.weights,
        name=NAME,
        architecture={"joining": settings.to_dict()},
        training={"joining": f"fitted on {fitted_on}"},
    )
    return result


def fit(pages: Sequence[TuningPage], anchor_heights: Floats, rounds: int) -> JoiningSettings:
    """Fit both models, then the settings around them, then the models again with these settings."""
    settings = JoiningSettings(min_probability=0.3, min_score=_CONSIDERED, short_score=_CONSIDERED)
    for passes in (rounds, 1):
        settings = replace(settings, break_weights=fit_breaks(pages, settings, anchor_heights))
        settings = replace(settings, accept_weights=fit_acceptance(pages, settings, anchor_heights))
        settings = search(pages, settings, anchor_heights, passes)
    return settings


def _collect_all(config: TuningConfig, engine: Engine) -> list[TuningPage]:
    preparation = PreparationSettings()
    receipts = load_split(config.data, "train")
    pages = collect_pages(pick_evenly(receipts, config.count), engine, preparation)
    damaged = pick_evenly(receipts, config.damaged)
    pages += collect_pages(damaged, engine, preparation, weight=config.damaged_weight, damaged=True)
    if config.photographs is not None:
        photographs = pick_evenly(load_split(config.photographs, "train"), config.photographs_count)
        pages += collect_pages(photographs, engine, preparation, weight=config.photographs_weight)
    return pages


def main() -> None:
    """Run the command line: every field of `TuningConfig` is an option."""
    parser = argparse.ArgumentParser(
        description="Fit the joining of proposals on training receipts.", argument_default=argparse.SUPPRESS
    )
    add_field_options(parser, TuningConfig)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logger.info("%s", tune(TuningConfig(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
