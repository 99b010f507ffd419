"""Measure what makes a page hard to read: blur, darkness, glare, small text, and edges that cut text off.

numpy and cv2 only. Everything is measured on the page as the network sees it, where text has about the same height on
every page, and around its text, because the table around a receipt may be dark or out of focus.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from shared.arrays import Doubles, Floats, Pixels

# Number of segments that are measured, the longest ones.
_SAMPLE = 12
# A page without text is measured at this length of its longer side.
_EMPTY_PAGE_PX = 640
# Gray levels of ink, paper and the brightest spots of a segment: the shares of its pixels that are darker.
_LEVELS = (0.03, 0.80, 0.99)
# The steepest slopes of a segment are those of its strokes; a page without text may have few.
_SLOPE_SHARE, _SLOPE_SHARE_EMPTY = 0.97, 0.997
_MIN_CONTRAST = 12.0
_MIN_PART_PX = 4
# Standard deviation in pixels that enlargement by one adds to the blur of the picture.
_ENLARGEMENT_BLUR = 0.5
# A Gaussian edge of height 1 and standard deviation s has the slope 1 / (s * sqrt(2 pi)).
_SLOPE_OF_EDGE = 2.5066
# Brightness that a sensor cannot exceed, and of paper above which glare cannot be told from paper.
_SATURATED, _WHITE_PAPER = 250, 236
# Distance from an edge of the picture, in heights of the text, at which text counts as cut off.
_CUT_REACH = 0.15
# For each score, the value at which it is 0.5, and the change by which it becomes 0.73: a logistic curve. Chosen
# between clean and damaged receipts.
_BLUR, _BLUR_EMPTY_PX = (0.075, 0.008), (1.7, 0.3)
_DARKNESS = (65.0, -10.0)
_GLARE = (0.03, 0.007)
_LOW_RESOLUTION = (9.5, -0.8)
# Text that is so small that it is not found leaves a page of few pixels.
_SMALL_PAGE_PX = (215.0, -14.0)
# Lines begin and end at the sides of a receipt: a share of them. Only one is at its top, and one at its bottom.
_CUT_SIDE, _CUT_END = (0.15, 0.03), (0.75, 0.12)


@dataclass(frozen=True)
class Measures:
    """What was measured on a page.

    Attributes:
        blur: Standard deviation of the blur, in heights of the text.
        paper: Median gray level of the paper around text.
        glare: Share of the area of the text that is overexposed, although the paper is not.
        text_px: Median height of the text in pixels of the page as sent.
        cut: Number of segments that reach the left, upper, right and lower edge of the page as sent.
        segments: Number of segments.
        page_px: Geometric mean of the width and height of the page as sent in pixels.
    """

    blur: float
    paper: float
    glare: float
    text_px: float
    cut: tuple[int, ...]
    segments: int
    page_px: float


@dataclass(frozen=True)
class Scores:
    """Scores from 0 (none) to 1 (strong).

    Attributes:
        blur: The text is blurred.
        darkness: The paper is dark.
        glare: Parts of the text are overexposed.
        low_resolution: The text is small.
        cut: Text is cut off at the left, upper, right and lower edge, seen with the text upright.
    """

    blur: float = 0.0
    darkness: float = 0.0
    glare: float = 0.0
    low_resolution: float = 0.0
    cut: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)


def measure_page(
    gray: Pixels, quads: Floats, scale: float, placed: Floats, page_size: tuple[int, int]
) -> Measures | None:
    """Measure a page around its text.

    Args:
        gray: `(H, W)` page as the network sees it, upright.
        quads: `(N, 4, 2)` of the segments in pixels of `gray`.
        scale: Pixels of `gray` per pixel of the page as sent.
        placed: `(N, 4, 2)` of the segments in pixels of the page as sent.
        page_size: Its width and height.

    Returns:
        The measures; None if there is no text.
    """
    if not len(quads):
        return None
    height = max(1.0, float(np.median(np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1))))
    lengths = np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1)
    parts = [_cut_box(gray, quad) for quad in quads[np.argsort(-lengths)[:_SAMPLE]]]
    parts = [part for part in parts if min(part.shape) >= _MIN_PART_PX]
    if not parts:
        return None
    levels = np.array([_find_levels(part) for part in parts])
    paper = float(np.median(levels[:, 1]))
    contrasts = (levels[:, 2] - levels[:, 0]).tolist()
    slopes = [
        _measure_slope(part, _SLOPE_SHARE) / contrast
        for part, contrast in zip(parts, contrasts, strict=True)
        if contrast >= _MIN_CONTRAST
    ]
    # Text without contrast cannot be seen at all.
    sigma = _compute_sigma(float(np.median(slopes))) if slopes else height
    enlargement = max(0.0, scale - 1.0) * _ENLARGEMENT_BLUR
    blur = math.sqrt(max(0.0, sigma**2 - enlargement**2)) / height
    glare = _measure_glare(gray, quads, paper, height)
    page_px = math.sqrt(page_size[0] * page_size[1])
    return Measures(blur, paper, glare, height / scale, _count_cut(placed, page_size), len(quads), page_px)


def score_empty_page(gray: Pixels) -> Scores:
    """Score a page `(H, W)` without text: whether nothing on it is sharp, and whether it is dark."""
    factor = min(1.0, _EMPTY_PAGE_PX / max(gray.shape))
    small = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1.0 else gray
    if min(small.shape) < _MIN_PART_PX:
        return Scores()
    small = np.asarray(small, np.uint8)
    low, bright, high = _find_levels(small)
    darkness = _score(bright, _DARKNESS)
    if high - low < _MIN_CONTRAST:
        return Scores(darkness=darkness)
    slope = _measure_slope(small, _SLOPE_SHARE_EMPTY) / (high - low)
    return Scores(_score(_compute_sigma(slope), _BLUR_EMPTY_PX), darkness)


def score_measures(measures: Measures, rotation: int) -> Scores:
    """Turn measures into scores.

    Args:
        measures: Of a page.
        rotation: Degrees clockwise by which its text is turned: 0, 90, 180 or 270.
    """
    # Of a page turned clockwise, the lower edge is on the left, and so on.
    turns = rotation // 90
    left, top, right, bottom = (measures.cut[(side + turns) % 4] for side in range(4))
    low_resolution = max(_score(measures.text_px, _LOW_RESOLUTION), _score(measures.page_px, _SMALL_PAGE_PX))
    return Scores(
        _score(measures.blur, _BLUR),
        _score(measures.paper, _DARKNESS),
        _score(measures.glare, _GLARE),
        low_resolution,
        (
            _score(left / measures.segments, _CUT_SIDE),
            _score(top, _CUT_END),
            _score(right / measures.segments, _CUT_SIDE),
            _score(bottom, _CUT_END),
        ),
    )


def _score(value: float, curve: tuple[float, float]) -> float:
    middle, step = curve
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, (value - middle) / step))))


def _compute_sigma(slope: float) -> float:
    """Return the standard deviation in pixels of the blur of an edge; its slope is in shares of its height."""
    return 1.0 / (_SLOPE_OF_EDGE * max(slope, 1e-3))


def _cut_box(gray: Pixels, quad: Floats) -> Pixels:
    """Return the pixels of the box around a nearly upright quad."""
    low = np.maximum(np.floor(quad.min(axis=0)), 0).astype(np.intp)
    high = np.maximum(np.ceil(quad.max(axis=0)), 0).astype(np.intp)
    return gray[low[1] : high[1], low[0] : high[0]]


def _find_levels(part: Pixels) -> list[int]:
    """Return the gray levels of `_LEVELS`; counting pixels is faster than sorting them."""
    darker = np.cumsum(cv2.calcHist([part], [0], None, [256], [0, 256]))
    return [int(level) for level in np.searchsorted(darker, np.array(_LEVELS) * part.size)]


def _measure_slope(part: Pixels, share: float) -> float:
    """Return the slope in gray levels per pixel that a share of the pixels does not exceed."""
    values = part.astype(np.int32)
    across = values[1:-1, 2:] - values[1:-1, :-2]
    down = values[2:, 1:-1] - values[:-2, 1:-1]
    squares = (across * across + down * down).ravel()
    index = min(int(share * squares.size), squares.size - 1)
    # Both differences are across two pixels.
    return math.sqrt(float(np.partition(squares, index)[index])) / 2


def _measure_glare(gray: Pixels, quads: Floats, paper: float, height: float) -> float:
    if paper > _WHITE_PAPER:
        return 0.0
    low = np.maximum(quads.min(axis=(0, 1)), 0).astype(np.intp)
    high = np.ceil(quads.max(axis=(0, 1))).astype(np.intp)
    part = gray[low[1] : high[1], low[0] : high[0]]
    if not part.size:
        return 0.0
    side = max(3, round(height))
    # Spots smaller than a character are highlights on print or noise.
    saturated = cv2.erode((part >= _SATURATED).astype(np.uint8), np.ones((side, side), np.uint8))
    return float(cv2.dilate(saturated, np.ones((side, side), np.uint8)).mean())


def _count_cut(placed: Floats, page_size: tuple[int, int]) -> tuple[int, ...]:
    heights = np.minimum(
        np.linalg.norm(placed[:, 3] - placed[:, 0], axis=1), np.linalg.norm(placed[:, 1] - placed[:, 0], axis=1)
    )
    reach = _CUT_REACH * float(np.median(heights))
    low, high = placed.min(axis=1), placed.max(axis=1)
    size: Doubles = np.array(page_size, np.float64)
    before, behind = (low <= reach).sum(axis=0), (high >= size - reach).sum(axis=0)
    return tuple(np.concatenate([before, behind]).tolist())
