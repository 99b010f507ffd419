"""Measure ink on a prepared page and find gaps in a row of text. numpy and cv2 only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shared.arrays import Flags, Floats, Pixels

# Window (px) of the mean that ink is darker than.
_WINDOW = 41
# Share of the strong ink of a row above which a pixel is ink, and minimum contrast (gray levels) of strong ink.
STRONG_SHARE, MIN_CONTRAST = 0.35, 6.0
# Share of the height of a row that is ignored at its top and bottom: it may contain rules and ink of neighbors.
_TRIM = 0.15


@dataclass(frozen=True)
class Gaps:
    """Gaps in a row of text from left to right; `start` and `stop` are `(N,)` in pixels of the page."""

    start: Floats
    stop: Floats

    @property
    def width(self) -> Floats:
        """Widths in pixels, `(N,)`."""
        return self.stop - self.start


def compute_ink_strength(gray: Pixels) -> Pixels:
    """Return how much darker each pixel is than the mean around it, `(H, W)` gray levels; 0 if it is lighter."""
    mean = cv2.blur(gray, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.subtract(mean, gray), np.uint8)


def find_inked_columns(strength: Pixels, box: tuple[float, float, float, float]) -> Flags:
    """Return which columns of a box contain ink.

    Args:
        strength: Ink of the page; see `compute_ink_strength`.
        box: x0, y0, x1, y1 in pixels; the part outside of the page has no ink.

    Returns:
        One flag per column from round(x0) to round(x1).
    """
    x0, y0, x1, y1 = box
    trim = _TRIM * (y1 - y0)
    top, bottom = max(0, round(y0 + trim)), min(strength.shape[0], round(y1 - trim))
    left, right = round(x0), max(round(x1), round(x0) + 1)
    ink = np.zeros(right - left, bool)
    inner_left, inner_right = max(left, 0), min(right, strength.shape[1])
    if bottom <= top or inner_right <= inner_left:
        return ink
    darkest = strength[top:bottom, inner_left:inner_right].max(axis=0)
    level = STRONG_SHARE * max(_find_quantile(darkest, 0.8), MIN_CONTRAST)
    ink[inner_left - left : inner_right - left] = darkest > level
    return ink


def _find_quantile(values: Pixels, share: float) -> float:
    """Return the value that a share (0 to 1) of values does not exceed; several times faster than a percentile."""
    index = min(int(share * len(values)), len(values) - 1)
    return float(np.partition(values, index)[index])


def find_gaps(ink: Flags, origin: int) -> Gaps:
    """Find the gaps of a row.

    Args:
        ink: One flag per column.
        origin: Pixel of the first column.
    """
    padded = np.ones(len(ink) + 2, np.bool_)
    padded[1:-1] = ink
    change = (np.flatnonzero(padded[1:] != padded[:-1]) + origin).astype(np.float32)
    return Gaps(change[0::2], change[1::2])
