"""Tests of telling the pages of one bill from separate receipts."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.reading.several.continuation import group_pages
from shared.contracts import Fields, Line, Models, Page, Quad, Receipt, Timings

QUAD: Quad = ((0, 0), (9, 0), (9, 9), (0, 9))


def page(
    *texts: str, total: str | None = None, date: str | None = None, number: str | None = None, several: bool = False
) -> Receipt:
    base = {"confidence": 0.9, "quad": QUAD, "lines": [0]}
    fields: dict[str, Any] = {}
    if total is not None:
        fields["total"] = base | {"value": total, "amount": total, "currency": None}
    if date is not None:
        fields["date"] = base | {"value": date, "iso": date}
    if number is not None:
        fields["receipt_number"] = base | {"value": number}
    return Receipt(
        id="0" * 32,
        pages=[Page(width=10, height=10, receipts=[QUAD, QUAD] if several else [])],
        fields=Fields.model_validate(fields),
        lines=[Line(quad=QUAD, text=text, confidence=0.9) for text in ("SHOP", *texts)],
        models=Models(detector="d", recognizer="r", extractor="e"),
        timings_ms=Timings(decode=1, detect=2, recognize=3, extract=4),
    )


def test_pages_with_totals_of_their_own_are_separate() -> None:
    receipts = [page(total=f"{number}.00", date="2024-01-01") for number in range(5)]
    assert group_pages(receipts) == [[0], [1], [2], [3], [4]]


def test_bill_with_one_total_is_one_receipt() -> None:
    bill = [page(date="2024-01-01", number="A7"), page(), page(number="A7"), page(total="9.00"), page("TERMS")]
    assert group_pages(bill) == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("pattern", ["Page {} of {}", "Seite {} von {}", "{}/{}", "Pagina {} di {}"])
def test_numbered_pages_belong_together_whatever_they_total(pattern: str) -> None:
    bill = [page(pattern.format(number, 3), total=f"{number}.00") for number in (1, 2, 3)]
    assert group_pages([*bill, page(pattern.format(1, 2), total="5.00")]) == [[0, 1, 2], [3]]


@pytest.mark.parametrize("text", ["01/02/2024", "1/2 price on all toys until the end of June", "10:1/2"])
def test_dates_and_sentences_are_not_page_numbers(text: str) -> None:
    assert group_pages([page("1/2", total="1.00"), page(text, total="2.00")]) == [[0], [1]]


def test_other_number_or_date_is_another_receipt() -> None:
    assert group_pages([page(number="A7"), page(number="A8", total="1.00")]) == [[0], [1]]
    assert group_pages([page(date="2024-01-01"), page(date="2024-01-02", total="1.00")]) == [[0], [1]]


def test_page_with_several_receipts_stands_alone() -> None:
    assert group_pages([page(), page(several=True), page()]) == [[0], [1], [2]]
