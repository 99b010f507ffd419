"""Tests of the reading order on jittered, skewed and turned pages."""

from __future__ import annotations

import time

import numpy as np
import pytest

from shared.arrays import Floats
from shared.geometry import rotate_quads
from shared.reading_order import estimate_skew, group_rows, reading_order, straighten
from tests.support.quads import quads_from_boxes

# A heading, two rows of three columns and a footer, with the jitter of a detector.
PAGE = quads_from_boxes(
    [
        (100, 10, 300, 40),
        (10, 60, 90, 80),
        (150, 63, 210, 81),
        (300, 58, 350, 80),
        (12, 90, 82, 110),
        (152, 88, 212, 108),
        (301, 91, 351, 111),
        (60, 130, 310, 150),
    ]
)
SHUFFLED = [5, 0, 3, 7, 1, 6, 4, 2]
TURNS = (0, 90, 180, 270)


def boxes(*values: tuple[float, float, float, float]) -> Floats:
    return np.array(values, np.float32)


def turn(quads: Floats, degrees: float) -> Floats:
    """Turn quads clockwise about the origin, together with their page."""
    radians = np.deg2rad(degrees)
    cosine, sine = np.cos(radians), np.sin(radians)
    return np.asarray(quads @ np.array([[cosine, sine], [-sine, cosine]]), np.float32)


def draw_page(draw: np.random.Generator) -> Floats:
    """Draw a page in reading order: rows of one to four segments, jittered as a detector does."""
    found, top = [], 0.0
    for _ in range(draw.integers(3, 25)):
        height = draw.uniform(16, 30)
        edges = np.sort(draw.uniform(0, 600, 2 * draw.integers(1, 5)))
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            jitter = draw.uniform(-0.1, 0.1, 2) * height
            # Neighbors are at least a character apart.
            found.append((left, top + jitter[0], max(right - height / 2, left + 4), top + height + jitter[1]))
        top += height * draw.uniform(1.3, 2.5)
    return quads_from_boxes(found)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("degrees", TURNS)
def test_jittered_and_turned_pages_are_read_in_order(seed: int, degrees: int) -> None:
    draw = np.random.default_rng(seed)
    page = draw_page(draw)
    shuffled = draw.permutation(len(page))
    order = reading_order(turn(page[shuffled], degrees + draw.uniform(-4, 4)))
    assert shuffled[order].tolist() == list(range(len(page)))


@pytest.mark.parametrize("degrees", [*TURNS, 7, -7])
def test_order_follows_the_direction_of_the_text(degrees: float) -> None:
    order = reading_order(turn(PAGE[SHUFFLED], degrees))
    assert [SHUFFLED[index] for index in order] == list(range(len(PAGE)))


@pytest.mark.parametrize("slope", [-0.06, 0.06])
def test_climbing_rows_of_upright_boxes_stay_together(slope: float) -> None:
    """A detector may return upright boxes on a tilted photograph, which do not show its angle."""
    page = [
        (x, 100 + 40 * row + slope * x, x + 80, 124 + 40 * row + slope * x)
        for row in range(6)
        for x in range(0, 500, 100)
    ]
    assert reading_order(quads_from_boxes(page)) == list(range(len(page)))


def test_segment_between_two_lines_does_not_join_them() -> None:
    order = reading_order(quads_from_boxes([(0, 0, 100, 20), (0, 24, 100, 44), (150, 11, 210, 33)]))
    assert order.index(0) < order.index(1)
    assert sorted(order) == [0, 1, 2]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_mirrored_pages_are_read_in_order(degrees: int) -> None:
    upright = np.array([[[x, y], [x + 40, y], [x + 40, y + 12], [x, y + 12]] for y in (10, 30, 50) for x in (5, 90)])
    mirrored = np.stack([200 - upright[..., 0], upright[..., 1]], axis=-1)
    sent = rotate_quads(mirrored, degrees, 200, 100)
    shuffled = [4, 1, 5, 0, 3, 2]
    assert [shuffled[index] for index in reading_order(sent[shuffled])] == list(range(6))


def test_accepts_no_quads_and_points() -> None:
    assert reading_order([]) == []
    assert sorted(reading_order(quads_from_boxes([(5, 5, 5, 5)] * 2))) == [0, 1]


def test_rows_go_down_and_each_to_the_right() -> None:
    found = group_rows(boxes((300, 50, 360, 70), (10, 100, 90, 120), (10, 52, 80, 72), (10, 0, 200, 20)))
    assert found == [[3], [2, 0], [1]]


def test_no_boxes_make_no_rows() -> None:
    assert group_rows(np.zeros((0, 4), np.float32)) == []
    assert straighten(np.zeros((0, 4, 2), np.float32)).shape == (0, 4)
    assert estimate_skew(np.zeros((0, 4, 2), np.float32)) == 0.0


def test_dense_lines_that_overlap_a_little_stay_apart() -> None:
    found = group_rows(boxes((10, 0, 300, 30), (10, 22, 300, 52), (10, 44, 300, 74)))
    assert found == [[0], [1], [2]]


def test_text_above_other_text_is_not_on_its_row() -> None:
    # Two short lines beside one that reaches into both: it joins one of them, and they stay apart.
    found = group_rows(boxes((10, 0, 100, 20), (10, 14, 100, 34), (200, 2, 300, 22)))
    assert found == [[0, 2], [1]]


def test_row_may_climb_from_neighbor_to_neighbor() -> None:
    steps = [(100.0 * i, 6.0 * i, 100.0 * i + 80, 6.0 * i + 20) for i in range(6)]
    assert group_rows(boxes(*steps)) == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("radians", [-0.08, 0.0, 0.05, 0.2, 1.5, -1.6, 3.1])
def test_straightening_undoes_the_skew(radians: float) -> None:
    upright = boxes((0, 0, 400, 20), (0, 30, 80, 50), (300, 30, 400, 50), (0, 60, 80, 80), (300, 60, 400, 80))
    turned = turn(quads_from_boxes(upright), np.rad2deg(radians))
    assert estimate_skew(turned) == pytest.approx(radians, abs=1e-4)
    assert group_rows(straighten(turned)) == [[0], [1, 2], [3, 4]]
    sizes = straighten(turned)[:, 2:] - straighten(turned)[:, :2]
    np.testing.assert_allclose(sizes, upright[:, 2:] - upright[:, :2], atol=1e-2)


def test_every_index_occurs_once() -> None:
    draw = np.random.default_rng(3)
    low = draw.uniform(0, 500, (60, 2))
    found = group_rows(np.concatenate([low, low + draw.uniform(5, 60, (60, 2))], axis=1).astype(np.float32))
    assert sorted(index for row in found for index in row) == list(range(60))


def test_thousands_of_boxes_in_one_place_do_not_stall() -> None:
    piles = np.tile(np.array([[1, 1, 90, 9]], np.float32), (4000, 1))
    piles[2000:] += (200, 0, 200, 0)
    start = time.process_time()
    found = group_rows(piles)
    assert time.process_time() - start < 5  # about half a second; a loop over all pairs takes half a minute
    assert sorted(index for row in found for index in row) == list(range(4000))
    assert {len(row) for row in found} == {2}


def test_thousands_of_segments_do_not_stall() -> None:
    page = quads_from_boxes([(x, y, x + 16, y + 8) for y in range(0, 1000, 10) for x in range(0, 1000, 20)])
    start = time.process_time()
    assert reading_order(page[::-1]) == list(range(len(page)))[::-1]
    assert time.process_time() - start < 5
