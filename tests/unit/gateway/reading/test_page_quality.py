"""Tests of judging how far the reading of a page can be relied on."""

from __future__ import annotations

import pytest

from gateway.reading.legibility import View
from gateway.reading.page_quality import find_warnings, judge_page, show_receipts, turn_quality
from shared.contracts import CutEdges, Page, PictureQuality, Quad, ReceiptArea, RecognizedText

PICTURE = PictureQuality(
    blur=0.7, darkness=0.1, glare=0.2, low_resolution=0.3, cut_off=CutEdges(left=0.1, top=0.2, right=0.3, bottom=0.4)
)
OUTLINE: Quad = ((0, 0), (50, 0), (50, 90), (0, 90))


def read(*texts: tuple[str, float]) -> list[RecognizedText]:
    return [RecognizedText(text=text, confidence=confidence) for text, confidence in texts]


def test_legible_page_is_a_readable_receipt() -> None:
    quality = judge_page(PICTURE, read(*[("TOTAL 12.50", 0.95)] * 10))
    assert quality.unreadable < 0.1
    assert quality.no_receipt < 0.1
    assert quality.blur == 0.7
    assert find_warnings([Page(width=100, height=100, quality=quality)]) == []


@pytest.mark.parametrize("texts", [read(*[("lI1|~", 0.2)] * 20), read(*[("", 0.0)] * 20)])
def test_garbage_is_not_an_empty_page(texts: list[RecognizedText]) -> None:
    garbage, empty = judge_page(PICTURE, texts), judge_page(PICTURE, [])
    assert garbage.unreadable > 0.9
    assert garbage.no_receipt < 0.2
    assert (empty.unreadable, empty.no_receipt) == (0.0, 1.0)
    warnings = find_warnings([Page(width=100, height=100, quality=garbage)])
    assert [warning.code for warning in warnings] == ["unreadable"]


def test_few_characters_are_hardly_a_receipt() -> None:
    assert judge_page(None, read(("EXIT", 0.9))).no_receipt > 0.5


def test_warns_of_several_receipts_and_names_the_page() -> None:
    quality = judge_page(None, read(*[("TOTAL 12.50", 0.95)] * 10))
    area = ReceiptArea(outline=OUTLINE, score=0.95)
    page = show_receipts(Page(width=100, height=100, index=1, quality=quality), [OUTLINE, OUTLINE], [area, area])
    assert page.receipts == [OUTLINE, OUTLINE]
    assert page.quality is not None
    assert page.quality.several_receipts == 0.95
    (warning,) = find_warnings([Page(width=100, height=100, quality=quality), page])
    assert warning.code == "several-receipts"
    assert "Page 2 shows 2" in warning.detail


@pytest.mark.parametrize(
    ("turn", "mirrored", "expected"),
    [(0, False, (0.1, 0.2, 0.3, 0.4)), (180, False, (0.3, 0.4, 0.1, 0.2)), (0, True, (0.3, 0.2, 0.1, 0.4))],
)
def test_edges_turn_with_the_view(turn: int, mirrored: bool, expected: tuple[float, ...]) -> None:
    turned = turn_quality(PICTURE, View((0, 1, 2, 3), turn, is_mirrored=mirrored))
    assert turned is not None
    cut = turned.cut_off
    assert (cut.left, cut.top, cut.right, cut.bottom) == expected
    assert turn_quality(None, View((0, 1, 2, 3), turn, is_mirrored=mirrored)) is None
