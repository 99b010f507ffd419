"""Test preparing pages for the network and mapping points back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.detector.orientation.engine import TURNS
from services.detector.preparation import PreparationSettings, choose_length, prepare_page, rescale_page, scale_page
from services.detector.scale import estimate_text, find_ink
from tests.support.printed_pages import FixedTurnEngine, draw_lines, turn_page
from tests.support.quads import quads_from_boxes


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (8, 3000), (3000, 8)])
def test_prepares_tiny_and_thin_pages(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    prepared = prepare_page(noise, PreparationSettings())
    assert prepared is None or prepared.gray.size <= PreparationSettings().max_pixels * 1.5


def test_scales_text_to_working_height_and_maps_points_back() -> None:
    image, _ = draw_lines(1.3)
    settings = PreparationSettings()
    prepared = prepare_page(image, settings)
    assert prepared is not None
    assert prepared.gray.shape == tuple(choose_length(side) for side in prepared.gray.shape)
    again = estimate_text(find_ink(prepared.gray))
    assert again is not None
    assert again.height == pytest.approx(settings.text_height, rel=0.2)
    corner = prepared.map_to_page(np.zeros((1, 2), np.float32))[0]
    assert corner.tolist() == list(prepared.offset)
    far = prepared.map_to_page(np.array([[prepared.width, prepared.height]], np.float32))[0]
    assert far[0] == pytest.approx(prepared.offset[0] + prepared.source.shape[1], abs=2)
    assert prepared.page_size == (600, 500)


def test_prepared_page_does_not_exceed_limit() -> None:
    settings = PreparationSettings(max_pixels=100_000)
    source = np.full((400, 600), 255, np.uint8)
    prepared = scale_page(source, (0, 0), (600, 400), 5.0, settings)
    assert prepared.height * prepared.width <= 100_000


def test_sides_have_few_lengths() -> None:
    sides = np.arange(96, 6000)
    lengths = np.array([choose_length(side) for side in sides.tolist()])
    assert (lengths % 16 == 0).all()
    # Six per octave.
    assert len(np.unique(lengths)) <= 6 * 6 + 1
    assert np.abs(lengths / sides - 1).max() <= 1 / 12
    below = np.array([choose_length(side, below=True) for side in sides.tolist()])
    assert (below <= sides).all()
    assert np.isin(below, lengths).all()


def test_pads_short_sides_instead_of_stretching() -> None:
    assert [choose_length(side) for side in (1, 31, 40, 52, 57)] == [32, 32, 48, 48, 64]
    source = np.arange(40 * 500, dtype=np.uint32).reshape(40, 500).astype(np.uint8)
    prepared = scale_page(source, (0, 0), (500, 40), 1.0, PreparationSettings())
    assert prepared.gray.shape == (48, 512)
    assert (prepared.height, prepared.width) == (40, 512)
    assert prepared.scale == (512 / 500, 1.0)
    assert (prepared.gray[40:] == prepared.gray[39]).all()


@pytest.mark.parametrize("rotation", TURNS)
@pytest.mark.parametrize("skew", [0.0, 7.0, -12.0])
def test_maps_points_of_prepared_page_to_page_as_sent(rotation: int, skew: float) -> None:
    sent, corners = turn_page(rotation, skew)
    settings = PreparationSettings()
    prepared = prepare_page(sent, settings, FixedTurnEngine(rotation))
    assert prepared is not None
    assert prepared.rotation == rotation
    assert prepared.page_size == (sent.shape[1], sent.shape[0])
    for seen in (prepared, rescale_page(prepared, 1.6, settings)):
        height, width = seen.height, seen.width
        frame = seen.map_to_page(quads_from_boxes([[0, 0, width, height]])[0])
        assert cv2.contourArea(frame) == pytest.approx(height * width / np.prod(seen.scale), rel=0.02)
        inside = np.linalg.inv(seen.back) @ np.column_stack([corners, np.ones(4)]).T
        on_gray = ((inside[:2] / inside[2]).T - seen.offset) * np.asarray(seen.scale)
        assert seen.map_to_page(on_gray.astype(np.float32)) == pytest.approx(corners, abs=0.05)
        assert seen.rotation == rotation
        first, second = on_gray[0], on_gray[1]
        assert second[0] > first[0] + 100
        assert abs(second[1] - first[1]) < 0.01 * (second[0] - first[0])


def test_page_keeps_orientation_without_engine() -> None:
    sent, _ = turn_page(90, 8.0)
    prepared = prepare_page(sent, PreparationSettings())
    assert prepared is not None
    assert prepared.rotation == 0
    assert prepared.back.tolist() == np.eye(3).tolist()
