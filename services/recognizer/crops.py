"""Cut text segments out of a page and scale them for the network. numpy and cv2 only."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

from shared.arrays import Floats, Pixels
from shared.geometry import crop_quad, quad_size
from shared.pictures.gray import to_gray

# Height of a crop, as in training; slightly above the height of the input, so that resizing loses less.
CUT_HEIGHT_PX = 40
# Minimum width and height of a readable quad.
MIN_SIDE_PX = 2.0

_MAX_CUT_WIDTH_PX = 4096
# Quantiles of the shades of a segment that represent its ink and its paper.
_INK, _PAPER = 0.02, 0.9
# Minimum difference between ink and paper (gray levels): the noise of an empty segment is not amplified.
_MIN_CONTRAST = 32.0
# Widths up to the first number are rounded up to multiples of the second. A receipt makes about eight batches; finer
# buckets compute less padding, but in smaller batches, and take longer.
_BUCKETS = ((256, 64), (768, 128), (1 << 30, 256))


def is_readable(quad: ArrayLike) -> bool:
    """Return whether a quad is wide, high and large enough to contain text."""
    across, down = quad_size(quad)
    area = abs(float(cv2.contourArea(np.asarray(quad, dtype=np.float32))))
    return across >= MIN_SIDE_PX and down >= MIN_SIDE_PX and area >= MIN_SIDE_PX * MIN_SIDE_PX


def cut_segments(image: Pixels, quads: Sequence[ArrayLike] | Floats) -> list[Pixels]:
    """Cut text segments out of a page and rectify their perspective.

    Args:
        image: `(H, W, 3)` BGR or `(H, W)` gray page, uint8.
        quads: `(N, 4, 2)` in pixels, clockwise from the top left of the text.

    Returns:
        One gray crop of `CUT_HEIGHT_PX` rows per quad; `(0, 0)` if the quad is not readable, for which the predictor
        returns an empty text.
    """
    gray = to_gray(image)
    empty = np.zeros((0, 0), np.uint8)
    return [
        crop_quad(gray, quad, CUT_HEIGHT_PX, max_width=_MAX_CUT_WIDTH_PX) if is_readable(quad) else empty
        for quad in quads
    ]


def choose_bucket(width: int) -> int:
    """Return the padded width of the batch for a crop width; narrow crops have narrow buckets."""
    step = next(step for limit, step in _BUCKETS if width <= limit)
    return max(1, -(-width // step)) * step


def fit_width(shape: tuple[int, ...], *, height: int, stretch: float, max_width: int, stride: int) -> int:
    """Return the width of a crop at the height of the network.

    Args:
        shape: Rows and columns of the crop.
        height: Height of the input in pixels.
        stretch: Factor of the width.
        max_width: Maximum width in pixels.
        stride: Frame stride in pixels; the width is a multiple of it.
    """
    columns = shape[1] / shape[0] * height * stretch
    return min(max(round(columns / stride), 2), max_width // stride) * stride


def find_quantiles(pixels: Pixels, shares: Sequence[float]) -> list[float]:
    """Return quantiles of gray levels as `np.quantile` does, but ten times as fast, by counting.

    Args:
        pixels: uint8, not empty.
        shares: Shares from 0 to 1.
    """
    below = np.cumsum(cv2.calcHist([pixels], [0], None, [256], [0, 256]).ravel(), dtype=np.int64)
    places = np.asarray(shares) * (pixels.size - 1)
    lower = np.searchsorted(below, np.floor(places), side="right")
    upper = np.searchsorted(below, np.ceil(places), side="right")
    values: list[float] = (lower + (upper - lower) * (places % 1.0)).tolist()
    return values


def level_shades(pixels: Pixels) -> Floats:
    """Stretch the shades of a segment so that its paper is at 1 and its ink at -1.

    Faint print, shadow and dark scans then look alike to the network.

    Args:
        pixels: `(h, w)` uint8.

    Returns:
        `(h, w)` float32, -1.5 to 1.5.
    """
    return _look_up(pixels, _build_level_table(pixels))


def _build_level_table(pixels: Pixels) -> Floats:
    """Return the value of `level_shades` for each of the 256 shades, `(256,)`."""
    ink, paper = find_quantiles(pixels, (_INK, _PAPER))
    scale = 2.0 / max(paper - ink, _MIN_CONTRAST)
    leveled = (np.arange(256, dtype=np.float32) - np.float32(paper)) * np.float32(scale) + np.float32(1.0)
    return np.asarray(np.clip(leveled, -1.5, 1.5), np.float32)


def _look_up(pixels: Pixels, table: Floats) -> Floats:
    return np.asarray(cv2.LUT(pixels, table), np.float32)


def scale_shades(pixels: Pixels) -> Floats:
    """Scale shades linearly to float32 from -1 (black) to 1 (white)."""
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1.0)


def fit_crop(crop: Pixels, *, height: int, width: int, leveled: bool = False) -> Floats:
    """Scale a crop to the size of the network and pad it to its bucket with the shade of the paper.

    Args:
        crop: `(h, w)` gray uint8, not empty.
        height: Rows of the input.
        width: Columns of the text in the input; see `fit_width`.
        leveled: Whether to stretch the shades; see `level_shades`.

    Returns:
        `(height, choose_bucket(width))` float32, about -1 (black) to 1 (white).
    """
    rows, columns = crop.shape
    # Linear sampling would skip rows of a large picture.
    if rows > 2 * CUT_HEIGHT_PX:
        columns = max(1, round(columns * CUT_HEIGHT_PX / rows))
        crop = np.asarray(cv2.resize(crop, (columns, CUT_HEIGHT_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    resized = np.asarray(cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    table = _build_level_table(resized) if leveled else scale_shades(np.arange(256, dtype=np.uint8))
    (median,) = find_quantiles(resized, (0.5,))
    out = np.full((height, choose_bucket(width)), np.interp(median, np.arange(256), table), np.float32)
    out[:, :width] = _look_up(resized, table)
    return out
