"""Finding the size and place of text without a network, and preparing pages with it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.detector.preparation import PreparationSettings, fixed_length, prepare, scale_page
from services.detector.scale import estimate_text, find_ink
from shared.pictures.gray import to_gray


def page(scale: float, width: int = 600, height: int = 500) -> tuple[np.ndarray, float]:
    """A page of printed lines, and the height of its capitals in pixels."""
    image = np.full((height, width, 3), 235, np.uint8)
    for number in range(6):
        cv2.putText(
            image,
            "RECEIPT 123 TOTAL 45",
            (60, 100 + int(number * 45 * scale)),
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            (30, 30, 30),
            2,
            cv2.LINE_AA,
        )
    rows = np.flatnonzero((image[:110, :, 0] < 130).any(axis=1))
    return image, float(rows[-1] - rows[0] + 1)


@pytest.mark.parametrize("scale", [0.6, 0.9, 1.3])
def test_text_height_is_estimated(scale: float) -> None:
    image, capital = page(scale)
    estimate = estimate_text(find_ink(to_gray(image)))
    assert estimate is not None
    assert estimate.height == pytest.approx(1.29 * capital, rel=0.25)


def test_large_pages_are_measured_in_their_own_pixels() -> None:
    image, capital = page(1.0, width=700, height=500)
    large = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    estimate = estimate_text(find_ink(to_gray(large)))
    assert estimate is not None
    assert estimate.height == pytest.approx(4 * 1.29 * capital, rel=0.25)


def test_the_box_holds_the_text_and_leaves_the_blank_paper() -> None:
    image, _ = page(0.6)
    canvas = np.full((1500, 1400, 3), 235, np.uint8)
    canvas[500:1000, 400:1000] = image
    estimate = estimate_text(find_ink(to_gray(canvas)))
    assert estimate is not None
    x0, y0, x1, y1 = estimate.box
    rows, columns = np.nonzero(to_gray(canvas) < 128)
    assert x0 <= columns.min()
    assert y0 <= rows.min()
    assert x1 > columns.max()
    assert y1 > rows.max()
    assert (x1 - x0) * (y1 - y0) < 0.25 * canvas.shape[0] * canvas.shape[1]


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_blank_pages_have_no_text(shade: int) -> None:
    assert estimate_text(find_ink(np.full((300, 200), shade, np.uint8))) is None
    assert prepare(np.full((300, 200, 3), shade, np.uint8), PreparationSettings()) is None


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (8, 3000), (3000, 8)])
def test_tiny_and_thin_pages_are_no_fault(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    prepared = prepare(noise, PreparationSettings())
    assert prepared is None or prepared.gray.size <= PreparationSettings().max_pixels * 1.5


def test_text_is_brought_to_the_working_height_and_points_back_to_the_page() -> None:
    image, _ = page(1.3)
    settings = PreparationSettings()
    prepared = prepare(image, settings)
    assert prepared is not None
    assert prepared.gray.shape == tuple(fixed_length(side) for side in prepared.gray.shape)
    again = estimate_text(find_ink(prepared.gray))
    assert again is not None
    assert again.height == pytest.approx(settings.text_height, rel=0.2)
    corner = prepared.to_page(np.zeros((1, 2), np.float32))[0]
    assert corner.tolist() == list(prepared.offset)
    far = prepared.to_page(np.array([[prepared.width, prepared.height]], np.float32))[0]
    assert far[0] == pytest.approx(prepared.offset[0] + prepared.source.shape[1], abs=2)
    assert prepared.page_size == (600, 500)


def test_pages_are_never_scaled_beyond_the_limit() -> None:
    settings = PreparationSettings(max_pixels=100_000)
    source = np.full((400, 600), 255, np.uint8)
    prepared = scale_page(source, (0, 0), (600, 400), 5.0, settings)
    assert prepared.height * prepared.width <= 100_000


def test_sides_are_stretched_to_few_lengths() -> None:
    sides = np.arange(96, 6000)
    lengths = np.array([fixed_length(side) for side in sides])
    assert (lengths % 16 == 0).all()
    assert len(np.unique(lengths)) <= 6 * 6 + 1  # six an octave
    assert np.abs(lengths / sides - 1).max() <= 1 / 12
    below = np.array([fixed_length(side, below=True) for side in sides])
    assert (below <= sides).all()
    assert np.isin(below, lengths).all()


def test_short_sides_are_padded_instead_of_stretched() -> None:
    assert [fixed_length(side) for side in (1, 31, 40, 52, 57)] == [32, 32, 48, 48, 64]
    source = np.arange(40 * 500, dtype=np.uint32).reshape(40, 500).astype(np.uint8)
    prepared = scale_page(source, (0, 0), (500, 40), 1.0, PreparationSettings())
    assert prepared.gray.shape == (48, 512)
    assert (prepared.height, prepared.width) == (40, 512)
    assert prepared.scale == (512 / 500, 1.0)
    assert (prepared.gray[40:] == prepared.gray[39]).all()
