"""Test cutting segments out of a page and scaling them for the network."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.recognizer.crops import (
    CUT_HEIGHT_PX,
    choose_bucket,
    cut_segments,
    find_quantiles,
    fit_crop,
    fit_width,
    is_readable,
    level_shades,
)


def draw_page() -> np.ndarray:
    """Draw a white page, 300 x 200 pixels, with a box from (50, 40) to (150, 60): left half black, right half gray."""
    page = np.full((200, 300, 3), 255, np.uint8)
    page[40:60, 50:100] = 0
    page[40:60, 100:150] = 128
    return page


UPRIGHT = [[50, 40], [150, 40], [150, 60], [50, 60]]


def test_cut_keeps_aspect_and_content() -> None:
    (crop,) = cut_segments(draw_page(), [UPRIGHT])
    assert crop.shape == (CUT_HEIGHT_PX, 5 * CUT_HEIGHT_PX)
    assert crop[2:-2, 2:95].max() < 10
    assert abs(int(crop[2:-2, 105:195].min()) - 128) < 10


def test_cut_turns_text_on_its_side() -> None:
    # A clockwise turn: x' = 200 - y, y' = x.
    page = np.ascontiguousarray(np.rot90(draw_page(), k=-1))
    quad = [[200 - y, x] for x, y in UPRIGHT]
    (crop,) = cut_segments(page, [quad])
    assert crop.shape == (CUT_HEIGHT_PX, 5 * CUT_HEIGHT_PX)
    assert crop[2:-2, 2:95].max() < 10
    assert crop[:, 105:].min() > 100


def test_cut_removes_slant() -> None:
    matrix = cv2.getRotationMatrix2D((100, 50), 8, 1.0)
    page = np.asarray(cv2.warpAffine(draw_page(), matrix, (300, 200), borderValue=(255, 255, 255)), np.uint8)
    quad = np.array(UPRIGHT) @ matrix[:, :2].T + matrix[:, 2]
    (crop,) = cut_segments(page, [quad])
    assert crop[4:-4, 4:90].max() < 60
    assert abs(float(crop[4:-4, 110:190].mean()) - 128) < 8


def test_degenerate_quads_give_empty_crops() -> None:
    line = [[10, 10], [90, 10], [90, 10], [10, 10]]
    point = [[5, 5]] * 4
    # The halves of a quad that crosses itself cancel.
    bow = [[10, 10], [60, 40], [60, 10], [10, 40]]
    assert not any(is_readable(quad) for quad in (line, point, bow))
    crops = cut_segments(draw_page(), [line, UPRIGHT, point])
    assert [crop.size > 0 for crop in crops] == [False, True, False]


def test_cuts_no_quads() -> None:
    assert cut_segments(draw_page(), []) == []


def test_quad_over_edge_repeats_border() -> None:
    page = np.full((100, 100), 200, np.uint8)
    (crop,) = cut_segments(page, [[[80, 90], [140, 90], [140, 110], [80, 110]]])
    assert crop.min() == crop.max() == 200


def test_buckets_fit_width_with_little_padding() -> None:
    widths = range(8, 2049, 4)
    assert all(choose_bucket(width) >= width for width in widths)
    assert all(choose_bucket(choose_bucket(width)) == choose_bucket(width) for width in widths)
    assert all(choose_bucket(width) - width < max(64, width / 2) for width in widths)
    assert len({choose_bucket(width) for width in widths}) < 30


def test_width_follows_aspect_and_stretch_within_limits() -> None:
    arguments = {"height": 32, "max_width": 2048, "stride": 4}
    assert fit_width((40, 200), stretch=1.0, **arguments) == 160
    assert fit_width((40, 200), stretch=1.5, **arguments) == 240
    assert fit_width((20, 100), stretch=1.0, **arguments) == 160
    assert fit_width((40, 100_000), stretch=1.3, **arguments) == 2048
    assert fit_width((400, 1), stretch=1.3, **arguments) == 8


def test_fit_scales_and_pads_with_paper() -> None:
    crop = np.full((40, 100), 204, np.uint8)
    crop[:, 40:50] = 0
    out = fit_crop(crop, height=32, width=104)
    assert out.shape == (32, choose_bucket(104))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[:, 104:], 204 / 127.5 - 1, atol=1e-6)
    assert out[:, 45].max() < -0.9


def test_fit_of_large_crop_keeps_thin_lines() -> None:
    crop = np.full((640, 3200), 255, np.uint8)
    # Ten of 3,200 columns are half a pixel of 160.
    crop[:, 1600:1610] = 0
    out = fit_crop(crop, height=32, width=160)
    assert out[:, 78:83].min() < 0.7


def test_leveled_shades_do_not_depend_on_light() -> None:
    crop = np.full((40, 80), 220, np.uint8)
    crop[10:30, 20:60] = 20
    dim = (crop * 0.4 + 10).astype(np.uint8)
    np.testing.assert_allclose(level_shades(crop), level_shades(dim), atol=0.05)
    assert level_shades(crop)[0, 0] == pytest.approx(1.0)
    assert level_shades(crop)[20, 40] == pytest.approx(-1.0)


def test_leveling_does_not_amplify_noise_of_empty_paper() -> None:
    paper = np.random.default_rng(0).normal(200, 2, (40, 80)).astype(np.uint8)
    assert np.abs(level_shades(paper) - 1.0).max() < 0.8


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (32, 200)])
def test_quantiles_equal_those_of_numpy(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    shares = (0.0, 0.02, 0.5, 0.9, 1.0)
    np.testing.assert_allclose(find_quantiles(pixels, shares), np.quantile(pixels, shares))
