"""The text layer of PDF pages, as the renderer reads it."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.documents.limits import DocumentLimits
from gateway.documents.rendering import RenderedPage, RenderOptions, render
from tests.support.documents import build_text_pdf


def render_page(data: bytes) -> RenderedPage:
    (page,) = render(data, "PDF", RenderOptions(DocumentLimits()))
    return page


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_characters_lie_on_their_ink(rotation: int) -> None:
    page = render_page(build_text_pdf([("TOTAL", 40, 300), ("Été 12.50", 60, 200)], rotation=rotation))
    assert page.text is not None
    assert "".join(page.text.characters).split() == ["TOTAL", "Été", "12.50"]
    is_dark = np.asarray(page.image) < 128
    covered = np.zeros_like(is_dark)
    for character, box in zip(page.text.characters, page.text.boxes, strict=True):
        if character == " ":
            continue
        left, top, right, bottom = map(round, box)
        assert is_dark[top:bottom, left:right].any(), character
        covered[top - 1 : bottom + 1, left - 1 : right + 1] = True
    assert not (is_dark & ~covered).any()


def test_pages_without_text_have_no_layer() -> None:
    assert render_page(build_text_pdf([])).text is None


def test_pages_to_be_shown_need_no_layer() -> None:
    data = build_text_pdf([("TOTAL", 40, 300)])
    (page,) = render(data, "PDF", RenderOptions(DocumentLimits(), only=0))
    assert page.text is None


def test_too_much_text_is_ignored() -> None:
    assert render_page(build_text_pdf([("TOTAL " * 200, 1, 16 * row) for row in range(21)])).text is None
