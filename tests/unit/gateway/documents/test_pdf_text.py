"""The text layer of PDF pages, as the renderer reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gateway.documents.limits import DocumentLimits
from gateway.documents.rendering import RenderedPage, RenderOptions, render
from tests.support.documents import INVISIBLE, build_text_pdf


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


@pytest.mark.parametrize(
    "options",
    [{"mode": INVISIBLE}, {"color": (255, 255, 255, 255)}, {"color": (0, 0, 0, 0)}, {"cover": True}],
)
def test_invisible_text_is_no_layer(options: dict[str, Any]) -> None:
    assert render_page(build_text_pdf([("TOTAL 99.00", 40, 300)], **options)).text is None


def test_text_off_the_page_is_left_out() -> None:
    page = render_page(build_text_pdf([("TOTAL", 40, 300), ("FREE", 40, -50)]))
    assert page.text is not None
    assert "".join(page.text.characters).split() == ["TOTAL"]


def test_light_text_counts() -> None:
    page = render_page(build_text_pdf([("TOTAL", 40, 300)], color=(200, 200, 200, 255)))
    assert page.text is not None
    assert "".join(page.text.characters) == "TOTAL"


def test_pages_to_be_shown_need_no_layer() -> None:
    data = build_text_pdf([("TOTAL", 40, 300)])
    (page,) = render(data, "PDF", RenderOptions(DocumentLimits(), only=0))
    assert page.text is None


def test_too_much_text_is_ignored() -> None:
    assert render_page(build_text_pdf([("TOTAL " * 200, 1, 16 * row) for row in range(21)])).text is None
