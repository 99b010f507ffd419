"""Fits what turns the network's output into segments, on training receipts, once the network is trained.

`python -m services.detector.training.tune --data DIR --weights DIR` fits the logistic models of breaks and of segments
and a few thresholds, and writes them into the manifest of the weights. Never imported by serving code.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.detector.acceptance import describe_segments
from services.detector.breaks import describe_links
from services.detector.ink import ink_strength
from services.detector.joining import JoiningSettings, candidates, join, label_chains, link
from services.detector.network.engine import Activations, Engine
from services.detector.network.loading import NAME, load_engine, read_weights
from services.detector.orientation.straighten import transform
from services.detector.preparation import PreparationSettings, PreparedPage, prepare
from services.detector.proposals import Proposals, decode_proposals, suppress
from services.detector.settings import DetectorSettings
from services.detector.training.damage import damage_page
from shared.arrays import Doubles, Flags, Floats, Indices, Pixels
from shared.inference.weights import load_weights, save_weights
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt
from shared.measures.deteval import measure_deteval, measure_iou
from shared.measures.ignored import select_counted

logger = logging.getLogger(__name__)

#: Values tried for each setting, one setting after another; of growth, top and bottom or left and right together.
GRID: dict[str, tuple[Any, ...]] = {
    "grow/vertical": (0.08, 0.1, 0.12, 0.14, 0.16, 0.18),
    "grow/horizontal": (0.06, 0.1, 0.14, 0.18),
    "grow_short/vertical": (0.03, 0.06, 0.09, 0.12),
    "grow_short/horizontal": (0.0, 0.04, 0.08, 0.12),
    "accept_threshold": (-1.0, -0.5, 0.0, 0.5, 1.0),
    "break_threshold": (-1.5, -1.0, -0.5, 0.0, 0.5),
    "least_probability": (0.2, 0.3, 0.4, 0.5),
    "covered": (0.4, 0.5, 0.6, 0.7, 0.8),
    "overlap": (0.5, 0.6, 0.7),
    "ratio": (0.45, 0.55, 0.65),
    "suppression": (0.2, 0.3, 0.4),
    "end_side": (0.15, 0.3, 0.5),
    "ink_weight": (0.35, 0.65, 0.85),
    "skew": (0.35, 0.5, 0.7),
}
#: Share of the H-mean at IoU 0.5 in what is maximized beside DetEval: boxes that only grow please DetEval, but crops
#: with the neighbors' ink are harder to read.
_IOU_SHARE = 0.5
#: Mean score from which segments are shown to the model that accepts them.
_CONSIDERED = 0.35
#: A segment is text for that model if this share of it lies on labels, and it covers this share of one of them.
_ON_LABELS, _OF_LABEL = 0.35, 0.3
_RIDGE = 3.0
_NEWTON_STEPS = 30


@dataclass
class Sample:
    """One receipt with what the network says of it.

    Attributes:
        page: The prepared page.
        activations: Of the network.
        strength: Ink of the page.
        quads: N x 4 x 2 labels in pixels of the picture.
        boxes: The upright boxes of the labels (N x 4) in pixels of the prepared page.
        ignored: M x 4 x 2 in pixels of the picture.
        ignored_boxes: Their boxes (M x 4) in pixels of the prepared page.
        weight: How much the receipt counts.
    """

    page: PreparedPage
    activations: Activations
    strength: Pixels
    quads: Floats
    boxes: Floats
    ignored: Floats
    ignored_boxes: Floats
    weight: float = 1.0

    def proposals(self, settings: JoiningSettings, anchor_heights: Floats) -> Proposals:
        """The proposals under these settings."""
        proposals = decode_proposals(*self.activations, anchor_heights, settings.least_probability)
        return suppress(proposals, settings.suppression)


def collect(
    receipts: Sequence[LabeledReceipt],
    engine: Engine,
    preparation: PreparationSettings,
    *,
    weight: float = 1.0,
    damaged: bool = False,
) -> list[Sample]:
    """Run the network over receipts; damaged ones are damaged by chance, the same each time."""
    samples = []
    for number, receipt in enumerate(receipts):
        image, quads, ignored = receipt.read_image(), receipt.quads, receipt.ignored
        if damaged:
            image, quads, ignored = damage_page(image, quads, ignored, np.random.default_rng(number))
        page = prepare(image, preparation)
        if page is None:
            continue
        samples.append(
            Sample(
                page,
                next(iter(engine([page.gray]))),
                ink_strength(page.gray),
                quads,
                _prepared_boxes(page, quads),
                ignored,
                _prepared_boxes(page, ignored),
                weight,
            )
        )
        logger.info("%s: %d of %d", receipt.key, len(samples), len(receipts))
    return samples


def _prepared_boxes(page: PreparedPage, quads: Floats) -> Floats:
    """The upright boxes (N x 4) in pixels of a prepared page of quads (N x 4 x 2) of its picture."""
    straight = transform(quads, np.linalg.inv(page.back).astype(np.float64))
    scaled = ((straight - np.asarray(page.offset, np.float32)) * np.asarray(page.scale)).astype(np.float32)
    return np.concatenate([scaled.min(axis=1), scaled.max(axis=1)], axis=1)


def owners(proposals: Proposals, index: Indices, boxes: Floats) -> Indices:
    """The labeled box (N x 4) that each of some proposals stands on, or -1."""
    if not len(boxes):
        return np.full(len(index), -1, np.intp)
    center, top, bottom = proposals.center[index], proposals.top[index], proposals.bottom[index]
    wide = np.minimum(center[:, None] + 8, boxes[None, :, 2]) - np.maximum(center[:, None] - 8, boxes[None, :, 0])
    high = np.minimum(bottom[:, None], boxes[None, :, 3]) - np.maximum(top[:, None], boxes[None, :, 1])
    lower = np.minimum((bottom - top)[:, None], (boxes[:, 3] - boxes[:, 1])[None])
    share = high / np.maximum(lower, 1e-3)
    fit = np.where((share > 0.5) & (wide > 3), wide + share, -1.0)
    return np.where(fit.max(axis=1) > 0, fit.argmax(axis=1), -1).astype(np.intp)


def fit_breaks(samples: Sequence[Sample], settings: JoiningSettings, anchor_heights: Floats) -> tuple[float, ...]:
    """Fit the model of breaks: a link is one if its two proposals stand on different labels."""
    features, broken, weights = [], [], []
    for sample in samples:
        proposals = sample.proposals(settings, anchor_heights)
        if not len(proposals):
            continue
        following = link(proposals, settings)
        links = describe_links(proposals, following, label_chains(following), sample.strength)
        left, right = owners(proposals, links.left, sample.boxes), owners(proposals, links.right, sample.boxes)
        known = (left >= 0) & (right >= 0)
        features.append(links.features[known])
        broken.append((left != right)[known])
        weights.append(np.full(int(known.sum()), sample.weight))
    return _fitted(features, broken, weights)


def fit_acceptance(samples: Sequence[Sample], settings: JoiningSettings, anchor_heights: Floats) -> tuple[float, ...]:
    """Fit the model of segments: one is text if it lies on labels; those on ignored print tell nothing."""
    features, right, weights = [], [], []
    for sample in samples:
        segments, chains = candidates(sample.proposals(settings, anchor_heights), sample.strength, settings)
        if not len(chains):
            continue
        boxes = np.concatenate([segments.quads.min(axis=1), segments.quads.max(axis=1)], axis=1)
        area = _areas(boxes)
        shared = _intersections(boxes, sample.boxes)
        text = (shared.sum(axis=1) > _ON_LABELS * area) & (shared / _areas(sample.boxes) > _OF_LABEL).any(axis=1)
        known = text | (_intersections(boxes, sample.ignored_boxes).sum(axis=1) < 0.3 * area)
        features.append(describe_segments(chains, segments.quads, sample.strength)[known])
        right.append(text[known])
        weights.append(np.full(int(known.sum()), sample.weight))
    return _fitted(features, right, weights)


def _fitted(
    features: Sequence[Floats], labels: Sequence[Flags], weights: Sequence[npt.NDArray[Any]]
) -> tuple[float, ...]:
    fitted = fit_logistic(np.concatenate(features), np.concatenate(labels), np.concatenate(weights))
    return tuple(round(float(weight), 4) for weight in fitted)


def _areas(boxes: Floats) -> Floats:
    return np.asarray(np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-3), np.float32)


def _intersections(first: Floats, second: Floats) -> Floats:
    """N x 4 and M x 4 boxes -> N x M areas."""
    low, high = np.maximum(first[:, None, :2], second[None, :, :2]), np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.asarray(np.clip(high - low, 0.0, None).prod(axis=2), np.float32)


def fit_logistic(
    features: npt.NDArray[Any], labels: npt.NDArray[Any], counts: npt.NDArray[Any] | None = None
) -> Doubles:
    """Ridge logistic regression by Newton's method.

    Args:
        features: E x F.
        labels: E, true or false.
        counts: E, how much each counts; all the same if left out.

    Returns:
        F weights of the features as they are, and the constant.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled = np.c_[(features - mean) / spread, np.ones(len(features))].astype(np.float64)
    counts = np.ones(len(features)) if counts is None else counts
    weights = np.zeros(scaled.shape[1])
    ridge = np.full(len(weights), _RIDGE)
    ridge[-1] = 1e-9
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(scaled @ weights, -30, 30)))
        slope = scaled.T @ (counts * (chance - labels)) + ridge * weights
        curve = (scaled * (counts * chance * (1 - chance))[:, None]).T @ scaled + np.diag(ridge)
        weights -= np.linalg.solve(curve, slope)
    plain = weights[:-1] / spread
    return np.append(plain, weights[-1] - (plain * mean).sum())


