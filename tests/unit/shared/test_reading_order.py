from __future__ import annotations

import time

import numpy as np
import pytest

from shared.reading_order import rows, skew, straighten


def boxes(*values: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(values, np.float32)


def quads(values: np.ndarray, angle: float = 0.0) -> np.ndarray:
    corners = values[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    cosine, sine = np.cos(angle), np.sin(angle)
    return (corners @ np.array([[cosine, sine], [-sine, cosine]])).astype(np.float32)


def test_rows_go_down_and_each_to_the_right() -> None:
    found = rows(boxes((300, 50, 360, 70), (10, 100, 90, 120), (10, 52, 80, 72), (10, 0, 200, 20)))
    assert found == [[3], [2, 0], [1]]


def test_no_boxes_no_rows() -> None:
    assert rows(np.zeros((0, 4), np.float32)) == []
    assert straighten(np.zeros((0, 4, 2), np.float32)).shape == (0, 4)
    assert skew(np.zeros((0, 4, 2), np.float32)) == 0.0


def test_dense_lines_that_overlap_a_little_stay_apart() -> None:
    found = rows(boxes((10, 0, 300, 30), (10, 22, 300, 52), (10, 44, 300, 74)))
    assert found == [[0], [1], [2]]


def test_text_above_other_text_is_never_on_its_row() -> None:
    # Two short lines beside one that is as tall as both: it belongs to one of them, they not to each other.
    found = rows(boxes((10, 0, 100, 20), (10, 14, 100, 34), (200, 2, 300, 22)))
    assert found == [[0, 2], [1]]


def test_a_row_may_climb_from_neighbor_to_neighbor() -> None:
    steps = [(100.0 * i, 6.0 * i, 100.0 * i + 80, 6.0 * i + 20) for i in range(6)]
    assert rows(boxes(*steps)) == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("angle", [-0.08, 0.0, 0.05, 0.2, 1.5, -1.6, 3.1])
def test_a_turned_page_reads_the_same(angle: float) -> None:
    upright = boxes((0, 0, 400, 20), (0, 30, 80, 50), (300, 30, 400, 50), (0, 60, 80, 80), (300, 60, 400, 80))
    turned = quads(upright, angle)
    assert skew(turned) == pytest.approx(angle, abs=1e-4)
    assert rows(straighten(turned)) == [[0], [1, 2], [3, 4]]
    sizes = straighten(turned)[:, 2:] - straighten(turned)[:, :2]
    np.testing.assert_allclose(sizes, upright[:, 2:] - upright[:, :2], atol=1e-2)


def test_every_index_occurs_once() -> None:
    draw = np.random.default_rng(3)
    low = draw.uniform(0, 500, (60, 2))
    found = rows(np.concatenate([low, low + draw.uniform(5, 60, (60, 2))], axis=1).astype(np.float32))
    assert sorted(index for row in found for index in row) == list(range(60))


def test_thousands_of_boxes_in_one_place_are_no_way_to_stop_the_service() -> None:
    piles = np.tile(np.array([[1, 1, 90, 9]], np.float32), (4000, 1))
    piles[2000:] += (200, 0, 200, 0)
    begun = time.process_time()
    found = rows(piles)
    assert time.process_time() - begun < 5  # half a second; a loop over all pairs takes half a minute
    assert sorted(index for row in found for index in row) == list(range(4000))
    assert {len(row) for row in found} == {2}
