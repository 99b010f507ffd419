"""Setting pages straight: which way up, how far they lean, and the way back to the page as it was sent."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from services.detector.orientation.architecture import OrientationArchitecture
from services.detector.orientation.engine import load_orientation
from services.detector.orientation.network import OrientationNetwork
from services.detector.orientation.openvino_engine import OpenVINOOrientationEngine
from services.detector.orientation.pose import PATCH, TURNS, Pose, cut_patches, decide, find_pose
from services.detector.orientation.skew import Lean, estimate_lean
from services.detector.orientation.straighten import (
    cut_to_page,
    is_straight,
    rotation_matrix,
    straighten,
    transform,
)
from services.detector.orientation.torch_engine import TorchOrientationEngine
from services.detector.preparation import PreparationSettings, prepare, scale_again
from services.detector.scale import find_characters, find_ink
from services.detector.settings import DetectorSettings
from shared.geometry import rotate_image, rotate_quads
from shared.inference.device import arrays_of
from shared.inference.weights import WeightsError
from tests.support.quads import quads_from_boxes

CORNERS = np.array([[60, 50], [540, 50], [540, 330], [60, 330]], np.float32)


class Knows:
    """An engine that is sure of one turn, and keeps what it saw."""

    def __init__(self, turn: int, sureness: float = 5.0) -> None:
        self.scores = np.where(np.array(TURNS) == turn, 0.0, -sureness).astype(np.float32)
        self.seen: list[np.ndarray] = []

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        self.seen.append(patches)
        return np.tile(self.scores, (len(patches), 1))


def page() -> np.ndarray:
    """An upright page of printed lines between `CORNERS`, which are four dots."""
    gray = np.full((400, 600), 235, np.uint8)
    for row in range(8):
        text = "RECEIPT 123 TOTAL 45"[row : row + 14]
        cv2.putText(gray, text, (100, 90 + row * 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 30, 2, cv2.LINE_AA)
    for x, y in CORNERS.astype(int).tolist():
        gray[y - 3 : y + 3, x - 3 : x + 3] = 0
    return gray


def turned(rotation: int, lean: float) -> tuple[np.ndarray, np.ndarray]:
    """The page leaning and turned as a whole, drawn with plain OpenCV, and where the corners are on it."""
    angle = np.deg2rad(lean)
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array([110.0, 130.0])
    # pixel centers are at halves here and at whole numbers in OpenCV
    matrix = np.hstack([linear, (shift + linear @ [0.5, 0.5] - 0.5)[:, None]])
    sent = cv2.warpAffine(page(), matrix, (800, 640), flags=cv2.INTER_LINEAR, borderValue=235)
    return rotate_image(sent, rotation), rotate_quads(CORNERS @ linear.T + shift, rotation, 800, 640)


def dot_at(gray: np.ndarray, point: np.ndarray) -> bool:
    """Whether one of the dots stands around a point."""
    x, y = np.floor(point).astype(int)
    return bool(gray[y - 1 : y + 2, x - 1 : x + 2].max() < 120)


@pytest.mark.parametrize("rotation", TURNS)
@pytest.mark.parametrize("lean", [0.0, 0.4, 4.0, -10.0, 15.0])
def test_points_of_the_straight_page_lead_back_to_the_page_as_sent(rotation: int, lean: float) -> None:
    sent, corners = turned(rotation, lean)
    straight, back = straighten(sent, Pose(rotation, lean))
    places = transform(corners, np.linalg.inv(back))
    assert transform(places, back) == pytest.approx(corners, abs=0.01)
    for place, corner in zip(places, corners, strict=True):
        assert dot_at(sent, corner)
        assert dot_at(straight, place)
    # upright: the first corner is the upper left one, and the edges run along the axes unless the lean was left alone
    edge = places[1] - places[0]
    assert edge[0] == pytest.approx(480, abs=0.5)
    assert abs(edge[1]) < (0.1 if abs(lean) > 1 or lean == 0 else 480 * 0.01)
    assert places[3, 1] > places[0, 1]


@pytest.mark.parametrize("rotation", TURNS)
def test_the_matrix_turns_as_the_shared_geometry_does(rotation: int) -> None:
    points = np.float32([[0, 0], [3, 7], [40, 21]])
    expected = rotate_quads(points, rotation, 50, 30)
    assert transform(points, rotation_matrix(rotation, 50, 30)) == pytest.approx(expected)


@pytest.mark.parametrize("rotation", TURNS)
@pytest.mark.parametrize("lean", [0.0, 7.0, -12.0])
def test_a_prepared_page_leads_back_to_the_page_as_sent(rotation: int, lean: float) -> None:
    sent, corners = turned(rotation, lean)
    settings = PreparationSettings()
    prepared = prepare(sent, settings, Knows(rotation))
    assert prepared is not None
    assert prepared.rotation == rotation
    assert prepared.page_size == (sent.shape[1], sent.shape[0])
    for seen in (prepared, scale_again(prepared, 1.6, settings)):
        height, width = seen.height, seen.width
        frame = seen.to_page(quads_from_boxes([[0, 0, width, height]])[0])
        assert cv2.contourArea(frame) == pytest.approx(height * width / np.prod(seen.scale), rel=0.02)
        inside = np.linalg.inv(seen.back) @ np.column_stack([corners, np.ones(4)]).T
        on_gray = ((inside[:2] / inside[2]).T - seen.offset) * np.asarray(seen.scale)
        assert seen.to_page(on_gray.astype(np.float32)) == pytest.approx(corners, abs=0.05)
        assert seen.rotation == rotation
        first, second = on_gray[0], on_gray[1]
        assert second[0] > first[0] + 100
        assert abs(second[1] - first[1]) < 0.01 * (second[0] - first[0])


@pytest.mark.parametrize("rotation", [0, 90])
@pytest.mark.parametrize("lean", [-12.0, -3.0, 0.0, 5.5, 14.0])
def test_the_lean_is_told_to_a_fraction_of_a_degree(rotation: int, lean: float) -> None:
    sent, _ = turned(rotation, lean)
    pose = find_pose(find_ink(sent), Knows(rotation))
    assert pose.rotation == rotation
    assert pose.lean == pytest.approx(lean, abs=0.4)


def test_lines_are_clearer_along_their_own_axis() -> None:
    characters = find_characters(find_ink(turned(90, 3.0)[0]))
    assert characters is not None
    across, along = (estimate_lean(characters.centers, characters.height, axis) for axis in (0, 1))
    assert along.contrast > 1.4 * across.contrast


@pytest.mark.parametrize("centers", [np.zeros((0, 2)), np.ones((1, 2)), np.ones((5, 2))])
def test_too_little_text_leans_nowhere(centers: np.ndarray) -> None:
    lean = estimate_lean(centers, 10.0, 0)
    assert abs(lean.degrees) <= 16.5
    assert lean.contrast == pytest.approx(1.0)


def test_a_page_is_turned_only_by_a_clear_margin() -> None:
    alike = [Lean(0.0, 2.0), Lean(0.0, 2.0)]
    scores = np.log(np.float32([[0.3, 0.1, 0.4, 0.2], [0.3, 0.1, 0.4, 0.2]]))
    assert decide(scores, alike) == 0
    assert decide(np.log(np.float32([[0.1, 0.1, 0.7, 0.1]])), alike) == 180


def test_the_axis_of_the_lines_rules_out_what_does_not_fit_it() -> None:
    scores = np.log(np.float32([[0.04, 0.06, 0.2, 0.7]]))
    assert decide(scores, [Lean(0.0, 2.0), Lean(0.0, 2.0)]) == 270
    assert decide(scores, [Lean(0.0, 4.0), Lean(0.0, 1.2)]) == 180
    assert decide(np.log(np.float32([[0.9, 0.02, 0.02, 0.06]])), [Lean(0.0, 1.2), Lean(0.0, 4.0)]) == 270


def test_patches_are_few_hold_text_and_do_not_lean() -> None:
    sent, _ = turned(0, 12.0)
    ink = find_ink(sent)
    characters = find_characters(ink)
    assert characters is not None
    patches = cut_patches(ink.measured, characters, 12.0)
    assert 1 <= len(patches) <= 8
    assert patches.shape[1:] == (PATCH, PATCH)
    assert patches.dtype == np.uint8
    assert (patches.min(axis=(1, 2)) < 100).all()
    # lines that do not lean leave rows without ink between them
    assert ((patches[0] > 180).all(axis=1)).sum() > 10


def test_a_page_without_text_is_upright_and_nobody_is_asked() -> None:
    engine = Knows(180)
    assert find_pose(find_ink(np.full((300, 200), 255, np.uint8)), engine) == Pose()
    assert engine.seen == []


def test_without_an_engine_a_page_is_taken_as_it_is() -> None:
    sent, _ = turned(90, 8.0)
    prepared = prepare(sent, PreparationSettings())
    assert prepared is not None
    assert prepared.rotation == 0
    assert prepared.back.tolist() == np.eye(3).tolist()


def test_straight_pages_keep_their_pixels() -> None:
    gray = page()
    assert is_straight(Pose(0, 0.5))
    assert not is_straight(Pose(180, 0.0))
    assert straighten(gray, Pose(0, 0.5))[0] is gray


def test_quads_along_the_axes_are_cut_corner_by_corner() -> None:
    quads = np.float32([[(-5, 5), (130, 5), (130, 60), (-5, 60)], [(90, 20), (90, -9), (99, -9), (99, 20)]])
    cut = cut_to_page(quads, (100, 50))
    assert cut[0].tolist() == [[0, 5], [100, 5], [100, 50], [0, 50]]
    assert cut[1].tolist() == [[90, 20], [90, 0], [99, 0], [99, 20]]


def test_slanted_quads_are_shortened_along_their_text_and_keep_their_shape() -> None:
    along, across = np.array([np.cos(0.2), np.sin(0.2)]), np.array([-np.sin(0.2), np.cos(0.2)])
    middle = np.array([-30.0, 20.0])
    quad = np.stack(
        [middle - 8 * across, middle + 200 * along - 8 * across, middle + 200 * along + 8 * across, middle + 8 * across]
    ).astype(np.float32)
    (cut,) = cut_to_page(quad[None], (300, 300))
    assert np.linalg.norm(cut[3] - cut[0]) == pytest.approx(16, abs=0.01)
    assert (cut[0] + cut[3])[0] / 2 == pytest.approx(0, abs=0.01)
    assert cut[1] == pytest.approx(quad[1], abs=0.01)
    direction = (cut[1] - cut[0]) / np.linalg.norm(cut[1] - cut[0])
    assert direction == pytest.approx(along, abs=1e-4)


def test_of_a_slanted_quad_beside_the_page_nothing_is_left() -> None:
    quad = np.float32([[(310, 10), (400, 40), (395, 55), (305, 25)]])
    (cut,) = cut_to_page(quad, (300, 300))
    assert np.ptp(cut, axis=0).max() == 0


def test_missing_weights_say_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="manifest"):
        load_orientation(DetectorSettings(orientation_weights=tmp_path))


def test_both_libraries_say_the_same() -> None:
    torch.manual_seed(0)
    small = OrientationArchitecture(channels=(4, 6), strides=(2, 2))
    network = OrientationNetwork(small).train()
    with torch.no_grad():
        network(torch.randn(8, 1, PATCH, PATCH))  # moves the running statistics away from 0 and 1
    arrays = arrays_of(network.state_dict())
    patches = np.random.default_rng(0).integers(0, 255, (3, PATCH, PATCH), dtype=np.uint8)
    ours = OpenVINOOrientationEngine(arrays, small, threads=1, precision="float32")(patches)
    np.testing.assert_allclose(ours, TorchOrientationEngine(network, "float32")(patches), atol=1e-4)
    np.testing.assert_allclose(np.exp(ours).sum(axis=1), 1.0, atol=1e-5)