def measure(samples: Sequence[Sample], settings: JoiningSettings, anchor_heights: Floats) -> dict[str, float]:
    """H-means under these settings, and what the search maximizes.

    Returns:
        `deteval` and `iou50` of the receipts that count in full, and `objective`: the weighted mean of both over the
        kinds of receipts, a kind for each weight.
    """
    kinds: dict[float, tuple[list[Floats], list[Floats]]] = {}
    for sample in samples:
        segments = join(sample.proposals(settings, anchor_heights), sample.strength, settings)
        labels, found = kinds.setdefault(sample.weight, ([], []))
        labels.append(sample.quads)
        quads = sample.page.to_page(segments.quads)
        found.append(quads[select_counted(quads, sample.ignored, sample.quads)])
    hmeans = {weight: (measure_deteval(*pair).hmean, measure_iou(*pair).hmean) for weight, pair in kinds.items()}
    objective = sum(weight * (first + _IOU_SHARE * second) for weight, (first, second) in hmeans.items())
    first, second = hmeans[max(hmeans)]
    return {"deteval": first, "iou50": second, "objective": objective / sum(hmeans) / (1 + _IOU_SHARE)}


def search(
    samples: Sequence[Sample], settings: JoiningSettings, anchor_heights: Floats, rounds: int = 2
) -> JoiningSettings:
    """Improve one setting after another over :data:`GRID`, some rounds; equal values keep the setting as it is."""
    best = measure(samples, settings, anchor_heights)
    for _ in range(rounds):
        for name, values in GRID.items():
            for value in values:
                candidate = with_value(settings, name, value)
                result = measure(samples, candidate, anchor_heights)
                if result["objective"] > best["objective"] + 2e-4:
                    settings, best = candidate, result
            chosen = getattr(settings, name.partition("/")[0])
            logger.info("%s: %s, %s", name, chosen, {key: round(v, 4) for key, v in best.items()})
    return settings


