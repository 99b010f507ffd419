"""Taxes and numbers, from what the network says about their characters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from services.extractor.details.agreement import find_amounts_of
from services.extractor.details.numbers import find_receipt_number, find_tax_id
from services.extractor.details.reading import Reading
from services.extractor.encoding import encode
from services.extractor.network.classes import CLASSES
from services.extractor.source import Source
from tests.support.rows import lay_out_rows


def _read(rows: tuple[str, ...], classes: Mapping[str, str]) -> Reading:
    """Return a receipt of rows of segments divided by "|"; the network gives some texts a class."""
    segments = lay_out_rows(*rows)
    document = encode(segments)
    scores = np.zeros((len(document.text), len(CLASSES) + 1), np.float32)
    for text, name in classes.items():
        start = document.text.index(text)
        scores[start : start + len(text), CLASSES.index(name)] = 0.9
    return Reading(Source(segments, document), scores)


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ("GB 220 4302 31", "GB 220 4302 31"),
        ("VAT NO: GB 220 4302 31", "GB 220 4302 31"),
        ("CHE-105.829.940 MWST", "CHE-105.829.940 MWST"),
    ],
)
def test_the_network_tells_where_a_tax_id_ends(row: str, value: str) -> None:
    found = find_tax_id(_read((row, "TOTAL|9.00"), {value: "tax_id"}))
    assert found is not None
    assert found.value == value


@pytest.mark.parametrize(("row", "value"), [("No 00000289", "00000289"), ("FS 42/112233 Mesa 18", "FS 42/112233")])
def test_finds_receipt_numbers_that_nothing_announces(row: str, value: str) -> None:
    found = find_receipt_number(_read((row, "TOTAL|9.00"), {value: "receipt_number"}))
    assert found is not None
    assert found.value == value


def test_a_phone_number_is_no_receipt_number() -> None:
    assert find_receipt_number(_read(("(208) 555-0184",), {"(208) 555-0184": "receipt_number"})) is None


RATES = ("MwSt|Netto|Steuer|Brutto", "A 19%|5,24|1,00|6,24", "B 7%|16,10|1,13|17,23")


@pytest.mark.parametrize(
    ("rows", "classes", "value", "amount"),
    [
        # One of two rates is likely, the rates tell both.
        (RATES, {"1,13": "tax"}, "1,00 + 1,13", "2.13"),
        # The base of a row is not its tax.
        (RATES[:2], {"5,24": "tax"}, "1,00", "1.00"),
        # The sum is printed.
        ((*RATES, "Summe|21,34|2,13|23,47"), {"1,13": "tax"}, "2,13", "2.13"),
        # Subtotal and taxes are the total.
        (("Subtotal|11.87", "GST|0.59", "PST|1.18", "Total|13.64"),
         {"11.87": "subtotal", "0.59": "tax", "1.18": "tax"}, "0.59 + 1.18", "1.77"),
        # One of the amounts may be the service charge.
        (("Subtotal|107.00", "Service charge", "GST|10.70", "GST|8.24", "Total|125.94"),
         {"107.00": "subtotal", "10.70": "tax", "8.24": "tax"}, "10.70", "10.70"),
    ],
)  # fmt: skip
def test_the_tax_is_that_of_all_rates(
    rows: tuple[str, ...], classes: Mapping[str, str], value: str, amount: str
) -> None:
    tax = find_amounts_of(_read(rows, classes)).sums["tax"]
    assert (tax.value, tax.amount) == (value, amount)
