"""Reading order of text segments: rows from top to bottom, each row from left to right, as the text runs.

A row is a chain of neighbors: a segment joins the row whose horizontally nearest member is at the same height. A row of
a slightly tilted receipt therefore stays together although its ends do not overlap vertically.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
from numpy.typing import ArrayLike

from shared.arrays import Doubles, Floats, Indices
from shared.mirroring import is_mirrored

# Segments are on one row if their centers differ by less than this share of the smaller height ...
_SAME_ROW = 0.5
# ... and if they share less than this part of the narrower width: text does not overlap other text.
_MAX_OVERLAP = 0.3
# Segments that deviate more from the page's main direction say nothing about its skew.
_MAX_SKEW_RADIANS = 0.35


def reading_order(quads: ArrayLike) -> list[int]:
    """Return the indices of the quads of one page in reading order.

    Args:
        quads: `(N, 4, 2)` in pixels, clockwise from the top left of the text. The page may be turned or skewed: the
            quads give the direction of the text.

    Returns:
        A permutation of `range(N)`.
    """
    corners = np.asarray(quads, np.float32).reshape(-1, 4, 2)
    return list(chain.from_iterable(group_rows(straighten(corners))))


def estimate_skew(quads: Floats) -> float:
    """Estimate the direction of the text on a page.

    The median of the quads' directions, weighted by length: the edges of short segments are imprecise.

    Args:
        quads: `(N, 4, 2)` in pixels, clockwise from the top left of the text.

    Returns:
        Radians clockwise (y points down); 0 without quads.
    """
    if len(quads) == 0:
        return 0.0
    edges = quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]
    along, down = edges.sum(axis=0)
    main = float(np.arctan2(down, along))
    # Relative to the main direction, so that the angles of an upside-down page do not jump from pi to -pi.
    angles = (np.arctan2(edges[:, 1], edges[:, 0]) - main + np.pi) % (2 * np.pi) - np.pi
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    lengths = np.where(np.abs(angles) <= _MAX_SKEW_RADIANS, lengths, 0.0)
    if lengths.sum() <= 0:
        return 0.0
    order = np.argsort(angles)
    cumulated = np.cumsum(lengths[order])
    return main + float(angles[order][np.searchsorted(cumulated, cumulated[-1] / 2)])


def straighten(quads: Floats) -> Floats:
    """Undo the skew of a page, and that it is mirrored, and return the axis-aligned boxes of its quads.

    Args:
        quads: `(N, 4, 2)` in pixels, clockwise from the top left of the text.

    Returns:
        `(N, 4)` of x0, y0, x1, y1 in pixels of the straightened page.
    """
    if len(quads) == 0:
        return np.zeros((0, 4), np.float32)
    angle = estimate_skew(quads)
    cosine, sine = np.cos(angle), np.sin(angle)
    x = quads[..., 0] * cosine + quads[..., 1] * sine
    y = quads[..., 1] * cosine - quads[..., 0] * sine
    if is_mirrored(quads):
        y = -y
    # Means of the two left, upper, right and lower corners, so that a quad that is still tilted does not get taller.
    boxes = np.stack(
        [(x[:, 0] + x[:, 3]) / 2, (y[:, 0] + y[:, 1]) / 2, (x[:, 1] + x[:, 2]) / 2, (y[:, 2] + y[:, 3]) / 2], axis=1
    )
    low = np.minimum(boxes[:, :2], boxes[:, 2:])
    high = np.maximum(boxes[:, :2], boxes[:, 2:])
    return np.concatenate([low, high], axis=1).astype(np.float32)


def group_rows(boxes: Floats) -> list[list[int]]:
    """Group boxes into rows.

    Args:
        boxes: `(N, 4)` of x0, y0, x1, y1.

    Returns:
        Rows from top to bottom, each with the indices of its boxes from left to right; every index occurs once.
    """
    if len(boxes) == 0:
        return []
    x0, y0, x1, y1 = boxes.T.astype(np.float64)
    middle, height, width = (y0 + y1) / 2, np.maximum(y1 - y0, 1.0), np.maximum(x1 - x0, 1.0)
    rows: list[list[int]] = []
    row_of = np.zeros(len(boxes), np.intp)
    latest = np.zeros(len(boxes))  # middle of the last box that joined each row
    # Vectorized over the boxes placed so far: a page may hold thousands of them in one place.
    order = np.argsort(middle, kind="stable")
    for count, index in enumerate(order.tolist()):
        # Boxes come from top to bottom: if the latest box of a row is too far above, so are all others.
        near = middle[index] - latest[: len(rows)] < _SAME_ROW * height[index]
        row = None
        if near.any():
            placed = order[:count]
            members = placed[near[row_of[placed]]]
            gaps = np.maximum(x0[index] - x1[members], x0[members] - x1[index])
            overlapping = -gaps > _MAX_OVERLAP * np.minimum(width[index], width[members])
            near[row_of[members[overlapping]]] = False
            free = near[row_of[members]]
            members, gaps = members[free], gaps[free]
            distances = np.abs(middle[members] - middle[index]) / np.minimum(height[members], height[index])
            row = _nearest_row(row_of[members], gaps, distances)
        if row is None:
            row = len(rows)
            rows.append([])
        rows[row].append(index)
        row_of[index], latest[row] = row, middle[index]
    rows.sort(key=lambda row: sum(middle[row].tolist()) / len(row))
    return [sorted(row, key=x0.__getitem__) for row in rows]


def _nearest_row(rows: Indices, gaps: Doubles, distances: Doubles) -> int | None:
    """Choose a row for a new box.

    Args:
        rows: `(M,)` rows of the candidate neighbors.
        gaps: `(M,)` horizontal gaps to them.
        distances: `(M,)` vertical distances to them, in heights.

    Returns:
        Of the rows whose horizontally nearest member is at the height of the new box, the vertically closest; None if
        there is none.
    """
    if len(rows) == 0:
        return None
    if (rows == rows[0]).all():
        # The usual case, in a fraction of the time.
        return int(rows[0]) if distances[gaps.argmin()] < _SAME_ROW else None
    by_row = np.lexsort((gaps, rows))
    candidates, first = np.unique(rows[by_row], return_index=True)
    nearest = distances[by_row][first]
    best = int(np.argmin(nearest))
    return int(candidates[best]) if nearest[best] < _SAME_ROW else None