def with_value(settings: JoiningSettings, name: str, value: Any) -> JoiningSettings:
    """The settings with another value of one of :data:`GRID`."""
    name, _, sides = name.partition("/")
    if sides:
        top, bottom, left, right = getattr(settings, name)
        value = (value, value, left, right) if sides == "vertical" else (top, bottom, value, value)
    return replace(settings, **{name: value})


@dataclass(frozen=True)
class TuningConfig:
    """What the joining is fitted on; all of it is training data.

    Attributes:
        data: Data set in SROIE's layout; its split `train` is used.
        weights: Folder of the weights; its manifest is written anew, the tensors stay as they are.
        count: How many receipts, spread over the split; they count in full.
        damaged: How many of them are taken once more, damaged by chance.
        damaged_weight: How much those count.
        photographs: A second data set, for example WildReceipt, if any.
        photographs_count: How many receipts of it.
        photographs_weight: How much those count.
        rounds: Passes over the settings.
        threads: Threads of torch.
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
        H-means on these receipts, `deteval` and `iou50`.
    """
    weights = read_weights(config.weights)
    heights = np.asarray(weights.architecture.anchor_heights, np.float32)
    samples = _all_samples(config, load_engine(weights, DetectorSettings(threads=config.threads)))
    settings = fit(samples, heights, config.rounds)
    result = measure(samples, settings, heights)
    manifest, tensors = load_weights(config.weights, name=NAME)
    fitted_on = f"{len(samples)} pages of training receipts" + (
        ", photographs among them" if config.photographs else ""
    )
    save_weights(
        config.weights,
        tensors,
        name=NAME,
        architecture={**manifest.architecture, "joining": settings.to_dict()},
        alphabet=None,
        training={**manifest.training, "joining": f"fitted on {fitted_on}"},
        measures=manifest.measures,
        created=manifest.created,
    )
    return result


