"""Reading order: rows from top to bottom, each from left to right.

Rows are chains of neighbors: a segment joins the row whose horizontally nearest member stands at its height, so that a
row of a slightly turned receipt holds together although its ends do not overlap vertically. numpy only.
"""

from __future__ import annotations

import numpy as np

from shared.arrays import Doubles, Flags, Floats, Indices

# Two segments are on one row if their centers differ by less than this share of the smaller height.
_SAME_ROW = 0.5
# ... and if they share less than this part of the narrower one's width: text does not stand on other text.
_OVERLAP = 0.3
# Segments that differ by more than this (radians) from the page's main direction tell nothing of its skew.
_MAX_SKEW = 0.35


def skew(quads: Floats) -> float:
    """The angle of the text lines in radians, clockwise positive (y points down), on a page turned either way.

    The median over the upper edges, weighted by length: short segments have edges that mean nothing.

    Args:
        quads: (N, 4, 2), clockwise from the top left.
    """
    if len(quads) == 0:
        return 0.0
    edges = quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]
    along, down = edges.sum(axis=0)
    main = float(np.arctan2(down, along))
    # Around the main direction, so that the angles of a page on its head do not jump from pi to minus pi.
    angles = (np.arctan2(edges[:, 1], edges[:, 0]) - main + np.pi) % (2 * np.pi) - np.pi
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    lengths = np.where(np.abs(angles) <= _MAX_SKEW, lengths, 0.0)
    if lengths.sum() <= 0:
        return 0.0
    order = np.argsort(angles)
    cumulated = np.cumsum(lengths[order])
    return main + float(angles[order][np.searchsorted(cumulated, cumulated[-1] / 2)])


def straighten(quads: Floats) -> Floats:
    """Axis-aligned boxes of the quads after the page's skew was turned back.

    Args:
        quads: (N, 4, 2) in pixels.

    Returns:
        (N, 4): x0, y0, x1, y1 in pixels of the turned page.
    """
    if len(quads) == 0:
        return np.zeros((0, 4), np.float32)
    angle = skew(quads)
    cosine, sine = np.cos(angle), np.sin(angle)
    x = quads[..., 0] * cosine + quads[..., 1] * sine
    y = quads[..., 1] * cosine - quads[..., 0] * sine
    # Means of the two left, upper, right and lower corners: a quad that is still tilted gets no taller by it.
    boxes = np.stack(
        [(x[:, 0] + x[:, 3]) / 2, (y[:, 0] + y[:, 1]) / 2, (x[:, 1] + x[:, 2]) / 2, (y[:, 2] + y[:, 3]) / 2], axis=1
    )
    low = np.minimum(boxes[:, :2], boxes[:, 2:])
    high = np.maximum(boxes[:, :2], boxes[:, 2:])
    return np.concatenate([low, high], axis=1).astype(np.float32)


def rows(boxes: Floats) -> list[list[int]]:
    """Group boxes into rows.

    Args:
        boxes: (N, 4): x0, y0, x1, y1.

    Returns:
        Rows from top to bottom, each the indices of its boxes from left to right; every index occurs once.
    """
    if len(boxes) == 0:
        return []
    x0, y0, x1, y1 = boxes.T.astype(np.float64)
    middle, height, width = (y0 + y1) / 2, np.maximum(y1 - y0, 1.0), np.maximum(x1 - x0, 1.0)
    found: list[list[int]] = []
    row_of = np.zeros(len(boxes), np.intp)
    latest = np.zeros(len(boxes))  # middle of the box that came last to each row
    # All boxes placed so far are looked at together: a page may hold thousands in one place.
    order = np.argsort(middle, kind="stable")
    for count, index in enumerate(order.tolist()):
        placed = order[:count]
        # Boxes come from top to bottom: if even a row's latest is too far above, so are all of its others.
        free = middle[index] - latest[: len(found)] < _SAME_ROW * height[index]
        gaps = np.maximum(x0[index] - x1[placed], x0[placed] - x1[index])
        free[row_of[placed[-gaps > _OVERLAP * np.minimum(width[index], width[placed])]]] = False
        row = _nearest_row(placed, row_of[placed], gaps, free, np.abs(middle - middle[index]), height, height[index])
        if row is None:
            row = len(found)
            found.append([])
        found[row].append(index)
        row_of[index], latest[row] = row, middle[index]
    found.sort(key=lambda row: sum(middle[row].tolist()) / len(row))
    return [sorted(row, key=x0.__getitem__) for row in found]


def _nearest_row(
    placed: Indices,
    rows: Indices,
    gaps: Doubles,
    free: Flags,
    distances: Doubles,
    heights: Doubles,
    height: float,
) -> int | None:
    """The free row whose box with the least gap is at the same height as a new one; the closest of several."""
    members = np.flatnonzero(free[rows])
    if len(members) == 0:
        return None
    members = members[np.lexsort((gaps[members], rows[members]))]
    candidates, first = np.unique(rows[members], return_index=True)
    nearest = placed[members[first]]
    apart = distances[nearest] / np.minimum(heights[nearest], height)
    best = int(np.argmin(apart))
    return int(candidates[best]) if apart[best] < _SAME_ROW else None
