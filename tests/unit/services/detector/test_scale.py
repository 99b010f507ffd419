"""Test estimating height and position of text without a network."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.detector.preparation import PreparationSettings, prepare_page
from services.detector.scale import estimate_text, find_ink
from shared.pictures.gray import to_gray
from tests.support.printed_pages import draw_lines


@pytest.mark.parametrize("scale", [0.6, 0.9, 1.3])
def test_estimates_text_height(scale: float) -> None:
    image, capital = draw_lines(scale)
    estimate = estimate_text(find_ink(to_gray(image)))
    assert estimate is not None
    assert estimate.height == pytest.approx(1.29 * capital, rel=0.25)


def test_estimate_is_in_pixels_of_large_page() -> None:
    image, capital = draw_lines(1.0, width=700, height=500)
    large = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    estimate = estimate_text(find_ink(to_gray(large)))
    assert estimate is not None
    assert estimate.height == pytest.approx(4 * 1.29 * capital, rel=0.25)


def test_box_contains_text_without_blank_paper() -> None:
    image, _ = draw_lines(0.6)
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
def test_blank_page_has_no_text(shade: int) -> None:
    assert estimate_text(find_ink(np.full((300, 200), shade, np.uint8))) is None
    assert prepare_page(np.full((300, 200, 3), shade, np.uint8), PreparationSettings()) is None
