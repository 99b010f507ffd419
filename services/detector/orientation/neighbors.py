"""Tell from the distances of characters along which axis lines run. numpy only.

Within a line characters are closer than from one line to the next (the docstrum: O'Gorman, "The document spectrum for
page layout analysis", IEEE Transactions on Pattern Analysis and Machine Intelligence 15(11), 1993). That also holds
where the characters of a fixed-width font form columns that are straighter than the lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.arrays import Doubles, Indices

# Maximum distance to a neighbor in heights of a character; farther ones say nothing.
_REACH = 2.5
# Maximum tangent of the angle between an axis and the way to a neighbor that counts for the axis: 25 degrees.
_MAX_SLOPE = 0.466
# Maximum number of pairs of characters that are compared; of more characters, a part is looked at.
_MAX_PAIRS = 400_000


@dataclass(frozen=True)
class Neighbors:
    """The nearest neighbors of characters.

    Attributes:
        start: `(M,)` indices of the characters that have a neighbor nearby; of very many, only a part is looked at.
        way: `(M, 2)` way from each to its neighbor along x and y, in pixels.
    """

    start: Indices
    way: Doubles


def find_neighbors(centers: Doubles, height: float) -> Neighbors:
    """Find the nearest neighbor of each character.

    Args:
        centers: `(N, 2)` centers of characters, x and y in pixels.
        height: Height of a character in pixels.
    """
    step = max(1, -(-(len(centers) ** 2) // _MAX_PAIRS))
    looked_at = np.arange(0, len(centers), step)
    x, y = (centers / height).astype(np.float32).T
    away = np.square(x[looked_at, None] - x) + np.square(y[looked_at, None] - y)
    away[np.arange(len(looked_at)), looked_at] = np.inf
    nearest = away.argmin(axis=1)
    is_near = away[np.arange(len(looked_at)), nearest] < _REACH**2
    start = looked_at[is_near]
    return Neighbors(start, centers[nearest[is_near]] - centers[start])


def compare_axes(way: Doubles) -> float:
    """Compare how many characters have their nearest neighbor along x and along y.

    Args:
        way: `(M, 2)` ways to the nearest neighbors on a page without skew.

    Returns:
        The logarithm of the ratio: positive for lines along x, negative for lines along y, 0 if there are no neighbors.
    """
    across, down = np.abs(way).T
    along_x, along_y = np.count_nonzero(down < _MAX_SLOPE * across), np.count_nonzero(across < _MAX_SLOPE * down)
    return float(np.log((along_x + 1) / (along_y + 1)))
