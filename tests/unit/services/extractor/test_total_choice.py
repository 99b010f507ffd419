"""Which amount is the total: candidates, their features and their chances."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from services.extractor.encoding import TextSegment, encode
from services.extractor.scoring import Scoring
from services.extractor.totals import FEATURES, candidates, is_total_row, shares

Rows = list[list[str]]


def segments(rows: Rows) -> list[TextSegment]:
    found = []
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            x, y = 300.0 * column, 40.0 * number
            quad = np.array([[x, y], [x + 250, y], [x + 250, y + 20], [x, y + 20]], np.float32)
            found.append(TextSegment(quad, text))
    return found


def weighed(rows: Rows, likely: dict[str, float]) -> dict[Decimal, float]:
    document = encode(segments(rows))
    probability = np.full(len(document.text), 0.02, np.float32)
    for text, value in likely.items():
        at = document.text.index(text)
        probability[at : at + len(text)] = value
    found = candidates(document, probability)
    chances = shares(found, Scoring().total_weights, no_total=-99.0)
    assert sum(chances) == pytest.approx(1.0)
    return {one.amount: chance for one, chance in zip(found, chances, strict=True)}


def test_arithmetic_decides_between_similar_amounts() -> None:
    rows = [["TOTAL SALES", "21.85"], ["CASH", "50.00"], ["CHANGE", "28.15"]]
    chances = weighed(rows, {"21.85": 0.5, "50.00": 0.5, "28.15": 0.5})
    assert max(chances, key=chances.__getitem__) == Decimal("21.85")
    assert chances[Decimal("21.85")] > 0.8


def test_prefers_the_rounded_total() -> None:
    rows = [["TOTAL", "19.99"], ["ROUNDING", "0.01"], ["ROUNDED TOTAL", "20.00"], ["CASH", "50.00"]]
    chances = weighed(rows, {"19.99": 0.6, "20.00": 0.4})
    assert max(chances, key=chances.__getitem__) == Decimal("20.00")


@pytest.mark.parametrize(("country", "expected"), [("MELBOURNE, AUSTRALIA", 1.0), ("AUSTIN, TX 78701 USA", 0.0)])
def test_totals_are_rounded_only_where_the_smallest_coins_are_missing(country: str, expected: float) -> None:
    document = encode(segments([[country], ["TOTAL", "19.99"], ["CASH", "20.00"]]))
    found = candidates(document, np.full(len(document.text), 0.5, np.float32))
    features = {one.amount: dict(zip(FEATURES, one.features, strict=True)) for one in found}
    assert features[Decimal("20.00")]["rounded"] == expected
    assert features[Decimal("19.99")]["rounded"] == -expected


def test_computes_features_of_amounts() -> None:
    rows = [["SUB TOTAL", "10.00"], ["TAX", "0.60"], ["TOTAL", "10.60"], ["CASH", "11.00"], ["CHANGE", "0.40"]]
    document = encode(segments(rows))
    found = candidates(document, np.full(len(document.text), 0.5, np.float32))
    features = {one.amount: dict(zip(FEATURES, one.features, strict=True)) for one in found}
    total = features[Decimal("10.60")]
    assert total["named"] == total["paid_less_change"] == total["subtotal_and_more"] == 1.0
    assert features[Decimal("10.00")]["named"] == 0.0
    assert features[Decimal("11.00")]["paid"] == features[Decimal("11.00")]["largest"] == 1.0
    assert features[Decimal("0.40")]["change"] == 1.0


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("TOTAL\t9.00", True),
        ("GRAND TOTAL (INCL. GST)\t9.00", True),
        ("TOTAL AMT INCL. GST @ 6%\t9.00", True),
        ("Amount due", True),
        ("SUB TOTAL\t9.00", False),
        ("TOTAL QTY: 1.00", False),
        ("TOTAL GST\t0.60", False),
        ("TOTAL PAID\t50.00", False),
        ("CHANGE\t1.00", False),
    ],
)
def test_recognizes_rows_that_name_the_total(row: str, expected: bool) -> None:
    assert is_total_row(row) is expected
