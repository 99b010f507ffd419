"""Find the parts of a page that are as densely printed as a QR code, in a few milliseconds.

Half of a code is dark, in all its parts. Lines of text are not that dark, because of the space between them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from shared.arrays import Floats, Pixels

# All in pixels of the page. Ink is darker than the mean of its surroundings by so many levels of gray.
_SURROUNDINGS_PX = 64
_MIN_CONTRAST = 3
_CELL_PX = 8
# The smallest codes that can be read have this size. Of those on 16 photographs and blurred scans, the densest window
# is dark to 66% or more, and to 60% with a fifth of the contrast. On receipts without a code, a fifth of the rows are
# near windows of the limit.
_WINDOW_CELLS = 5
_MIN_DENSITY = 0.55
_MARGIN_CELLS = 8


def find_dense(pixels: Pixels) -> Iterator[tuple[int, int, int, int]]:
    """Yield the dense parts of a page with a margin, from top to bottom.

    Args:
        pixels: `(H, W)` gray, dark print on light ground.

    Yields:
        Left, top, right and bottom of each part, in pixels, end-exclusive. Parts share no rows.
    """
    height, width = pixels.shape
    is_dense = _measure_density(pixels) > _MIN_DENSITY
    rows = np.flatnonzero(is_dense.any(axis=1))
    gaps = np.flatnonzero(np.diff(rows) > _WINDOW_CELLS + 2 * _MARGIN_CELLS)
    for part in np.split(rows, gaps + 1):
        if not part.size:
            continue
        top, bottom = _enclose(part, height)
        left, right = _enclose(np.flatnonzero(is_dense[part].any(axis=0)), width)
        yield left, top, right, bottom


def _measure_density(pixels: Pixels) -> Floats:
    """Return the share of ink, 0 to 1, in each window of `5 x 5` cells of 8 pixels."""
    page = Image.fromarray(pixels)
    mean = page.reduce(_SURROUNDINGS_PX).resize(page.size, Image.Resampling.BILINEAR)
    is_ink = pixels < np.maximum(np.asarray(mean), _MIN_CONTRAST) - _MIN_CONTRAST
    cells = np.asarray(Image.fromarray(is_ink.astype(np.float32)).reduce(_CELL_PX))
    if min(cells.shape) < _WINDOW_CELLS:
        return cells
    windows = np.lib.stride_tricks.sliding_window_view(cells, (_WINDOW_CELLS, _WINDOW_CELLS))
    return np.asarray(windows.mean(axis=(2, 3)), np.float32)


def _enclose(cells: np.ndarray, size: int) -> tuple[int, int]:
    """Return the first and the end pixel of windows with a margin, on a page of a size."""
    first = (int(cells[0]) - _MARGIN_CELLS) * _CELL_PX
    end = (int(cells[-1]) + _WINDOW_CELLS + _MARGIN_CELLS) * _CELL_PX
    return max(0, first), min(size, end)
