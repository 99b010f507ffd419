"""Test finding and undoing the perspective of a page."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.photos.tilted import look_from
from services.detector.orientation.engine import TURNS
from services.detector.orientation.pose import find_pose
from services.detector.orientation.straighten import is_straight, map_points, straighten
from shared.geometry import rotate_image, rotate_quads
from tests.support.printed_pages import FixedTurnEngine

LINES = 24


def draw_page() -> tuple[np.ndarray, np.ndarray]:
    """Draw a page of lines; return it with where each begins and ends, `(N, 2, 2)`."""
    gray = np.full((820, 600), 235, np.uint8)
    ends = []
    for row in range(LINES):
        y = 60 + row * 30
        text = "RECEIPT 123 TOTAL 45 ITEM 67"[row % 9 :]
        cv2.putText(gray, text, (60, y), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 30, 2, cv2.LINE_AA)
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 2)
        ends.append([(60, y), (60 + width, y)])
    return gray, np.array(ends, np.float32)


def tilt_page(degrees: float, direction: float, rotation: int) -> tuple[np.ndarray, np.ndarray]:
    """Photograph the page from an angle and turn it; return it with where its lines begin and end."""
    gray, ends = draw_page()
    matrix = look_from(degrees, direction, distance=1100, roll=6, center=(300, 410))
    corners = map_points([[0, 0], [600, 0], [600, 820], [0, 820]], matrix)
    low = corners.min(axis=0)
    width, height = np.ceil(corners.max(axis=0) - low).astype(int).tolist()
    shift = np.eye(3)
    shift[:2, 2] = -low
    sent = np.asarray(cv2.warpPerspective(gray, shift @ matrix, (width, height), borderValue=235), np.uint8)
    return rotate_image(sent, rotation), rotate_quads(map_points(ends, shift @ matrix), rotation, width, height)


def measure_slopes(ends: np.ndarray) -> np.ndarray:
    """Return the degrees by which lines are not level."""
    way = ends[:, 1] - ends[:, 0]
    return np.asarray(np.abs(np.degrees(np.arctan2(way[:, 1], way[:, 0]))))


@pytest.mark.parametrize("rotation", TURNS)
@pytest.mark.parametrize(("degrees", "direction"), [(20, 90), (35, 60), (40, 110), (40, 20)])
def test_lines_are_level_however_the_page_was_photographed(rotation: int, degrees: float, direction: float) -> None:
    sent, ends = tilt_page(degrees, direction, rotation)
    pose, _, _ = find_pose(sent, FixedTurnEngine(rotation))
    straight, back = straighten(sent, pose)
    placed = map_points(ends, np.asarray(np.linalg.inv(back), np.float64))
    assert measure_slopes(placed).max() < 1.5
    assert (placed[:, 1, 0] > placed[:, 0, 0]).all()
    assert map_points(placed, back) == pytest.approx(ends, abs=0.05)
    # All text is shown.
    assert placed.min() > 0
    assert (placed < (straight.shape[1], straight.shape[0])).all()


def test_sizes_of_near_and_far_lines_become_similar() -> None:
    sent, ends = tilt_page(40, 0, 0)
    pose, _, _ = find_pose(sent, FixedTurnEngine(0))
    _, back = straighten(sent, pose)
    before = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    placed = map_points(ends, np.asarray(np.linalg.inv(back), np.float64))
    after = np.linalg.norm(placed[:, 1] - placed[:, 0], axis=1)
    # Lines with the same text.
    assert abs(np.log(before[0] / before[18])) > 0.25
    assert abs(np.log(after[0] / after[18])) < 0.1


def test_flat_pages_are_left_alone() -> None:
    gray, _ = draw_page()
    # Larger print at the top is not nearer.
    cv2.putText(gray, "SHOP", (60, 60), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 30, 4, cv2.LINE_AA)
    assert is_straight(find_pose(gray, FixedTurnEngine(0))[0])
