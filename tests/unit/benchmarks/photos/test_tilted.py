"""Receipts that are photographed at an angle."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.photos.tilted import look_from
from services.detector.orientation.straighten import map_points

SQUARE = np.array([[0, 0], [100, 0], [100, 100], [0, 100]], np.float32)


def test_camera_above_the_receipt_only_turns_it() -> None:
    matrix = look_from(0, 30, distance=400, roll=90, center=(50, 50))
    assert map_points(SQUARE, matrix) == pytest.approx(np.array([[50, -50], [50, 50], [-50, 50], [-50, -50]]), abs=1e-3)


def test_near_edge_is_longer_and_the_center_stays() -> None:
    matrix = look_from(40, 0, distance=200, roll=0, center=(50, 50))
    corners = map_points(SQUARE, matrix)
    top, bottom = corners[1, 0] - corners[0, 0], corners[2, 0] - corners[3, 0]
    # The edges are 32 pixels nearer and farther than the center, which is 200 away.
    assert sorted([top, bottom]) == pytest.approx([100 * 200 / 232.14, 100 * 200 / 167.86], rel=1e-3)
    assert map_points([50, 50], matrix) == pytest.approx([0, 0], abs=1e-6)
