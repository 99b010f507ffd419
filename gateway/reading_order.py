"""Reading order of text segments: rows from top to bottom, each from left to right, as the text runs.

Plain Python: a receipt has a few hundred segments at most, and the gateway stays free of numerical libraries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts import Quad

# Two segments are on one row if their centres are nearer, across the text, than this share of the smaller height.
_SAME_ROW = 0.5


@dataclass(frozen=True)
class _Place:
    index: int
    start: float  # along the text, pixels
    centre: float  # across the text, pixels
    height: float  # across the text, pixels


def reading_order(quads: Sequence[Quad]) -> list[int]:
    """Gives the indices of quads in the order in which the text is read.

    The direction of the text is the mean of the quads' own, so a page that lies on its side or stands on its head, or
    leans a little, is read as it was written.

    Args:
        quads: Clockwise from the top left corner of the text, in pixels of the page.

    Returns:
        A permutation of `range(len(quads))`.
    """
    cosine, sine = _direction(quads)
    places = sorted((_place(i, quad, cosine, sine) for i, quad in enumerate(quads)), key=lambda place: place.centre)
    rows: list[list[_Place]] = []
    for place in places:
        if rows and _on_row(place, rows[-1]):
            rows[-1].append(place)
        else:
            rows.append([place])
    return [place.index for row in rows for place in sorted(row, key=lambda place: place.start)]


def _direction(quads: Sequence[Quad]) -> tuple[float, float]:
    along = sum(q[1][0] - q[0][0] + q[2][0] - q[3][0] for q in quads)
    down = sum(q[1][1] - q[0][1] + q[2][1] - q[3][1] for q in quads)
    length = math.hypot(along, down)
    return (along / length, down / length) if length > 0 else (1.0, 0.0)


def _place(index: int, quad: Quad, cosine: float, sine: float) -> _Place:
    along = [x * cosine + y * sine for x, y in quad]
    across = [y * cosine - x * sine for x, y in quad]
    height = (across[3] - across[0] + across[2] - across[1]) / 2
    return _Place(index, start=(along[0] + along[3]) / 2, centre=sum(across) / 4, height=abs(height))


def _on_row(place: _Place, row: Sequence[_Place]) -> bool:
    centre = sum(other.centre for other in row) / len(row)
    height = sum(other.height for other in row) / len(row)
    return place.centre - centre < _SAME_ROW * min(place.height, height)
