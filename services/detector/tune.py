"""Fits what turns the network's output into segments, on training receipts, once the network is trained.

`python -m services.detector.tune --data DIR --weights DIR` fits the logistic model of breaks and a few thresholds and
writes them into the manifest of the weights. Never imported by serving code.
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

from services.detector.breaks import describe_links
from services.detector.ink import ink_strength
from services.detector.joining import JoiningSettings, join, label_chains, link
from services.detector.predictor import NAME, Activations, TorchEngine, load_network
from services.detector.preparation import PreparationSettings, PreparedPage, prepare
from services.detector.proposals import Proposals, decode_proposals, suppress
from shared.dataset import LabelledReceipt, load_split
from shared.device import select_device, set_threads
from shared.measures.deteval import deteval, iou_matches
from shared.weights import load_weights, save_weights

logger = logging.getLogger(__name__)
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

#: Values tried for each setting, one setting after another.
GRID: dict[str, tuple[Any, ...]] = {
    "grow": tuple(
        (vertical, vertical, horizontal, horizontal)
        for vertical in (0.05, 0.08, 0.11, 0.14, 0.17, 0.2)
        for horizontal in (0.05, 0.1, 0.15, 0.2)
    ),
    "least_probability": (0.3, 0.4, 0.5, 0.6),
    "short_score": (0.6, 0.7, 0.8, 0.85, 0.9, 0.95),
    "least_score": (0.5, 0.6, 0.7, 0.8, 0.85, 0.9),
    "break_threshold": (-1.0, -0.5, 0.0, 0.5, 1.0),
    "covered": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
    "overlap": (0.5, 0.6, 0.7),
    "ratio": (0.45, 0.55, 0.65, 0.75),
    "suppression": (0.2, 0.3, 0.4),
    "end_side": (0.15, 0.3, 0.5),
    "ink_weight": (0.0, 0.35, 0.65, 0.85),
    "skew": (0.35, 0.5, 0.7),
}
#: Share of the H-mean at IoU 0.5 in what is maximised beside DetEval: boxes that only grow please DetEval, but crops
#: with the neighbours' ink are harder to read.
_IOU_SHARE = 0.25
_RIDGE = 3.0
_NEWTON_STEPS = 30


@dataclass
class Sample:
    """One receipt with what the network says of it. `boxes`: labels (N x 4) in pixels of the prepared page."""

    page: PreparedPage
    activations: Activations
    strength: Floats
    quads: Floats
    boxes: Floats

    def proposals(self, settings: JoiningSettings, anchor_heights: Floats) -> Proposals:
        """The proposals under these settings."""
        proposals = decode_proposals(*self.activations, anchor_heights, settings.least_probability)
        return suppress(proposals, settings.suppression)


def collect(receipts: Sequence[LabelledReceipt], engine: TorchEngine, preparation: PreparationSettings) -> list[Sample]:
    """Run the network over receipts."""
    samples = []
    for receipt in receipts:
        page = prepare(receipt.image(), preparation)
        if page is None:
            continue
        quads = receipt.quads()
        scaled = (quads - np.asarray(page.offset, np.float32)) * page.scale
        boxes = np.concatenate([scaled.min(axis=1), scaled.max(axis=1)], axis=1)
        samples.append(Sample(page, engine(page.grey[None])[0], ink_strength(page.grey), quads, boxes))
        logger.info("%s: %d of %d", receipt.key, len(samples), len(receipts))
    return samples


def owners(proposals: Proposals, index: npt.NDArray[np.intp], boxes: Floats) -> npt.NDArray[np.intp]:
    """The labelled box (N x 4) that each of some proposals stands on, or -1."""
    if not len(boxes):
        return np.full(len(index), -1, np.intp)
    centre, top, bottom = proposals.centre[index], proposals.top[index], proposals.bottom[index]
    wide = np.minimum(centre[:, None] + 8, boxes[None, :, 2]) - np.maximum(centre[:, None] - 8, boxes[None, :, 0])
    high = np.minimum(bottom[:, None], boxes[None, :, 3]) - np.maximum(top[:, None], boxes[None, :, 1])
    lower = np.minimum((bottom - top)[:, None], (boxes[:, 3] - boxes[:, 1])[None])
    share = high / np.maximum(lower, 1e-3)
    fit = np.where((share > 0.5) & (wide > 3), wide + share, -1.0)
    return np.where(fit.max(axis=1) > 0, fit.argmax(axis=1), -1).astype(np.intp)


def fit_breaks(samples: Sequence[Sample], settings: JoiningSettings, anchor_heights: Floats) -> tuple[float, ...]:
    """Fit the model of breaks: a link is one if its two proposals stand on different labels."""
    features, broken = [], []
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
    return tuple(round(float(w), 4) for w in fit_logistic(np.concatenate(features), np.concatenate(broken)))


def fit_logistic(features: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Doubles:
    """Ridge logistic regression by Newton's method.

    Args:
        features: E x F.
        labels: E, true or false.

    Returns:
        F weights of the features as they are, and the constant.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled = np.c_[(features - mean) / spread, np.ones(len(features))].astype(np.float64)
    weights = np.zeros(scaled.shape[1])
    ridge = np.full(len(weights), _RIDGE)
    ridge[-1] = 1e-9
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(scaled @ weights, -30, 30)))
        slope = scaled.T @ (chance - labels) + ridge * weights
        curve = (scaled * (chance * (1 - chance))[:, None]).T @ scaled + np.diag(ridge)
        weights -= np.linalg.solve(curve, slope)
    plain = weights[:-1] / spread
    return np.append(plain, weights[-1] - (plain * mean).sum())


