"""Decimal separators that were not read."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from services.extractor.amounts.separators import is_shown, is_sum, list_separated, separate
from services.extractor.details.reading import Reading
from services.extractor.details.sums import find_sums
from services.extractor.encoding import TextSegment, encode
from services.extractor.network.classes import CLASSES
from services.extractor.source import Source
from shared.normalization import ANY_FORMAT, NumberFormat, find_amounts

OTHERS = {Decimal("1203.39"), Decimal("104.40"), Decimal("999.00")}


def _reading(rows: list[tuple[str, str]], classes: dict[str, str]) -> Reading:
    """Return a receipt of names and amounts; the network is sure of the class of the amount beside some names."""
    segments = []
    for number, row in enumerate(rows):
        for x, text in zip((0, 400), row, strict=True):
            y = 40 * number
            quad = np.array([(x, y), (x + 200, y), (x + 200, y + 20), (x, y + 20)], np.float32)
            segments.append(TextSegment(quad, text))
    document = encode(segments)
    scores = np.zeros((len(document.text), len(CLASSES) + 1), np.float32)
    for name, amount in rows:
        start = document.text.index(amount, document.text.index(name))
        scores[start : start + len(amount), CLASSES.index(classes.get(name, "other"))] = 0.9
    return Reading(Source(segments, document), scores)


@pytest.mark.parametrize(
    ("text", "amounts"),
    [("109899", ["1098.99"]), ("$109899", ["1098.99"]), ("10.99", []), ("No. 12", []), ("12/10/2018", [])],
)
def test_separates_the_last_two_digits(text: str, amounts: list[str]) -> None:
    assert [match.amount for *_, match in separate(text, NumberFormat("."))] == list(map(Decimal, amounts))


def test_only_differences_show_parts_of_sums() -> None:
    assert is_shown(Decimal("1098.99"), OTHERS)
    assert not is_sum(Decimal("1098.99"), OTHERS)
    assert not is_shown(Decimal("1098.98"), OTHERS)


def test_needs_several_amounts_with_decimals() -> None:
    assert not list_separated(find_amounts("1.00 2.00"), ANY_FORMAT)
    assert len(list_separated(find_amounts("1.00 2.00 3.00"), ANY_FORMAT)) == 3
    assert not list_separated(find_amounts("1.00 2.00 3.00"), NumberFormat("", 0))


@pytest.mark.parametrize(("printed", "amount"), [("109899", "1098.99"), ("109898", None)])
def test_restores_the_separator_of_a_subtotal_that_the_total_and_the_tax_show(printed: str, amount: str | None) -> None:
    rows = [("Lamp", "999.00"), ("Sub-Total", printed), ("Tax", "104.40"), ("Total", "1203.39")]
    found = find_sums(_reading(rows, {"Sub-Total": "subtotal", "Tax": "tax", "Total": "total"}))
    assert found["tax"].amount == "104.40"
    subtotal = found.get("subtotal")
    assert (subtotal and subtotal.amount) == amount
