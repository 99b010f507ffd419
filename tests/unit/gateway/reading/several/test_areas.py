"""To which of several receipts something belongs."""

from __future__ import annotations

import pytest

from gateway.reading.several.areas import find_area
from shared.contracts import Quad


def box(left: float, top: float, right: float, bottom: float) -> Quad:
    return (left, top), (right, top), (right, bottom), (left, bottom)


LEFT, RIGHT = box(0, 0, 100, 300), box(120, 0, 220, 400)


@pytest.mark.parametrize(
    ("quad", "index"),
    [
        (box(30, 200, 60, 230), 0),
        (box(150, 200, 180, 230), 1),
        # Below the text of the left one, beside the right one.
        (box(30, 310, 90, 370), 0),
        # Across the gap.
        (box(90, 100, 140, 150), 1),
    ],
)
def test_finds_the_nearest_outline(quad: Quad, index: int) -> None:
    assert find_area(quad, [LEFT, RIGHT]) == index
