"""Geometry on small arrays with answers that can be worked out by hand."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from shared import geometry


def _page() -> geometry.Pixels:
    """A 40 x 60 page on which every pixel has its own color."""
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([x * 4, y * 6, (x + y) % 7 * 30], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_order_quad_whatever_the_order_given(order: tuple[int, ...]) -> None:
    quad = np.array([[10, 5], [50, 9], [49, 19], [9, 15]], dtype=np.float32)
    np.testing.assert_array_equal(geometry.order_quad(quad[list(order)]), quad)


@pytest.mark.parametrize("angle", [-44, -20, 0, 20, 44])
@pytest.mark.parametrize("size", [(100, 10), (10, 100)])
def test_order_quad_keeps_the_reading_direction_up_to_45_degrees(angle: float, size: tuple[int, int]) -> None:
    w, h = size
    turn = np.deg2rad(angle)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    quad = (np.array([[0, 0], [w, 0], [w, h], [0, h]]) @ matrix + 200).astype(np.float32)
    np.testing.assert_allclose(geometry.order_quad(quad[[2, 0, 3, 1]]), quad)


def test_order_quad_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(4, 2\)"):
        geometry.order_quad([[0, 0], [1, 1], [2, 2]])


def test_boxes_and_quads_are_inverse() -> None:
    boxes = np.array([[1, 2, 30, 14], [0, 0, 5, 6]], dtype=np.float32)
    quads = geometry.boxes_to_quads(boxes)
    np.testing.assert_array_equal(quads[0], [[1, 2], [30, 2], [30, 14], [1, 14]])
    np.testing.assert_array_equal(geometry.quads_to_boxes(quads), boxes)
    assert geometry.boxes_to_quads(np.zeros((0, 4))).shape == (0, 4, 2)
    assert geometry.quads_to_boxes(np.zeros((0, 4, 2))).shape == (0, 4)


def test_quad_size_of_a_leaning_quad() -> None:
    assert geometry.quad_size([[0, 0], [30, 40], [22, 46], [-8, 6]]) == pytest.approx((50, 10))


def test_crop_of_an_upright_box_is_the_slice() -> None:
    page = _page()
    quad = geometry.boxes_to_quads([[7, 11, 37, 27]])[0]
    np.testing.assert_array_equal(geometry.crop_quad(page, quad, 16), page[11:27, 7:37])


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_crop_from_a_turned_page_is_upright(degrees: int) -> None:
    page = _page()
    quad = geometry.boxes_to_quads([[7, 11, 37, 27]])[0]
    turned = geometry.rotate_image(page, degrees)
    crop = geometry.crop_quad(turned, geometry.rotate_quads(quad, degrees, 60, 40), 16)
    np.testing.assert_array_equal(crop, page[11:27, 7:37])


def test_crop_of_a_slanted_quad_is_rectified() -> None:
    text = np.full((20, 80, 3), 255, dtype=np.uint8)
    text[:10, :40] = (0, 0, 255)  # the beginning of the text, above: red
    text[10:, 40:] = (255, 0, 0)  # the end of the text, below: blue
    quad = np.array([[30, 90], [95, 40], [110, 58], [45, 108]], dtype=np.float32)
    corners = np.array([[0, 0], [80, 0], [80, 20], [0, 20]], dtype=np.float32)
    page = cv2.warpPerspective(
        text, cv2.getPerspectiveTransform(corners, quad), (150, 150), borderValue=(255, 255, 255)
    )
    crop = geometry.crop_quad(page, quad, 20)
    assert crop.shape[0] == 20
    assert abs(crop.shape[1] - 20 * 82.0 / 23.4) <= 2
    middle = crop.shape[1] // 2
    assert crop[3:8, 5 : middle - 5].mean(axis=(0, 1)) == pytest.approx([0, 0, 255], abs=8)
    assert crop[13:18, middle + 5 : -5].mean(axis=(0, 1)) == pytest.approx([255, 0, 0], abs=8)
    assert crop[13:18, 5 : middle - 5].min() > 240


def test_crop_averages_large_text_instead_of_skipping_pixels() -> None:
    stripes = np.zeros((64, 128), dtype=np.uint8)
    stripes[:, ::2] = 255
    crop = geometry.crop_quad(stripes, geometry.boxes_to_quads([[0, 0, 128, 64]])[0], 8)
    assert crop.shape == (8, 16)
    assert abs(int(crop.min()) - 127) <= 2
    assert abs(int(crop.max()) - 128) <= 2


def test_crop_of_hopeless_quads_stays_small() -> None:
    page = _page()
    assert geometry.crop_quad(page, [[0, 5], [60, 5], [60, 5], [0, 5]], 32).shape == (32, 1920, 3)
    assert geometry.crop_quad(page, [[0, 0], [1e6, 0], [1e6, 2], [0, 2]], 32, max_width=500).shape == (32, 500, 3)
    assert geometry.crop_quad(page, [[3, 3]] * 4, 32).shape == (32, 1, 3)
    with pytest.raises(ValueError, match="not numbers"):
        geometry.crop_quad(page, [[np.nan, 0], [1, 0], [1, 1], [0, 1]], 32)


def test_enclosing_quad_of_upright_lines_is_upright() -> None:
    quads = geometry.boxes_to_quads([[10, 10, 60, 20], [20, 30, 90, 40]])
    np.testing.assert_allclose(geometry.enclosing_quad(quads), [[10, 10], [90, 10], [90, 40], [10, 40]], atol=1e-4)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_enclosing_quad_keeps_the_reading_direction(degrees: int) -> None:
    quads = geometry.boxes_to_quads([[10, 10, 60, 20], [20, 30, 90, 40]])
    expected = geometry.rotate_quads(geometry.enclosing_quad(quads), degrees, 100, 50)
    np.testing.assert_allclose(
        geometry.enclosing_quad(geometry.rotate_quads(quads, degrees, 100, 50)), expected, atol=1e-4
    )


def test_enclosing_quad_needs_something() -> None:
    with pytest.raises(ValueError, match="at least one"):
        geometry.enclosing_quad(np.zeros((0, 4, 2)))


def test_rotating_four_times_changes_nothing() -> None:
    quad = geometry.boxes_to_quads([[1, 2, 30, 14]])[0]
    once = geometry.rotate_quads(quad, 90, 60, 40)
    np.testing.assert_array_equal(once[0], [38, 1])
    np.testing.assert_array_equal(geometry.rotate_quads(once, 270, 40, 60), quad)
    with pytest.raises(ValueError, match="45"):
        geometry.rotate_quads(quad, 45, 60, 40)
    with pytest.raises(ValueError, match="45"):
        geometry.rotate_image(_page(), 45)


def test_scale_and_clip() -> None:
    quads = geometry.boxes_to_quads([[-2, 3, 30, 14]])
    np.testing.assert_array_equal(geometry.scale_quads(quads, 2, 3)[0, 2], [60, 42])
    np.testing.assert_array_equal(geometry.scale_quads(quads, 2)[0, 2], [60, 28])
    np.testing.assert_array_equal(geometry.quads_to_boxes(geometry.clip_quads(quads, 20, 10)), [[0, 3, 20, 10]])
