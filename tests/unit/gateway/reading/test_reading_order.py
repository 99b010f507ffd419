"""Reading order: rows from top to bottom, each from left to right, however the page lies."""

from __future__ import annotations

import math
import time

import pytest

from gateway.reading.reading_order import reading_order
from shared.contracts import Quad


def box(x: float, y: float, width: float, height: float) -> Quad:
    return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))


def turned(quad: Quad, degrees: float) -> Quad:
    """Turns a quad clockwise about the origin, as the page would be."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    points = [(x * cosine - y * sine, x * sine + y * cosine) for x, y in quad]
    return points[0], points[1], points[2], points[3]


# A heading, two rows of three columns, a footer; jitter in height as a detector gives it.
PAGE = [
    box(100, 10, 200, 30),
    box(10, 60, 80, 20),
    box(150, 63, 60, 18),
    box(300, 58, 50, 22),
    box(12, 90, 70, 20),
    box(152, 88, 60, 20),
    box(301, 91, 50, 20),
    box(60, 130, 250, 20),
]
SHUFFLED = [5, 0, 3, 7, 1, 6, 4, 2]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 7, -7])
def test_rows_are_read_as_the_text_runs(degrees: float) -> None:
    quads = [turned(PAGE[i], degrees) for i in SHUFFLED]
    assert [SHUFFLED[i] for i in reading_order(quads)] == list(range(len(PAGE)))


@pytest.mark.parametrize("lean", [-0.06, 0.06])
def test_a_leaning_row_holds_together_though_its_boxes_are_upright(lean: float) -> None:
    """As a detector gives a photo that leans: the boxes climb, but do not tell the angle themselves."""
    rows = [[box(x, 100 + 40 * row + lean * x, 80, 24) for x in range(0, 500, 100)] for row in range(6)]
    quads = [quad for row in rows for quad in row]
    assert reading_order(quads) == list(range(len(quads)))


def test_a_segment_between_two_lines_does_not_join_them() -> None:
    quads = [box(0, 0, 100, 20), box(0, 24, 100, 20), box(150, 11, 60, 22)]
    order = reading_order(quads)
    assert order.index(0) < order.index(1)
    assert sorted(order) == [0, 1, 2]


def test_thousands_of_segments_take_no_time() -> None:
    quads = [box(x, y, 16, 8) for y in range(0, 1000, 10) for x in range(0, 1000, 20)]
    start = time.perf_counter()
    assert reading_order(quads[::-1]) == list(range(len(quads)))[::-1]
    assert time.perf_counter() - start < 5


def test_lines_that_touch_stay_apart() -> None:
    quads = [box(0, 20 * i, 100, 24) for i in range(5)]  # each reaches 4 px into the next
    assert reading_order(quads[::-1]) == [4, 3, 2, 1, 0]


def test_nothing_and_points_are_no_trouble() -> None:
    assert reading_order([]) == []
    assert sorted(reading_order([box(5, 5, 0, 0), box(5, 5, 0, 0)])) == [0, 1]
