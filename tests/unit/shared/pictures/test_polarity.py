"""Test telling light text from dark text."""

from __future__ import annotations

import numpy as np
import pytest

from shared.pictures.polarity import is_light_text
from synthesis.generator import render_receipt
from synthesis.photography.photograph import PictureStyle
from tests.support.printed_pages import draw_lines


@pytest.mark.parametrize("kind", ["scan", "a4", "photo"])
def test_only_negatives_have_light_text(kind: str) -> None:
    style = PictureStyle(kind, wear=0.3, pitch=30.0)
    page = render_receipt(7, style=style, country="UK").image[..., 1]
    assert not is_light_text(page)
    assert is_light_text(255 - page)


def test_paper_on_dark_table_has_dark_text() -> None:
    page, _ = draw_lines(1.0)
    table = np.full((1500, 2000), 10, np.uint8)
    table[400:900, 300:900] = page[..., 0]
    assert np.median(table) < 128
    assert not is_light_text(table)


@pytest.mark.parametrize("shape", [(1, 1), (300, 200), (5, 4000)])
def test_empty_pages_have_no_light_text(shape: tuple[int, int]) -> None:
    assert not is_light_text(np.zeros(shape, np.uint8))
    assert not is_light_text(np.full(shape, 255, np.uint8))
