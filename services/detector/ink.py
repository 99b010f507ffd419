"""Ink on a prepared page: where the columns of a row of text are blank. numpy and cv2 only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shared.arrays import Flags, Floats, Pixels

#: Window (px) of the mean that ink is darker than.
_WINDOW = 41
#: Share of the strong ink of a row from which there is ink, and the least contrast (gray levels) of strong ink.
STRONG_SHARE, LEAST_CONTRAST = 0.35, 6.0
#: Share of a row's height, at its top and bottom, that is left out: it may hold rules and the neighbors' ink.
_TRIM = 0.15


@dataclass(frozen=True)
class Gaps:
    """Blank stretches of a row of text, from left to right; `start` and `stop` in pixels of the page."""

    start: Floats
    stop: Floats

    @property
    def width(self) -> Floats:
        """Widths in pixels."""
        return self.stop - self.start


def ink_strength(gray: Pixels) -> Pixels:
    """How much darker each pixel is than the mean around it, in gray levels, 0 where it is lighter; H x W."""
    mean = cv2.blur(gray, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.subtract(mean, gray), np.uint8)


def column_ink(strength: Pixels, box: tuple[float, float, float, float]) -> Flags:
    """Which columns of a box have ink.

    Args:
        strength: Of the page, see :func:`ink_strength`.
        box: x0, y0, x1, y1 in pixels; the part outside of the page has no ink.

    Returns:
        One value a column from round(x0) to round(x1).
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
    level = STRONG_SHARE * max(_upper_value(darkest, 0.8), LEAST_CONTRAST)
    ink[inner_left - left : inner_right - left] = darkest > level
    return ink


def _upper_value(values: Pixels, share: float) -> float:
    """The value that a share (0 to 1) of some values does not exceed; several times faster than a percentile."""
    index = min(int(share * len(values)), len(values) - 1)
    return float(np.partition(values, index)[index])


def find_gaps(ink: Flags, origin: int) -> Gaps:
    """The blank stretches of a row.

    Args:
        ink: One value a column.
        origin: Pixel of the first column.
    """
    padded = np.ones(len(ink) + 2, np.bool_)
    padded[1:-1] = ink
    change = (np.flatnonzero(padded[1:] != padded[:-1]) + origin).astype(np.float32)
    return Gaps(change[0::2], change[1::2])
