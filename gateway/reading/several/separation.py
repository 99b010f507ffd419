"""Confirm by the text that areas of a page are separate receipts.

The detector sees gaps and edges. Receipts beside each other with an edge between them are certain enough. Otherwise
both sides must be complete, and parts above each other also different: a card slip under a receipt repeats its date and
total.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby

import numpy as np

from gateway.reading.several.areas import find_area
from shared.contracts import Extracted, Fields, Line, Quad, ReceiptArea

Extract = Callable[[list[Line]], Awaitable[Extracted]]

# Scores of the detector from which an area is a receipt of its own, and from which it is if it is complete.
_CERTAIN, _LIKELY = 0.9, 0.6
# Minimum number of lines of a receipt.
_MIN_LINES = 3
# Maximum number of areas above each other whose text is compared.
_MAX_COMPARED = 6
_QUAD_DECIMALS = 1


async def confirm_areas(areas: Sequence[ReceiptArea], lines: Sequence[Line], extract: Extract) -> list[Quad]:
    """Return the outlines of the separate receipts on a page; empty if there is only one.

    Args:
        areas: What the detector found, neighbors next to each other.
        lines: Of the page.
        extract: Finds the fields in some of the lines.
    """
    outlines = [area.outline for area in areas]
    nearest = [find_area(line.quad, outlines) for line in lines]
    parts = [
        _Part([area], [line for line, found in zip(lines, nearest, strict=True) if found == index])
        for index, area in enumerate(areas)
    ]
    confirmed: list[_Part] = []
    for is_certain, neighbors in groupby(parts, key=lambda part: part.areas[0].score >= _CERTAIN):
        group = list(neighbors)
        confirmed += group if is_certain else await _join_unconfirmed(group, extract)
    readable = [part for part in confirmed if len(part.lines) >= _MIN_LINES]
    return [part.outline for part in readable] if len(readable) > 1 else []


class _Part:
    """Areas that are one receipt, and their lines."""

    def __init__(self, areas: list[ReceiptArea], lines: list[Line]) -> None:
        self.areas = areas
        self.lines = lines

    def __add__(self, other: _Part) -> _Part:
        return _Part(self.areas + other.areas, self.lines + other.lines)

    @property
    def outline(self) -> Quad:
        if len(self.areas) == 1:
            return self.areas[0].outline
        return _enclose([area.outline for area in self.areas])


async def _join_unconfirmed(parts: list[_Part], extract: Extract) -> list[_Part]:
    """Join neighbors that the text does not show to be separate receipts."""
    if len(parts) > _MAX_COMPARED:
        return [_join(parts)]
    confirmed: list[_Part] = []
    start = 0
    for border in range(1, len(parts)):
        before, behind = _join(parts[start:border]), _join(parts[border:])
        is_above = max(parts[border - 1].areas[-1].score, parts[border].areas[0].score) < _LIKELY
        if await _are_separate(before, behind, extract, is_above=is_above):
            confirmed.append(before)
            start = border
    return [*confirmed, _join(parts[start:])]


async def _are_separate(first: _Part, second: _Part, extract: Extract, *, is_above: bool) -> bool:
    found = []
    for part in (first, second):
        if len(part.lines) < _MIN_LINES:
            return False
        fields = (await extract(part.lines)).fields
        if not is_complete(fields):
            return False
        found.append(fields)
    return not is_above or are_different(*found)


def is_complete(fields: Fields) -> bool:
    """Return whether fields are those of a whole receipt: a total, and when it was."""
    return fields.total is not None and fields.date is not None


def are_different(first: Fields, second: Fields) -> bool:
    """Return whether complete fields are of two purchases: the totals differ, and the date, time or number."""
    if _get(first.total, "amount") == _get(second.total, "amount"):
        return False
    pairs = (
        (_get(first.date, "iso"), _get(second.date, "iso")),
        (_get(first.time, "iso"), _get(second.time, "iso")),
        (_get(first.receipt_number, "value"), _get(second.receipt_number, "value")),
    )
    return any(one is not None and other is not None and one != other for one, other in pairs)


def _get(field: object, name: str) -> object:
    return getattr(field, name, None)


def _join(parts: Sequence[_Part]) -> _Part:
    joined = parts[0]
    for part in parts[1:]:
        joined += part
    return joined


def _enclose(outlines: Sequence[Quad]) -> Quad:
    """Return the rectangle around outlines, along the text of the first one."""
    corners = np.array(outlines, np.float64)
    along = corners[0, 1] - corners[0, 0]
    along /= max(float(np.linalg.norm(along)), 1e-6)
    axes = np.stack([along, [-along[1], along[0]]])
    placed = corners.reshape(-1, 2) @ axes.T
    (left, top), (right, bottom) = placed.min(axis=0), placed.max(axis=0)
    points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) @ axes
    first, second, third, fourth = ((float(x), float(y)) for x, y in points.round(_QUAD_DECIMALS))
    return first, second, third, fourth
