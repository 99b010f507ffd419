"""Totals and dates of receipts in several languages."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from services.extractor.dates import best_date
from services.extractor.encoding import Document, encode
from services.extractor.totals import DEFAULT_NO_TOTAL, DEFAULT_WEIGHTS, candidates, is_total_row, shares
from tests.support.rows import lay_out_rows

EVEN_ODDS = 0.5


def document_of(*rows: str) -> Document:
    """Encode rows of segments divided by "|"."""
    return encode(lay_out_rows(*rows, column_px=200))


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


PRICES = ("Lamp|$999.00", "Pen|$99.99", "Sub-Total|$1098.99", "Tax|$104.40")


@pytest.mark.parametrize(
    ("rows", "amount", "printed", "is_doubted"),
    [
        ((*PRICES, "Total|$120339"), "1203.39", "$120339", False),
        ((*PRICES, "Total|120339 USD"), "1203.39", "120339 USD", False),
        (("Brot|2,50", "Kuchen|8,00", "Tee|3,10", "SUMME|1360", "Karte|13,60"), "13.60", "1360", False),
        ((*PRICES, "Total|$120340"), "1203.40", "$120340", True),
    ],
)
def test_restores_the_decimal_separator_of_a_total(
    rows: tuple[str, ...], amount: str, printed: str, is_doubted: bool
) -> None:
    document = document_of(*rows)
    found = {one.amount: one for one in candidates(document, np.full(len(document.text), 0.9, np.float32))}
    best = next(one for one in found[Decimal(amount)].prints if one.match.text == printed)
    assert best.doubted is is_doubted


@pytest.mark.parametrize(
    "rows",
    [
        ("NASI|25.400", "AYAM|50.000", "TOTAL|75.400"),
        ("Bread|2.50", "Cake|8.00", "Tea|3.10", "No.|1360", "Total|13.60"),
        ("Bread|2.50", "Cake|8.00", "Tea|3.10", "Total|136.00"),
    ],
)
def test_adds_no_decimal_separator_where_none_is_missing(rows: tuple[str, ...]) -> None:
    document = document_of(*rows)
    probability = np.zeros(len(document.text), np.float32)
    probability[document.text.index(rows[-1].partition("|")[0]) :] = 0.9
    assert not any(one.doubted for candidate in candidates(document, probability) for one in candidate.prints)
    assert likeliest_total(*rows) == max(one.amount for one in candidates(document, probability))


def test_a_minus_is_a_stray_mark_where_the_same_amount_has_none() -> None:
    assert likeliest_total("LOMO|0,53", "TOTAL|0,53-", "Dinheiro|0,53") == Decimal("0.53")


def test_a_refund_stays_negative_beside_the_price_that_is_returned() -> None:
    assert likeliest_total("Refund", "Lamp|10.50", "TOTAL|-10.50", "VISA|-10.50") == Decimal("-10.50")


def test_a_date_with_two_periods_says_nothing_about_amounts() -> None:
    rows = ("21.01.22-18:27", "POP MIE|5,400", "TOTAL :|75,400", "TUNAI :|100,500", "KEMBALI :|25,100")
    assert likeliest_total(*rows) == Decimal("75400")


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
