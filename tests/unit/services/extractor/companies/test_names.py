"""What stands beside the name of a company."""

from __future__ import annotations

import numpy as np
import pytest

from services.extractor.companies.names import (
    precedes_brackets,
    without_branch,
    without_caption,
    without_empty_brackets,
    without_mark,
)
from services.extractor.encoding import Document, TextSegment, encode
from services.extractor.merchants import Directory
from services.extractor.spans import Part, Span

KNOWN = Directory(["ONE ONE THREE SEAFOOD RESTAURANT SDN BHD"])


def _line(text: str) -> tuple[Document, Span]:
    """Return a receipt of one line, and the line as a company."""
    quad = np.array([(0, 0), (300, 0), (300, 20), (0, 20)], np.float32)
    return encode([TextSegment(quad, text)]), Span((Part(0, 0, len(text), 0.9),), 0.9, 0.0)


@pytest.mark.parametrize(
    ("text", "name"),
    [("Owned by: CHEF LEE", "CHEF LEE"), ("Steak Grill No: 11", "Steak Grill No: 11"), ("YAM FRESH", "YAM FRESH")],
)
def test_a_caption_is_left_out_unless_it_is_the_name(text: str, name: str) -> None:
    document, span = _line(text)
    assert without_caption(document, span).text(document) == name


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (("BAKERY #88", "Harbor Airport"), "BAKERY #88"),
        (("BAKERY", "Cafe #88"), "BAKERY Cafe #88"),
        (("BAKERY 88", "Harbor Cafe"), "BAKERY 88 Harbor Cafe"),
    ],
)
def test_the_number_of_a_shop_ends_its_name(rows: tuple[str, str], name: str) -> None:
    quads = [np.array([(0, y), (300, y), (300, y + 20), (0, y + 20)], np.float32) for y in (0, 40)]
    document = encode([TextSegment(quad, text) for quad, text in zip(quads, rows, strict=True)])
    starts = document.start.tolist()
    parts = tuple(Part(place, starts[place], starts[place + 1] - 1, 0.9) for place in range(2))
    assert without_branch(document, Span(parts, 0.9, 0.0)).text(document) == name


@pytest.mark.parametrize(("text", "name"), [("SPAR ()", "SPAR"), ("SPAR (M)", "SPAR (M)")])
def test_empty_brackets_are_left_out(text: str, name: str) -> None:
    document, span = _line(text)
    assert without_empty_brackets(document, span).text(document) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("AS ONE ONE THREE SEAFOOD RESTAURANT SDN BHD", "ONE ONE THREE SEAFOOD RESTAURANT SDN BHD"),
        ("AS FOUR FIVE SIX SEAFOOD RESTAURANT SDN BHD", "AS FOUR FIVE SIX SEAFOOD RESTAURANT SDN BHD"),
    ],
)
def test_a_mark_before_a_known_company_is_left_out(text: str, name: str) -> None:
    document, span = _line(text)
    assert without_mark(document, span, KNOWN).text(document) == name


@pytest.mark.parametrize(
    ("below", "expected"), [("(JALAN KLANG LAMA)", True), ("(1123456-K)", False), ("12 Main St", False)]
)
def test_sees_text_in_brackets_below_a_company(below: str, expected: bool) -> None:
    rows = ("SPAR SDN BHD", below)
    quads = [np.array([(0, y), (300, y), (300, y + 20), (0, y + 20)], np.float32) for y in (0, 40)]
    document = encode([TextSegment(quad, text) for quad, text in zip(quads, rows, strict=True)])
    assert precedes_brackets(document, Span((Part(0, 0, len(rows[0]), 0.9),), 0.9, 0.0)) == expected
