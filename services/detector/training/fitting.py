"""Fit the logistic models of breaks and of segments on training receipts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.detector.acceptance import describe_segments
from services.detector.breaks import describe_links
from services.detector.joining import JoiningSettings, find_candidates, label_chains, link_proposals
from services.detector.network.engine import Activations
from services.detector.preparation import PreparedPage
from services.detector.proposals import Proposals, decode_proposals, suppress_overlaps
from shared.arrays import Doubles, Flags, Floats, Indices, Pixels

# A segment is text if this share of it is on labels, and it covers this share of one of them.
_ON_LABELS, _OF_LABEL = 0.35, 0.3
# Weight of the penalty of the logistic regression, and number of its iterations.
_RIDGE, _NEWTON_STEPS = 3.0, 30


@dataclass
class TuningPage:
    """One receipt with the output of the network.

    Attributes:
        prepared: The prepared page.
        activations: Output of the network.
        strength: Ink of the page, `(H, W)`.
        quads: `(N, 4, 2)` labels in pixels of the picture.
        boxes: `(N, 4)` upright boxes of the labels in pixels of the prepared page.
        ignored: `(M, 4, 2)` ignored print in pixels of the picture.
        ignored_boxes: `(M, 4)` its upright boxes in pixels of the prepared page.
        weight: Weight of the receipt.
    """

    prepared: PreparedPage
    activations: Activations
    strength: Pixels
    quads: Floats
    boxes: Floats
    ignored: Floats
    ignored_boxes: Floats
    weight: float = 1.0

    def decode(self, settings: JoiningSettings, anchor_heights: Floats) -> Proposals:
        """Decode the proposals of the page with these settings."""
        proposals = decode_proposals(*self.activations, anchor_heights, settings.min_probability)
        return suppress_overlaps(proposals, settings.suppression)


def find_owners(proposals: Proposals, index: Indices, boxes: Floats) -> Indices:
    """Return the index of the labeled box `(N, 4)` that each of some proposals belongs to, or -1."""
    if not len(boxes):
        return np.full(len(index), -1, np.intp)
    center, top, bottom = proposals.center[index], proposals.top[index], proposals.bottom[index]
    wide = np.minimum(center[:, None] + 8, boxes[None, :, 2]) - np.maximum(center[:, None] - 8, boxes[None, :, 0])
    high = np.minimum(bottom[:, None], boxes[None, :, 3]) - np.maximum(top[:, None], boxes[None, :, 1])
    lower = np.minimum((bottom - top)[:, None], (boxes[:, 3] - boxes[:, 1])[None])
    share = high / np.maximum(lower, 1e-3)
    fit = np.where((share > 0.5) & (wide > 3), wide + share, -1.0)
    return np.where(fit.max(axis=1) > 0, fit.argmax(axis=1), -1).astype(np.intp)


def fit_breaks(pages: Sequence[TuningPage], settings: JoiningSettings, anchor_heights: Floats) -> tuple[float, ...]:
    """Fit the model of breaks: a link is a break if its proposals belong to different labels."""
    features, broken, weights = [], [], []
    for page in pages:
        proposals = page.decode(settings, anchor_heights)
        if not len(proposals):
            continue
        following = link_proposals(proposals, settings)
        links = describe_links(proposals, following, label_chains(following), page.strength)
        left, right = (find_owners(proposals, side, page.boxes) for side in (links.left, links.right))
        known = (left >= 0) & (right >= 0)
        features.append(links.features[known])
        broken.append((left != right)[known])
        weights.append(np.full(int(known.sum()), page.weight))
    return _fit(features, broken, weights)


def fit_acceptance(pages: Sequence[TuningPage], settings: JoiningSettings, anchor_heights: Floats) -> tuple[float, ...]:
    """Fit the model of segments: one is text if it is on labels; those on ignored print are left out."""
    features, right, weights = [], [], []
    for page in pages:
        segments, chains = find_candidates(page.decode(settings, anchor_heights), page.strength, settings)
        if not len(chains):
            continue
        boxes = np.concatenate([segments.quads.min(axis=1), segments.quads.max(axis=1)], axis=1)
        area = _compute_areas(boxes)
        shared = _compute_intersections(boxes, page.boxes)
        covers_label = (shared / _compute_areas(page.boxes) > _OF_LABEL).any(axis=1)
        text = (shared.sum(axis=1) > _ON_LABELS * area) & covers_label
        known = text | (_compute_intersections(boxes, page.ignored_boxes).sum(axis=1) < 0.3 * area)
        features.append(describe_segments(chains, segments.quads, page.strength)[known])
        right.append(text[known])
        weights.append(np.full(int(known.sum()), page.weight))
    return _fit(features, right, weights)


def _fit(features: Sequence[Floats], labels: Sequence[Flags], weights: Sequence[NDArray[Any]]) -> tuple[float, ...]:
    fitted = fit_logistic(np.concatenate(features), np.concatenate(labels), np.concatenate(weights))
    return tuple(round(float(weight), 4) for weight in fitted)


def _compute_areas(boxes: Floats) -> Floats:
    """Return the areas of boxes `(N, 4)`, at least a small positive number."""
    return np.asarray(np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-3), np.float32)


def _compute_intersections(first: Floats, second: Floats) -> Floats:
    """Return the intersection areas `(N, M)` of boxes `(N, 4)` and `(M, 4)`."""
    low, high = np.maximum(first[:, None, :2], second[None, :, :2]), np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.asarray(np.clip(high - low, 0.0, None).prod(axis=2), np.float32)


def fit_logistic(features: NDArray[Any], labels: NDArray[Any], counts: NDArray[Any] | None = None) -> Doubles:
    """Fit a ridge logistic regression by Newton's method.

    Args:
        features: `(E, F)`.
        labels: `(E,)`, true or false.
        counts: `(E,)` weights of the examples; None for equal weights.

    Returns:
        `(F + 1,)` weights of the features, and the constant.
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
