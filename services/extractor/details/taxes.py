"""The tax summary: one row per rate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from services.extractor.details.reading import PrintedAmount, Reading
from shared.contracts import NumberField, TaxRow
from shared.normalization import names_concept

_RATE = re.compile(r"(?<![\d.,])(?P<number>\d{1,2}(?:[.,]\d{1,3})?)\s?%")
_MAX_RATE = 50
_TOLERANCE = Decimal("0.02")
_SURE, _UNSURE = 0.9, 0.6


def find_taxes(reading: Reading) -> list[TaxRow]:
    """Return the rows that print a tax rate with amounts, in reading order; each rate once."""
    rows: dict[Decimal, TaxRow] = {}
    in_summary = False
    for row, text in enumerate(reading.rows):
        names_tax = names_concept(text, "tax", "net", "gross")
        in_summary = names_tax or (in_summary and "%" in text)
        match = _RATE.search(text)
        amounts = [one for one in reading.amounts if one.row == row]
        if not in_summary or match is None or not amounts:
            continue
        rate = Decimal(match["number"].replace(",", "."))
        if 0 < rate < _MAX_RATE and rate not in rows and not names_concept(text, "discount"):
            rows[rate] = _tax_row(reading, row, match, rate, amounts)
    return list(rows.values())


def _tax_row(
    reading: Reading, row: int, match: re.Match[str], rate: Decimal, amounts: Sequence[PrintedAmount]
) -> TaxRow:
    base, tax, confidence = _split(rate, amounts)
    place = next(place for place, _ in reading.segments() if int(reading.document.row[place]) == row)
    return TaxRow(
        rate=NumberField(
            value=match.group(),
            number=str(rate),
            confidence=reading.confidence(confidence, place, len(match.group())),
            **reading.where(place),
        ),
        base=None if base is None else reading.amount_field(base, confidence),
        amount=None if tax is None else reading.amount_field(tax, confidence),
    )


def _split(rate: Decimal, amounts: Sequence[PrintedAmount]) -> tuple[PrintedAmount | None, PrintedAmount | None, float]:
    """Return which amount is the base and which is the tax: the pair that the rate confirms."""
    for base in amounts:
        for tax in amounts:
            if base is not tax and abs(base.match.amount * rate / 100 - tax.match.amount) <= _TOLERANCE:
                return base, tax, _SURE
    if len(amounts) == 1:
        return None, amounts[0], _UNSURE
    smallest = min(amounts, key=lambda one: abs(one.match.amount))
    return None, smallest, _UNSURE
