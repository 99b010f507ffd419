"""Reading order of text segments: rows from top to bottom, each from left to right, as the text runs.

Plain Python: a receipt has a few hundred segments at most, and the gateway stays free of numerical libraries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts import Quad

# Two segments are on one row if their centers are nearer, across the text, than this share of the smaller height ...
_SAME_ROW = 0.5
# ... and if they share less than this part of the shorter one: text does not stand on other text.
_OVERLAP = 0.3


@dataclass(frozen=True)
class _Place:
    index: int
    start: float  # along the text, pixels
    end: float
    center: float  # across the text, pixels
    height: float


def reading_order(quads: Sequence[Quad]) -> list[int]:
    """Gives the indices of quads in the order in which the text is read.

    The direction of the text is the mean of the quads' own, so a page that lies on its side or stands on its head is
    read as it was written. A row is a chain of neighbors: one that still leans holds together though its ends are far
    apart in height.

    Args:
        quads: Clockwise from the top left corner of the text, in pixels of the page.

    Returns:
        A permutation of `range(len(quads))`.
    """
    cosine, sine = _direction(quads)
    placed: list[tuple[_Place, list[_Place]]] = []  # with the row that each is on
    rows: list[list[_Place]] = []
    for place in sorted((_place(i, quad, cosine, sine) for i, quad in enumerate(quads)), key=lambda p: p.center):
        row = _row_of(place, placed)
        if row is None:
            row = []
            rows.append(row)
        row.append(place)
        placed.append((place, row))
    rows.sort(key=lambda row: sum(place.center for place in row) / len(row))
    return [place.index for row in rows for place in sorted(row, key=lambda place: place.start)]


def _row_of(place: _Place, placed: Sequence[tuple[_Place, list[_Place]]]) -> list[_Place] | None:
    """Gives the row of the nearest neighbor at the same height that has room for the segment, or None."""
    neighbors = []
    for other, row in reversed(placed):
        distance = place.center - other.center
        if distance > _SAME_ROW * place.height:
            break  # and so are all before, as they were placed from top to bottom
        if distance <= _SAME_ROW * other.height:
            neighbors.append((_gap(place, other), row))
    for _, row in sorted(neighbors, key=lambda neighbor: neighbor[0]):
        if not any(_overlap(place, other) for other in row):
            return row
    return None


def _gap(one: _Place, other: _Place) -> float:
    return max(one.start, other.start) - min(one.end, other.end)


def _overlap(one: _Place, other: _Place) -> bool:
    return -_gap(one, other) > _OVERLAP * min(one.end - one.start, other.end - other.start)


def _direction(quads: Sequence[Quad]) -> tuple[float, float]:
    along = sum(q[1][0] - q[0][0] + q[2][0] - q[3][0] for q in quads)
    down = sum(q[1][1] - q[0][1] + q[2][1] - q[3][1] for q in quads)
    length = math.hypot(along, down)
    return (along / length, down / length) if length > 0 else (1.0, 0.0)


def _place(index: int, quad: Quad, cosine: float, sine: float) -> _Place:
    along = [x * cosine + y * sine for x, y in quad]
    across = [y * cosine - x * sine for x, y in quad]
    return _Place(
        index,
        start=(along[0] + along[3]) / 2,
        end=(along[1] + along[2]) / 2,
        center=sum(across) / 4,
        height=abs(across[3] - across[0] + across[2] - across[1]) / 2,
    )
