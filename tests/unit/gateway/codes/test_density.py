"""Parts of a page that are as dense as a QR code."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.codes.density import find_dense
from shared.arrays import Pixels

_SIDE_PX = 84


def make_page(height: int = 600, width: int = 400) -> Pixels:
    return np.full((height, width), 240, np.uint8)


def draw_code(page: Pixels, left: int, top: int, dark: int = 20) -> None:
    modules = np.random.default_rng(1).random((_SIDE_PX // 3, _SIDE_PX // 3)) < 0.5
    pixels = np.where(np.kron(modules, np.ones((3, 3), bool)), dark, 240)
    page[top : top + _SIDE_PX, left : left + _SIDE_PX] = pixels


def draw_lines(page: Pixels) -> None:
    """Draw rows of strokes, as dense as text."""
    for top in range(10, page.shape[0] - 20, 28):
        page[top : top + 14, 20:-20:6] = 30
        page[top : top + 14, 21:-20:6] = 30


@pytest.mark.parametrize("dark", [20, 190])
def test_finds_a_code_between_lines(dark: int) -> None:
    page = make_page()
    draw_lines(page)
    page[280:400] = 240
    draw_code(page, 150, 300, dark)
    [(left, top, right, bottom)] = find_dense(page)
    assert max(left - 150, top - 300) <= 0
    assert min(right - 150, bottom - 300) >= _SIDE_PX
    assert bottom - top < 300


def test_finds_no_code_in_lines_or_on_an_empty_page() -> None:
    page = make_page()
    assert list(find_dense(page)) == []
    draw_lines(page)
    assert list(find_dense(page)) == []


def test_separates_codes_far_apart() -> None:
    page = make_page(height=900)
    draw_code(page, 20, 60)
    draw_code(page, 250, 700)
    upper, lower = find_dense(page)
    assert upper[3] <= lower[1]


def test_stays_on_the_page() -> None:
    page = make_page(90, 90)
    draw_code(page, 3, 3)
    assert list(find_dense(page)) == [(0, 0, 90, 90)]


@pytest.mark.parametrize("shape", [(1, 1), (20, 20), (3, 500)])
def test_accepts_tiny_pages(shape: tuple[int, int]) -> None:
    assert list(find_dense(np.full(shape, 200, np.uint8))) == []
