"""Decide which segments are text by a logistic model that is fitted on training receipts. numpy and cv2 only.

The scores of the network decide most cases. Handwriting, logos and specks that score like print differ in height from
the rest of the page, are less even, or are isolated. A single character with a low score is more often correct if there
is other text on its row.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from services.detector.ink import MIN_CONTRAST, STRONG_SHARE
from services.detector.proposals import Chains
from shared.arrays import Flags, Floats, Indices, Pixels

FEATURES = (
    "log_odds",
    "min_score",
    "max_score",
    "mean_score",
    "single",
    "double",
    "log_count",
    "log_height",
    "height_differs",
    "contrast",
    "density",
    "unevenness",
    "single_score",
    "short_log_odds",
    "single_width",
    "on_a_row",
    "beside_a_row",
    "rows_beside",
)
# Minimum mean score of a segment that counts as a neighbor of others.
_SURE = 0.8
# Maximum distances of neighbors in heights: of rows next to a segment, and of centers on the same row.
_BESIDE, _SAME_ROW = 2.2, 0.6
# Share of the pixels of a segment that are not darker than its strong ink.
_STRONG = 0.95


def describe_segments(chains: Chains, quads: Floats, strength: Pixels) -> Floats:
    """Compute the features of the segments of one page.

    Args:
        chains: Proposals of each of N segments.
        quads: `(N, 4, 2)` in pixels of the prepared page.
        strength: Ink of the page, `(H, W)`; see `services.detector.ink.compute_ink_strength`.

    Returns:
        `(N, F)`, in the order of `FEATURES`.
    """
    count = chains.count
    score, height = chains.members.score, chains.members.bottom - chains.members.top
    median = float(np.median(height))
    low, high = quads.min(axis=1), quads.max(axis=1)
    mean, mean_height = chains.mean(score), chains.mean(height)
    log_odds = np.log(mean / (1.0 - np.minimum(mean, 0.9999)) + 1e-6)
    log_height = np.log(mean_height / median)
    unevenness = np.sqrt(chains.mean(np.square(height - chains.repeat(mean_height)))) / median
    contrast, density = _measure_ink(low, high, strength)
    single = count == 1
    on_row, rows = _find_neighbors(low, high, mean >= _SURE, median)
    features = [
        log_odds,
        np.minimum.reduceat(score, chains.start),
        np.maximum.reduceat(score, chains.start),
        mean,
        single,
        count == 2,
        np.log(np.minimum(count, 20)),
        log_height,
        np.abs(log_height),
        np.minimum(contrast / max(float(np.median(contrast)), 1.0), 2.0),
        density,
        unevenness,
        single * mean,
        (count <= 2) * log_odds,
        single * (high[:, 0] - low[:, 0]) / np.maximum(high[:, 1] - low[:, 1], 1.0),
        on_row,
        rows > 0,
        np.minimum(rows, 3),
    ]
    return np.stack([np.asarray(feature, np.float32) for feature in features], axis=1)


def _measure_ink(low: Floats, high: Floats, strength: Pixels) -> tuple[Floats, Floats]:
    """Return the strong ink (gray levels) of each of N boxes, and the share of its pixels that are ink."""
    contrast, density = np.zeros(len(low), np.float32), np.zeros(len(low), np.float32)
    bounds = np.maximum(np.concatenate([low, high], axis=1).astype(np.intp), (0, 0, 1, 1)).tolist()
    for index, (x0, y0, x1, y1) in enumerate(bounds):
        part = strength[y0:y1, x0:x1]
        if not part.size:
            continue
        # Counting the gray levels is faster than sorting the pixels.
        darker = np.cumsum(cv2.calcHist([part], [0], None, [256], [0, 256]))
        strong = int(np.searchsorted(darker, min(int(_STRONG * part.size), part.size - 1), "right"))
        faint = math.floor(STRONG_SHARE * max(strong, MIN_CONTRAST))
        contrast[index], density[index] = strong, 1.0 - darker[faint] / part.size
    return contrast, density


def _find_neighbors(low: Floats, high: Floats, sure: Flags, height: float) -> tuple[Flags, Indices]:
    """Return whether each of N boxes has a sure one on its row, and the number of sure ones above and below."""
    middle = 0.5 * (low[:, 1] + high[:, 1])
    away = np.abs(middle[:, None] - middle[None]) / height
    other = sure[None] & ~np.eye(len(low), dtype=bool)
    facing = np.minimum(high[:, None, 0], high[None, :, 0]) > np.maximum(low[:, None, 0], low[None, :, 0])
    on_row = np.asarray(((away < _SAME_ROW) & other).any(axis=1), np.bool_)
    return on_row, np.asarray(((away < _BESIDE) & facing & other).sum(axis=1), np.intp)