def measure(samples: Sequence[Sample], settings: JoiningSettings, anchor_heights: Floats) -> dict[str, float]:
    """H-means under these settings: `deteval`, `iou50`, and `objective`, which is what the search maximises."""
    found = []
    for sample in samples:
        segments = join(sample.proposals(settings, anchor_heights), sample.strength, settings)
        found.append(sample.page.to_page(segments.quads))
    labels = [sample.quads for sample in samples]
    first, second = deteval(labels, found).hmean, iou_matches(labels, found).hmean
    return {"deteval": first, "iou50": second, "objective": (first + _IOU_SHARE * second) / (1 + _IOU_SHARE)}


def search(
    samples: Sequence[Sample], settings: JoiningSettings, anchor_heights: Floats, rounds: int = 2
) -> JoiningSettings:
    """Improve one setting after another over :data:`GRID`, some rounds; equal values keep the setting as it is."""
    best = measure(samples, settings, anchor_heights)
    for _ in range(rounds):
        for name, values in GRID.items():
            for value in values:
                candidate = replace(settings, **{name: value})
                result = measure(samples, candidate, anchor_heights)
                if result["objective"] > best["objective"] + 2e-4:
                    settings, best = candidate, result
            logger.info("%s: %s, %s", name, getattr(settings, name), {key: round(v, 4) for key, v in best.items()})
    return settings


def tune(data: Path, weights: Path, *, count: int = 60, rounds: int = 2, threads: int | None = None) -> dict[str, Any]:
    """Fit the joining on training receipts and write it into the manifest.

    Args:
        data: Data set in SROIE's layout; `count` receipts spread over its split `train` are used.
        weights: Folder of the weights; its manifest is written anew, the tensors stay as they are.
        count: How many receipts.
        rounds: Passes over the settings.
        threads: Threads of torch.

    Returns:
        H-means on these receipts, `deteval` and `iou50`.
    """
    set_threads(threads)
    receipts = load_split(data, "train")
    receipts = receipts[:: max(1, len(receipts) // count)][:count]
    network, _, _ = load_network(weights)
    heights = np.asarray(network.architecture.anchor_heights, np.float32)
    samples = collect(receipts, TorchEngine(network, select_device()), PreparationSettings())
    settings = JoiningSettings()
    settings = replace(settings, break_weights=fit_breaks(samples, settings, heights))
    settings = search(samples, settings, heights, rounds)
    settings = replace(settings, break_weights=fit_breaks(samples, settings, heights))
    result = measure(samples, settings, heights)
    manifest, tensors = load_weights(weights, name=NAME)
    save_weights(
        weights,
        tensors,
        name=NAME,
        architecture={**manifest.architecture, "joining": settings.to_dict()},
        alphabet=None,
        training={**manifest.training, "joining": f"fitted on {len(samples)} training receipts"},
        measures=manifest.measures,
        created=manifest.created,
    )
    return result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Fit the joining of proposals on training receipts.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logger.info("%s", tune(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
