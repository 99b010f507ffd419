"""Measures of line items on given text."""

from __future__ import annotations

import pytest

from services.extractor.training.evaluate_items import amount_digits, item_matches, labeled_items
from shared.learning.cord import CordReceipt, CordSegment
from tests.support.labeled_receipts import box


def test_reads_the_items_of_cord() -> None:
    cells = [
        ("Iced", "menu.nm", False, 3),
        ("Tea", "menu.nm", False, 3),
        ("Rp", "menu.price", True, 3),
        ("5.000", "menu.price", False, 3),
        ("less ice", "menu.sub_nm", False, 3),
        ("BAG", "menu.nm", False, 4),
        ("5.000", "total.total_price", False, 5),
    ]
    segments = tuple(CordSegment(box(0, 0), text, label, is_key, group, 0) for text, label, is_key, group in cells)
    assert labeled_items(CordReceipt("A", 1, 1, segments)) == [("ICED TEA", "5000"), ("BAG", "")]


def test_compares_items_as_multisets() -> None:
    matches = item_matches([("TEA", "5"), ("TEA", "5"), ("BAG", "")], [("TEA", "5"), ("BAG", "1")])
    assert (matches.matched, matches.labeled, matches.answered) == (1, 3, 2)


@pytest.mark.parametrize(
    ("text", "digits"),
    [("16,500", "16500"), ("Rp 16.500", "16500"), ("16.500,00", "16500"), ("4.75", "475"), ("(0)", "0"), ("", "")],
)
def test_compares_amounts_by_digits(text: str, digits: str) -> None:
    assert amount_digits(text) == digits
