"""Recognize pictures of light text on dark ground, such as negatives and screenshots in dark mode."""

from __future__ import annotations

import numpy as np

from shared.arrays import Pixels

# Side (px) of a tile: a few characters, at the size at which the shorter side of a page has at most `_MAX_SIDE`.
_TILE = 14
_MAX_SIDE = 800
# Maximum number of rows of tiles that are looked at, evenly spread over the page.
_MAX_TILE_ROWS = 80
# Minimum contrast (gray levels) of a tile with text, and minimum number of such tiles.
_MIN_CONTRAST, _MIN_TILES = 30, 8
# Mean imbalance of the tiles below which text is light. That of 185 pages with dark text is 0.03 to 0.85;
# their negatives have the opposite one.
_LIGHT_TEXT = -0.15


def is_light_text(gray: Pixels) -> bool:
    """Return whether the text of a page `(H, W)` is lighter than its ground, not only that of a part of it."""
    return measure_imbalance(gray) < _LIGHT_TEXT


def measure_imbalance(gray: Pixels) -> float:
    """Measure whether most pixels near strong edges are light or dark: text covers less than its ground.

    Args:
        gray: `(H, W)` page.

    Returns:
        -1 to 1: positive for dark text on light ground, negative for light text on dark ground, 0 without text.
    """
    step = max(1, -(-min(gray.shape) // _MAX_SIDE))
    rows, columns = (side // step // _TILE for side in gray.shape)
    if not rows or not columns:
        return 0.0
    chosen = np.linspace(0, rows - 1, min(rows, _MAX_TILE_ROWS)).astype(int)
    height, width = _TILE * step, columns * _TILE * step
    stripes = np.stack([gray[row * height : (row + 1) * height, :width] for row in chosen])
    # Means of squares of `step` pixels, so that the noise of large pictures does not count.
    squares = stripes.reshape(len(chosen), _TILE, step, columns * _TILE, step)
    small = stripes if step == 1 else squares.mean(axis=(2, 4), dtype=np.float32)
    tiles = small.reshape(len(chosen), _TILE, columns, _TILE).transpose(0, 2, 1, 3).reshape(-1, _TILE * _TILE)
    low, high = (edge.astype(np.float32) for edge in (tiles.min(axis=1), tiles.max(axis=1)))
    mean = tiles.mean(axis=1, dtype=np.float32)
    contrast = high - low
    has_text = contrast >= max(_MIN_CONTRAST, float(np.percentile(contrast, 80)) / 2)
    if np.count_nonzero(has_text) < _MIN_TILES:
        return 0.0
    return float(((2 * mean - low - high)[has_text] / contrast[has_text]).mean())
