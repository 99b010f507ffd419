"""Estimate the height and position of text on a page without a network. numpy and cv2 only.

Ink is separated from paper, and the connected components that look like characters are measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shared.arrays import Doubles, Flags, Pixels

# Maximum length (px) of the shorter side of the page as measured.
_MEASURED_SIDE = 1200
# Window (px) of the local threshold.
_WINDOW = 31
# Minimum and maximum height of a character (px).
_MIN_HEIGHT_PX, _MAX_HEIGHT_PX = 5, 120
# Maximum ratio of the longer to the shorter side of a single character.
_MAX_ASPECT = 3.0
# Height of a labeled segment over the height of its characters (median over training receipts).
_SEGMENT_TO_CHARACTER = 1.29
# Margin around everything that looks like text, in heights of a character. Wider ones find nothing more and take
# longer.
_MARGIN = 1.5
# Number of labels that 16 bits hold.
_MAX_SHORT_LABELS = 65_000
# Neighbors on a row: maximum distance of their middles in heights of the taller one, and minimum ratio of heights.
_MAX_SHIFT, _MIN_RATIO = 0.4, 0.6
# Minimum number of characters of an estimate.
_MIN_CHARACTERS = 3


@dataclass(frozen=True)
class InkSettings:
    """How ink is separated from paper.

    Attributes:
        contrast: Gray levels by which ink is darker than its surroundings.
        blur: Standard deviation in pixels of a blur that removes the texture of a table first; 0 for none.
    """

    contrast: int = 12
    blur: float = 0.0


@dataclass(frozen=True)
class Ink:
    """Connected components of the ink of a page.

    Attributes:
        components: `(N, 5)` x, y, width, height and area in pixels of the measured page.
        measured: The gray page at the size at which it was measured.
        scale: Pixels of the measured page per pixel of the page, at most 1.
        page_size: Width and height of the page.
    """

    components: Doubles
    measured: Pixels
    scale: float
    page_size: tuple[int, int]


@dataclass(frozen=True)
class Characters:
    """What looks like single characters, in any orientation.

    Attributes:
        centers: `(N, 2)` x and y in pixels of the measured page.
        height: Height of a character in pixels of the measured page (weighted median of the longer sides).
        sizes: `(N,)` longer sides in pixels of the measured page.
    """

    centers: Doubles
    height: float
    sizes: Doubles


@dataclass(frozen=True)
class TextEstimate:
    """Estimated height and position of text.

    Attributes:
        height: Median height of text segments in pixels of the page.
        box: x0, y0, x1, y1 in pixels of everything that looks like text, with a margin.
    """

    height: float
    box: tuple[int, int, int, int]


def find_ink(gray: Pixels, settings: InkSettings | None = None) -> Ink:
    """Separate ink from paper.

    Args:
        gray: `(H, W)` pixels; dark ink on light paper.
        settings: What counts as ink.
    """
    settings = settings or InkSettings()
    height, width = gray.shape
    scale = min(1.0, _MEASURED_SIDE / min(height, width))
    small = gray if scale == 1.0 else cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small, (0, 0), settings.blur) if settings.blur else small
    ink = cv2.adaptiveThreshold(
        smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, _WINDOW, settings.contrast
    )
    components = _measure_components(np.asarray(ink, np.uint8))
    return Ink(components, small.astype(np.uint8, copy=False), scale, (width, height))


def find_characters(ink: Ink) -> Characters | None:
    """Find single characters in any orientation. Return None if there are hardly any."""
    x, y, width, height, area = ink.components.T
    longer, shorter = np.maximum(width, height), np.minimum(width, height)
    fits = (longer >= _MIN_HEIGHT_PX) & (longer <= _MAX_HEIGHT_PX) & (shorter >= 2) & (longer <= _MAX_ASPECT * shorter)
    fits &= (area >= 0.12 * width * height) & (area >= 8)
    if np.count_nonzero(fits) < _MIN_CHARACTERS:
        return None
    size = _compute_weighted_median(longer[fits], shorter[fits])
    fits &= (longer > 0.5 * size) & (longer < 2 * size)
    centers = np.stack([x + width / 2, y + height / 2], axis=1)
    return Characters(centers[fits], size, longer[fits])


def estimate_text(ink: Ink) -> TextEstimate | None:
    """Estimate height and position of the text of an upright page. Return None if hardly anything looks like text."""
    boxes = _select_characters(ink.components)
    if len(boxes) < _MIN_CHARACTERS:
        return None
    (width, height), scale = ink.page_size, ink.scale
    text_height = _compute_weighted_median(boxes[:, 3], np.minimum(boxes[:, 2], boxes[:, 3]))
    beside = boxes[_has_neighbor(boxes)]
    if len(beside) < _MIN_CHARACTERS:
        beside = boxes
    margin = _MARGIN * text_height
    low, high = beside[:, :2].min(axis=0) - margin, (beside[:, :2] + beside[:, 2:]).max(axis=0) + margin
    box = (
        max(0, int(low[0] / scale)),
        max(0, int(low[1] / scale)),
        min(width, int(np.ceil(high[0] / scale))),
        min(height, int(np.ceil(high[1] / scale))),
    )
    return TextEstimate(float(_SEGMENT_TO_CHARACTER * text_height / scale), box)


def _measure_components(ink: Pixels) -> Doubles:
    """Return x, y, width, height and area of the connected components of ink `(H, W)`, 0 or 255, as `(N, 5)`."""
    # Every component, also one that is found to be part of another, contains a pixel without ink on its left. Labels of
    # 16 bits take half as long.
    begins = cv2.countNonZero(cv2.subtract(ink[:, 1:], ink[:, :-1])) + cv2.countNonZero(ink[:, 0])
    labels = cv2.CV_16U if begins < _MAX_SHORT_LABELS else cv2.CV_32S
    _, _, components, _ = cv2.connectedComponentsWithStats(ink, connectivity=8, ltype=labels)
    return components[1:].astype(np.float64)


def _select_characters(components: Doubles) -> Doubles:
    """Select the components `(N, 5)` that may be characters or words; return their boxes, `(M, 4)`."""
    _, _, width, height, area = components.T
    fits = (height >= _MIN_HEIGHT_PX) & (height <= _MAX_HEIGHT_PX) & (width >= 2) & (width <= 6 * height)
    fits &= (area >= 0.12 * width * height) & (area >= 8)
    return components[fits, :4]


def _has_neighbor(boxes: Doubles) -> Flags:
    """Return which of N boxes have one of similar height close beside them on the same row."""
    found = np.zeros(len(boxes), bool)
    if not len(boxes):
        return found
    middles = boxes[:, 1] + boxes[:, 3] / 2
    order = np.argsort(middles)
    x, _, width, height = boxes[order].T
    middle = middles[order]
    # Boxes are sorted by their middle, and those on one row are less than two thirds of a height apart, so the neighbor
    # is among the next ones.
    reach = np.searchsorted(middle, middle + height * _MAX_SHIFT / _MIN_RATIO) - np.arange(len(x))
    upper = np.arange(len(x))
    for step in range(1, int(reach.max())):
        upper = upper[reach[upper] > step]
        lower = upper + step
        is_left = x[upper] <= x[lower]
        left, right = np.where(is_left, upper, lower), np.where(is_left, lower, upper)
        near = x[right] - (x[left] + width[left])
        taller, smaller = np.maximum(height[left], height[right]), np.minimum(height[left], height[right])
        fits = (near < height[left]) & (near > -0.3 * height[left]) & (smaller > _MIN_RATIO * taller)
        fits &= middle[lower] - middle[upper] < _MAX_SHIFT * taller
        found[order[left[fits]]] = True
        found[order[right[fits]]] = True
    return found


def _compute_weighted_median(values: Doubles, weights: Doubles) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
