"""Test straightening pages and mapping points back to the page as sent."""

from __future__ import annotations

import numpy as np
import pytest

from services.detector.orientation.engine import TURNS
from services.detector.orientation.pose import Pose
from services.detector.orientation.straighten import (
    build_rotation,
    clip_to_page,
    is_straight,
    map_points,
    straighten,
)
from shared.geometry import rotate_quads
from tests.support.printed_pages import draw_framed_page, turn_page


def has_dot_at(gray: np.ndarray, point: np.ndarray) -> bool:
    """Return whether a dot is around a point."""
    x, y = np.floor(point).astype(int)
    return bool(gray[y - 1 : y + 2, x - 1 : x + 2].max() < 120)


@pytest.mark.parametrize("rotation", TURNS)
@pytest.mark.parametrize("skew", [0.0, 0.4, 4.0, -10.0, 15.0])
def test_maps_points_of_straight_page_back_to_page_as_sent(rotation: int, skew: float) -> None:
    sent, corners = turn_page(rotation, skew)
    straight, back = straighten(sent, Pose(rotation, skew))
    places = map_points(corners, np.asarray(np.linalg.inv(back), np.float64))
    assert map_points(places, back) == pytest.approx(corners, abs=0.01)
    for place, corner in zip(places, corners, strict=True):
        assert has_dot_at(sent, corner)
        assert has_dot_at(straight, place)
    # The first corner is at the top left, and edges run along the axes unless the skew is too small to correct.
    edge = places[1] - places[0]
    assert edge[0] == pytest.approx(480, abs=0.5)
    assert abs(edge[1]) < (0.1 if abs(skew) > 1 or skew == 0 else 480 * 0.01)
    assert places[3, 1] > places[0, 1]


@pytest.mark.parametrize("rotation", TURNS)
def test_rotation_matrix_agrees_with_shared_geometry(rotation: int) -> None:
    points = np.array([[0, 0], [3, 7], [40, 21]], np.float32)
    expected = rotate_quads(points, rotation, 50, 30)
    assert map_points(points, build_rotation(rotation, 50, 30)) == pytest.approx(expected)


def test_straight_page_keeps_its_pixels() -> None:
    gray = draw_framed_page()
    assert is_straight(Pose(0, 0.5))
    assert not is_straight(Pose(180, 0.0))
    assert straighten(gray, Pose(0, 0.5))[0] is gray


def test_clips_upright_quads_corner_by_corner() -> None:
    quads = np.array([[(-5, 5), (130, 5), (130, 60), (-5, 60)], [(90, 20), (90, -9), (99, -9), (99, 20)]], np.float32)
    cut = clip_to_page(quads, (100, 50))
    assert cut[0].tolist() == [[0, 5], [100, 5], [100, 50], [0, 50]]
    assert cut[1].tolist() == [[90, 20], [90, 0], [99, 0], [99, 20]]


def test_shortens_slanted_quad_along_its_text() -> None:
    along, across = np.array([np.cos(0.2), np.sin(0.2)]), np.array([-np.sin(0.2), np.cos(0.2)])
    middle = np.array([-30.0, 20.0])
    quad = np.stack(
        [middle - 8 * across, middle + 200 * along - 8 * across, middle + 200 * along + 8 * across, middle + 8 * across]
    ).astype(np.float32)
    (cut,) = clip_to_page(quad[None], (300, 300))
    assert np.linalg.norm(cut[3] - cut[0]) == pytest.approx(16, abs=0.01)
    assert (cut[0] + cut[3])[0] / 2 == pytest.approx(0, abs=0.01)
    assert cut[1] == pytest.approx(quad[1], abs=0.01)
    direction = (cut[1] - cut[0]) / np.linalg.norm(cut[1] - cut[0])
    assert direction == pytest.approx(along, abs=1e-4)


def test_slanted_quad_outside_of_page_has_no_area() -> None:
    quad = np.array([[(310, 10), (400, 40), (395, 55), (305, 25)]], np.float32)
    (cut,) = clip_to_page(quad, (300, 300))
    assert np.ptp(cut, axis=0).max() == 0