def fit(samples: Sequence[Sample], anchor_heights: Floats, rounds: int) -> JoiningSettings:
    """Fit both models, then the settings around them, and the models once more under those settings."""
    settings = JoiningSettings(least_probability=0.3, least_score=_CONSIDERED, short_score=_CONSIDERED)
    for passes in (rounds, 1):
        settings = replace(settings, break_weights=fit_breaks(samples, settings, anchor_heights))
        settings = replace(settings, accept_weights=fit_acceptance(samples, settings, anchor_heights))
        settings = search(samples, settings, anchor_heights, passes)
    return settings


def _all_samples(config: TuningConfig, engine: Engine) -> list[Sample]:
    preparation = PreparationSettings()
    receipts = load_split(config.data, "train")
    chosen, worn = _spread(receipts, config.count), _spread(receipts, config.damaged)
    samples = collect(chosen, engine, preparation)
    samples += collect(worn, engine, preparation, weight=config.damaged_weight, damaged=True)
    if config.photographs is not None:
        photographs = _spread(load_split(config.photographs, "train"), config.photographs_count)
        samples += collect(photographs, engine, preparation, weight=config.photographs_weight)
    return samples


def _spread(receipts: Sequence[LabeledReceipt], count: int) -> Sequence[LabeledReceipt]:
    """So many of the receipts, spread over them."""
    return receipts[:: max(1, len(receipts) // max(count, 1))][:count]


def main() -> None:
    """Command line: every field of :class:`TuningConfig` is an option."""
    parser = argparse.ArgumentParser(description="Fit the joining of proposals on training receipts.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--photographs", type=Path)
    for name in ("count", "damaged", "photographs-count", "rounds", "threads"):
        parser.add_argument(f"--{name}", type=int, default=getattr(TuningConfig, name.replace("-", "_")))
    for name in ("damaged-weight", "photographs-weight"):
        parser.add_argument(f"--{name}", type=float, default=getattr(TuningConfig, name.replace("-", "_")))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logger.info("%s", tune(TuningConfig(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
