"""Geometry on small arrays whose results can be worked out by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from shared import geometry
from shared.arrays import Pixels
from shared.mirroring import is_mirrored
from tests.support.quads import quads_from_boxes


def _page() -> Pixels:
    """Return a 40 x 60 page on which every pixel has a different color."""
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([x * 4, y * 6, (x + y) % 7 * 30], axis=-1).astype(np.uint8)


def test_rounds_a_quad_to_plain_numbers() -> None:
    quad = np.array([[1.234, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.04]], np.float32)
    assert geometry.round_quad(quad, 1) == ((1.2, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0))


def test_quad_size_of_a_tilted_quad() -> None:
    assert geometry.quad_size([[0, 0], [30, 40], [22, 46], [-8, 6]]) == pytest.approx((50, 10))


def test_crop_of_an_upright_box_is_the_slice() -> None:
    page = _page()
    quad = quads_from_boxes([[7, 11, 37, 27]])[0]
    np.testing.assert_array_equal(geometry.crop_quad(page, quad, 16), page[11:27, 7:37])


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_crop_from_a_rotated_page_is_upright(degrees: int) -> None:
    page = _page()
    quad = quads_from_boxes([[7, 11, 37, 27]])[0]
    rotated = geometry.rotate_image(page, degrees)
    crop = geometry.crop_quad(rotated, geometry.rotate_quads(quad, degrees, 60, 40), 16)
    np.testing.assert_array_equal(crop, page[11:27, 7:37])


def test_crop_of_a_slanted_quad_is_rectified() -> None:
    text = np.full((20, 80, 3), 255, dtype=np.uint8)
    text[:10, :40] = (0, 0, 255)  # top left: red
    text[10:, 40:] = (255, 0, 0)  # bottom right: blue
    quad = np.array([[30, 90], [95, 40], [110, 58], [45, 108]], dtype=np.float32)
    corners = np.array([[0, 0], [80, 0], [80, 20], [0, 20]], dtype=np.float32)
    page = cv2.warpPerspective(
        text, cv2.getPerspectiveTransform(corners, quad), (150, 150), borderValue=(255, 255, 255)
    )
    crop = geometry.crop_quad(page.astype(np.uint8), quad, 20)
    assert crop.shape[0] == 20
    assert abs(crop.shape[1] - 20 * 82.0 / 23.4) <= 2
    middle = crop.shape[1] // 2
    assert crop[3:8, 5 : middle - 5].mean(axis=(0, 1)) == pytest.approx([0, 0, 255], abs=8)
    assert crop[13:18, middle + 5 : -5].mean(axis=(0, 1)) == pytest.approx([255, 0, 0], abs=8)
    assert crop[13:18, 5 : middle - 5].min() > 240


def test_crop_averages_large_text_instead_of_skipping_pixels() -> None:
    stripes = np.zeros((64, 128), dtype=np.uint8)
    stripes[:, ::2] = 255
    crop = geometry.crop_quad(stripes, quads_from_boxes([[0, 0, 128, 64]])[0], 8)
    assert crop.shape == (8, 16)
    assert abs(int(crop.min()) - 127) <= 2
    assert abs(int(crop.max()) - 128) <= 2


def test_crop_of_a_degenerate_quad_stays_small() -> None:
    page = _page()
    assert geometry.crop_quad(page, [[0.0, 5.0], [60.0, 5.0], [60.0, 5.0], [0.0, 5.0]], 32).shape == (32, 1920, 3)
    wide = [[0.0, 0.0], [1e6, 0.0], [1e6, 2.0], [0.0, 2.0]]
    assert geometry.crop_quad(page, wide, 32, max_width=500).shape == (32, 500, 3)
    assert geometry.crop_quad(page, np.full((4, 2), 3), 32).shape == (32, 1, 3)


def test_crop_rejects_coordinates_that_are_not_finite() -> None:
    with pytest.raises(ValueError, match="not finite"):
        geometry.crop_quad(_page(), np.array([[np.nan, 0], [1, 0], [1, 1], [0, 1]]), 32)


def test_enclosing_quad_of_upright_quads_is_upright() -> None:
    quads = quads_from_boxes([[10, 10, 60, 20], [20, 30, 90, 40]])
    np.testing.assert_allclose(geometry.enclosing_quad(quads), [[10, 10], [90, 10], [90, 40], [10, 40]], atol=1e-4)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_enclosing_quad_keeps_the_reading_direction(degrees: int) -> None:
    quads = quads_from_boxes([[10, 10, 60, 20], [20, 30, 90, 40]])
    expected = geometry.rotate_quads(geometry.enclosing_quad(quads), degrees, 100, 50)
    np.testing.assert_allclose(
        geometry.enclosing_quad(geometry.rotate_quads(quads, degrees, 100, 50)), expected, atol=1e-4
    )


def test_enclosing_quad_requires_a_quad() -> None:
    with pytest.raises(ValueError, match="at least one"):
        geometry.enclosing_quad(np.zeros((0, 4, 2)))


def test_rotating_there_and_back_changes_nothing() -> None:
    quad = quads_from_boxes([[1, 2, 30, 14]])[0]
    once = geometry.rotate_quads(quad, 90, 60, 40)
    np.testing.assert_array_equal(once[0], [38, 1])
    np.testing.assert_array_equal(geometry.rotate_quads(once, 270, 40, 60), quad)


def test_rejects_rotations_that_are_not_quarter_turns() -> None:
    with pytest.raises(ValueError, match="45"):
        geometry.rotate_quads(np.zeros((4, 2)), 45, 60, 40)
    with pytest.raises(ValueError, match="45"):
        geometry.rotate_image(_page(), 45)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_mirrored_text_is_cut_the_right_way_round_and_enclosed(degrees: int) -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (60, 100), dtype=np.uint8)
    quad = np.array([[10, 20], [70, 20], [70, 40], [10, 40]], np.float32)
    sent = geometry.rotate_image(np.ascontiguousarray(image[:, ::-1]), degrees)
    mirrored = geometry.rotate_quads(np.stack([100 - quad[:, 0], quad[:, 1]], axis=-1), degrees, 100, 60)
    assert is_mirrored(mirrored)
    assert not is_mirrored(quad)
    assert np.array_equal(geometry.crop_quad(sent, mirrored, 20), image[20:40, 10:70])
    assert geometry.enclosing_quad([mirrored]) == pytest.approx(mirrored, abs=1e-3)
