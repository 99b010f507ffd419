"""Totals and dates of receipts in several languages."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from services.extractor.dates import best_date
from services.extractor.encoding import Document, TextSegment, encode
from services.extractor.totals import DEFAULT_NO_TOTAL, DEFAULT_WEIGHTS, candidates, is_total_row, shares

EVEN_ODDS = 0.5


def document_of(*rows: str) -> Document:
    """Encode rows of segments divided by "|"."""
    segments = []
    for number, row in enumerate(rows):
        for column, text in enumerate(row.split("|")):
            x, y = 10 + 200 * column, 30 * number
            quad = np.array([(x, y), (x + 10 * len(text), y), (x + 10 * len(text), y + 20), (x, y + 20)], np.float32)
            segments.append(TextSegment(quad, text))
    return encode(segments)


def likeliest_total(*rows: str) -> Decimal:
    """Return the amount that rules alone take for the total: the network gives even odds to every amount."""
    document = document_of(*rows)
    found = candidates(document, np.full(len(document.text), EVEN_ODDS, np.float32))
    chances = shares(found, DEFAULT_WEIGHTS, DEFAULT_NO_TOTAL)
    return found[int(np.argmax(chances))].amount


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("SUMME|EUR 10,50", True),
        ("zu zahlen|10,50", True),
        ("SUMA PLN|10,50", True),
        ("TOTALE COMPLESSIVO|10,50", True),
        ("Totaal te betalen|10,50", True),
        ("ZW-SUMME|10,50", False),
        ("Rückgeld|0,50", False),
        ("SUMA PTU|1,50", False),
        ("Sub total|9,00", False),
        ("TOTAL SAVINGS|9.00", False),
        ("TOTAL ITEMS|3", False),
    ],
)
def test_knows_rows_with_the_total_in_many_languages(row: str, expected: bool) -> None:
    assert is_total_row(row) is expected


@pytest.mark.parametrize(
    ("rows", "total"),
    [
        (("Brot|2,50", "Kuchen|8,00", "SUMME|10,50", "Geg. Bar|20,00", "Rückgeld|9,50"), "10.50"),
        (("Chleb|2,50", "SUMA PLN|10,50", "Gotówka|20,00", "Reszta|9,50"), "10.50"),
        (("NASI GORENG|25.400", "AYAM|50.000", "TOTAL|75.400", "TUNAI|100.000", "KEMBALI|24.600"), "75400"),
        (("Rückgabe|10,50-", "SUMME|10,50-"), "-10.50"),
    ],
)
def test_rules_find_the_total_without_the_network(rows: tuple[str, ...], total: str) -> None:
    assert likeliest_total(*rows) == Decimal(total)


@pytest.mark.parametrize(
    "rows",
    [
        ("Invoice date|20.03.2023", "Due date|03.04.2023"),
        ("Due date|03.04.2023", "Date|20.03.2023"),
        ("Datum|20.03.2023", "Fällig am|03.04.2023"),
        ("Date 20.03.2023  Expires 03.04.2023",),
    ],
)
def test_a_due_date_is_not_the_date_of_purchase(rows: tuple[str, ...]) -> None:
    document = document_of(*rows)
    found = best_date(document, np.full(len(document.text), EVEN_ODDS, np.float32))
    assert found is not None
    assert found.match.text == "20.03.2023"
