"""How large the text of a picture is and where it stands, without a network.

Ink is parted from paper, and the connected components that look like characters are measured. numpy and cv2 only.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shared.arrays import Doubles, Flags, Pixels

#: Pictures are measured at no more than this many pixels across the shorter side.
_MEASURED_SIDE = 1200
#: Window (px) and contrast (gray levels) of the local threshold.
_WINDOW, _CONTRAST = 31, 12
#: Heights in pixels that a character may have.
_LEAST, _MOST = 5, 120
#: A single character is at most this many times longer than wide.
_LONGEST_CHARACTER = 3.0
#: Labeled segments are this much higher than the characters in them (median over training receipts).
_SEGMENT_TO_CHARACTER = 1.29
#: Heights of a character that are kept around all that looks like text. Wider margins find no more, and cost time.
_MARGIN = 1.5
#: Fewer characters than this are no text to go by.
_ENOUGH = 3


@dataclass(frozen=True)
class Ink:
    """The connected components of a page's ink.

    Attributes:
        components: N x 5 in pixels of the measured page: x, y, width, height, area.
        measured: The page, gray, at the size at which it was measured.
        scale: Measured pixels for one of the page, at most 1.
        page_size: Width and height of the page.
    """

    components: Doubles
    measured: Pixels
    scale: float
    page_size: tuple[int, int]


@dataclass(frozen=True)
class Characters:
    """What looks like single characters, whichever way they stand.

    Attributes:
        centers: N x 2, x and y in measured pixels.
        height: Of a character in measured pixels (weighted median of the longer sides).
    """

    centers: Doubles
    height: float


@dataclass(frozen=True)
class TextEstimate:
    """Where text seems to be.

    Attributes:
        height: Median height of text segments in pixels of the picture.
        box: x0, y0, x1, y1 in pixels: all that looks like text, with a margin.
    """

    height: float
    box: tuple[int, int, int, int]


def find_ink(gray: Pixels) -> Ink:
    """Part ink from paper.

    Args:
        gray: H x W pixels; dark ink on light paper.
    """
    height, width = gray.shape
    scale = min(1.0, _MEASURED_SIDE / min(height, width))
    small = gray if scale == 1.0 else cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ink = cv2.adaptiveThreshold(small, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, _WINDOW, _CONTRAST)
    _, _, components, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    return Ink(components[1:].astype(np.float64), small.astype(np.uint8, copy=False), scale, (width, height))


def find_characters(ink: Ink) -> Characters | None:
    """Find single characters without knowing which way is up; None if there is hardly any."""
    x, y, width, height, area = ink.components.T
    longer, shorter = np.maximum(width, height), np.minimum(width, height)
    fits = (longer >= _LEAST) & (longer <= _MOST) & (shorter >= 2) & (longer <= _LONGEST_CHARACTER * shorter)
    fits &= (area >= 0.12 * width * height) & (area >= 8)
    if np.count_nonzero(fits) < _ENOUGH:
        return None
    size = _weighted_median(longer[fits], shorter[fits])
    fits &= (longer > 0.5 * size) & (longer < 2 * size)
    centers = np.stack([x + width / 2, y + height / 2], axis=1)
    return Characters(centers[fits], size)


def estimate_text(ink: Ink) -> TextEstimate | None:
    """Estimate the height of the text and where it is on an upright page.

    Returns:
        The estimate; None if hardly anything looks like a character.
    """
    boxes = _characters(ink.components)
    if len(boxes) < _ENOUGH:
        return None
    (width, height), scale = ink.page_size, ink.scale
    text_height = _weighted_median(boxes[:, 3], np.minimum(boxes[:, 2], boxes[:, 3]))
    beside = boxes[_has_neighbor(boxes)]
    if len(beside) < _ENOUGH:
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


def _characters(components: Doubles) -> Doubles:
    """Of N components (x, y, width, height, area) those that may be characters or words: M x 4."""
    _, _, width, height, area = components.T
    fits = (height >= _LEAST) & (height <= _MOST) & (width >= 2) & (width <= 6 * height)
    fits &= (area >= 0.12 * width * height) & (area >= 8)
    return components[fits, :4]


def _has_neighbor(boxes: Doubles) -> Flags:
    """Which of N boxes have one of about their height close beside them on the same row."""
    order = np.argsort(boxes[:, 0])
    x, y, width, height = boxes[order].T
    middle = y + height / 2
    found = np.zeros(len(boxes), bool)
    # Sorted by the left edge: the neighbor on the right is among the next ones whose left edge is near enough.
    reach = np.searchsorted(x, x + width + height) - np.arange(len(x))
    left = np.arange(len(x))
    for step in range(1, int(reach.max(initial=1))):
        left = left[reach[left] > step]
        right = left + step
        near = x[right] - (x[left] + width[left])
        taller = np.maximum(height[left], height[right])
        fits = (near < height[left]) & (near > -0.3 * height[left])
        fits &= np.abs(middle[left] - middle[right]) < 0.4 * taller
        fits &= np.minimum(height[left], height[right]) > 0.6 * taller
        found[left[fits]] = True
        found[right[fits]] = True
    result = np.zeros(len(boxes), bool)
    result[order] = found
    return result


def _weighted_median(values: Doubles, weights: Doubles) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
