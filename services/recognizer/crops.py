"""Cutting text segments out of a page and bringing them to the network's size.

This module imports numpy and cv2 only.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

from shared.arrays import Floats, Pixels
from shared.geometry import crop_quad, quad_size
from shared.pictures.gray import to_gray

CUT_HEIGHT = 40
"""Pixels of the height of a cut, as in training; a little above the network's, so that resizing loses less."""
LEAST_SIDE = 2.0
"""Pixels below which a quad has no width or height worth reading."""

_LONGEST_CUT = 4096
_INK, _PAPER = 0.02, 0.9
"""Quantiles of the shades of a segment that stand for its ink and its paper."""
_LEAST_CONTRAST = 32.0
"""Shades between ink and paper below which a segment is taken to be empty, and its noise is not blown up."""
_BUCKETS = ((256, 64), (768, 128), (1 << 30, 256))
"""Widths up to the first number are rounded up to multiples of the second: a receipt makes about eight batches. Finer
ones compute less padding, but in smaller batches, and take longer."""


def is_readable(quad: ArrayLike) -> bool:
    """Whether a quad has a width, a height and an area; a degenerate one holds no text."""
    across, down = quad_size(quad)
    area = abs(float(cv2.contourArea(np.asarray(quad, dtype=np.float32))))
    return across >= LEAST_SIDE and down >= LEAST_SIDE and area >= LEAST_SIDE * LEAST_SIDE


def cut(image: Pixels, quads: Sequence[ArrayLike] | Floats) -> list[Pixels]:
    """Cut text segments out of a page, perspective-corrected.

    Args:
        image: `(H, W, 3)` BGR or `(H, W)` gray page.
        quads: `(N, 4, 2)` pixels, clockwise from the top left corner of the text.

    Returns:
        For each quad a gray crop of `CUT_HEIGHT` rows; of shape `(0, 0)` where a quad is degenerate, which the
        predictor answers with an empty text.
    """
    gray = to_gray(image)
    empty = np.zeros((0, 0), np.uint8)
    return [crop_quad(gray, quad, CUT_HEIGHT, max_width=_LONGEST_CUT) if is_readable(quad) else empty for quad in quads]


def bucket(width: int) -> int:
    """The padded width of the batch that a crop of that width joins; narrow buckets for narrow crops."""
    step = next(step for limit, step in _BUCKETS if width <= limit)
    return max(1, -(-width // step)) * step


def fitted_width(shape: tuple[int, ...], *, height: int, stretch: float, max_width: int, stride: int) -> int:
    """Columns that a crop of that shape gets at the network's height, a multiple of the frame stride."""
    columns = shape[1] / shape[0] * height * stretch
    return min(max(round(columns / stride), 2), max_width // stride) * stride


def quantiles(pixels: Pixels, shares: Sequence[float]) -> list[float]:
    """Shades below which so many of the pixels are, interpolated as `np.quantile` does; counting is ten times as fast.

    Args:
        pixels: uint8, not empty.
        shares: from 0 to 1.
    """
    below = np.cumsum(cv2.calcHist([pixels], [0], None, [256], [0, 256]).ravel(), dtype=np.int64)
    places = np.asarray(shares) * (pixels.size - 1)
    lower = np.searchsorted(below, np.floor(places), side="right")
    upper = np.searchsorted(below, np.ceil(places), side="right")
    values: list[float] = (lower + (upper - lower) * (places % 1.0)).tolist()
    return values


def level(pixels: Pixels) -> Floats:
    """Stretch the shades of a segment so that its paper is at 1 and its ink at -1.

    Faint print, shadow and dark scans then look alike to the network.

    Args:
        pixels: `(h, w)` uint8.

    Returns:
        The same shape, float32 in -1.5..1.5.
    """
    return _looked_up(pixels, _levels(pixels))


def _levels(pixels: Pixels) -> Floats:
    """What `level` makes of each of the 256 shades."""
    ink, paper = quantiles(pixels, (_INK, _PAPER))
    scale = 2.0 / max(paper - ink, _LEAST_CONTRAST)
    leveled = (np.arange(256, dtype=np.float32) - np.float32(paper)) * np.float32(scale) + np.float32(1.0)
    return np.asarray(np.clip(leveled, -1.5, 1.5), np.float32)


def _looked_up(pixels: Pixels, table: Floats) -> Floats:
    return np.asarray(cv2.LUT(pixels, table), np.float32)


def plain(pixels: Pixels) -> Floats:
    """Shades as they are, float32 from -1 (black) to 1 (white)."""
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1.0)


def fit(crop: Pixels, *, height: int, width: int, leveled: bool = False) -> Floats:
    """Scale a crop to the network's size and pad it to its bucket with the paper's shade.

    Args:
        crop: `(h, w)` gray uint8, not empty.
        height: rows of the network's input.
        width: columns of the text in it (see `fitted_width`).
        leveled: whether its shades are stretched (see `level`).

    Returns:
        `(height, bucket(width))` float32, about -1 (black) to 1 (white).
    """
    rows, columns = crop.shape
    if rows > 2 * CUT_HEIGHT:  # linear sampling would skip rows of a large picture
        columns = max(1, round(columns * CUT_HEIGHT / rows))
        crop = np.asarray(cv2.resize(crop, (columns, CUT_HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    resized = np.asarray(cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    table = _levels(resized) if leveled else plain(np.arange(256, dtype=np.uint8))
    (median,) = quantiles(resized, (0.5,))
    out = np.full((height, bucket(width)), np.interp(median, np.arange(256), table), np.float32)
    out[:, :width] = _looked_up(resized, table)
    return out
