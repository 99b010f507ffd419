"""The tax summary, one row per rate, and the tax of all rates together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from services.extractor.details.reading import PrintedAmount, Reading
from shared.contracts import AmountField, NumberField, TaxRow
from shared.normalization import names_concept

_RATE = re.compile(r"(?<![\d.,])(?P<number>\d{1,2}(?:[.,]\d{1,3})?)\s?%")
_MAX_RATE = 50
_TOLERANCE = Decimal("0.02")
_SURE, _UNSURE = 0.9, 0.6
# Minimum probability of one of several taxes.
_MIN_PROBABILITY = 0.5
_Taxes = list[tuple[PrintedAmount, float]]
"""Taxes where they are printed, each with its probability, 0 to 1."""


def find_taxes(reading: Reading) -> list[TaxRow]:
    """Return the rows that print a tax rate with amounts, in reading order; each rate once."""
    rows: dict[Decimal, TaxRow] = {}
    for rate, match, amounts in _list_rows(reading):
        if rate not in rows:
            rows[rate] = _tax_row(reading, amounts[0].row, match, rate, amounts)
    return list(rows.values())


def _list_rows(reading: Reading) -> list[tuple[Decimal, re.Match[str], list[PrintedAmount]]]:
    """Return the rate on each row of the tax summary, where it is printed, and the amounts on its row."""
    found = []
    in_summary = False
    for row, text in enumerate(reading.rows):
        if "%" not in text:
            in_summary = names_concept(text, "tax", "net", "gross")
            continue
        in_summary = in_summary or names_concept(text, "tax", "net", "gross")
        match = _RATE.search(text)
        amounts = [one for one in reading.amounts if one.row == row]
        if match is None or not amounts:
            continue
        rate = Decimal(match["number"].replace(",", "."))
        in_summary = in_summary or _is_whole_row(rate, amounts)
        if not in_summary:
            continue
        if 0 < rate < _MAX_RATE and not names_concept(text, "discount"):
            found.append((rate, match, amounts))
    return found


def _is_whole_row(rate: Decimal, amounts: Sequence[PrintedAmount]) -> bool:
    """Return whether three amounts are the base, the tax and the gross amount of a rate, in any order."""
    small, base, gross = sorted(one.match.amount for one in amounts) if len(amounts) == 3 else (Decimal(0),) * 3
    return small > 0 and abs(base * rate / 100 - small) <= _TOLERANCE and abs(base + small - gross) <= _TOLERANCE


def find_tax(reading: Reading, sums: Mapping[str, AmountField]) -> AmountField | None:
    """Return the tax of all rates: as it is printed, otherwise the sum of the printed ones; None without any.

    The likeliest amount may be the tax of one of several rates, or the base or the gross amount of its row: the rates
    and the other sums tell.

    Args:
        reading: The receipt.
        sums: Its sums; `tax` is the likeliest amount.
    """
    confirmed = _list_confirmed(reading)
    likely = _list_likely(reading, confirmed)
    parts = likely if len(likely) != 1 else _complete(likely, confirmed)
    if not parts:
        parts = confirmed
    if len(parts) < 2:
        return _field(reading, parts[0]) if parts else None if confirmed else sums.get("tax")
    amount = sum((one.match.amount for one, _ in parts), Decimal(0))
    whole = next((part for part in parts if len(parts) > 2 and 2 * part[0].match.amount == amount), None)
    if whole is not None:
        return _field(reading, whole)
    are_rates = {one.start for one, _ in parts} <= {one.start for one, _ in confirmed}
    if not are_rates and not (_are_named(reading, parts, sums) and _reaches_total(reading, amount, sums)):
        return sums.get("tax")
    printed = [one for one in reading.amounts if one.match.amount == amount]
    summary = next((one for one in printed if names_concept(reading.rows[one.row], "tax", "total")), None)
    return (
        _join(reading, parts, amount)
        if summary is None
        else _field(reading, (summary, min(score for _, score in parts)))
    )


def _list_confirmed(reading: Reading) -> _Taxes:
    """Return the tax on each row whose rate confirms it; each rate once."""
    found: dict[Decimal, tuple[PrintedAmount, float]] = {}
    for rate, _, amounts in _list_rows(reading):
        _, tax, confidence = _split(rate, amounts)
        if confidence == _SURE and tax is not None and tax.match.amount > 0:
            found.setdefault(rate, (tax, confidence))
    return list(found.values())


def _list_likely(reading: Reading, confirmed: _Taxes) -> _Taxes:
    """Return the amounts that the network takes for a tax, without the base and the gross amount of a confirmed one."""
    taken = {one.row: one for one, _ in confirmed}
    found: _Taxes = []
    for one in reading.amounts if reading.knows_everything else ():
        score = reading.probability("tax", one.start + one.match.number_start, one.start + one.match.number_end)
        if score > _MIN_PROBABILITY and taken.get(one.row, one) == one:
            found.append((one, score))
    return found


def _complete(likely: _Taxes, confirmed: _Taxes) -> _Taxes:
    """Return the taxes of all rates, if the only likely one is that of one of them."""
    return confirmed if likely[0][0] in [one for one, _ in confirmed] else likely


def _are_named(reading: Reading, parts: _Taxes, sums: Mapping[str, AmountField]) -> bool:
    """Return whether each of several taxes is on a row that names one, and none can be the service charge."""
    is_served = names_concept(reading.document.text, "service") and "service_charge" not in sums
    return not is_served and all(
        "%" in reading.rows[one.row] or names_concept(reading.rows[one.row], "tax") for one, _ in parts
    )


def _reaches_total(reading: Reading, tax: Decimal, sums: Mapping[str, AmountField]) -> bool:
    """Return whether the subtotal and several taxes together are an amount on the receipt."""
    subtotal = sums.get("subtotal")
    if subtotal is None or subtotal.amount is None:
        return False
    more = [sums[name].amount for name in ("service_charge", "rounding", "tip") if name in sums]
    total = Decimal(subtotal.amount) + tax + sum((Decimal(one) for one in more if one is not None), Decimal(0))
    return any(abs(one.match.amount - total) <= _TOLERANCE for one in reading.amounts)


def _field(reading: Reading, tax: tuple[PrintedAmount, float]) -> AmountField:
    return reading.amount_field(*tax)


def _join(reading: Reading, parts: _Taxes, amount: Decimal) -> AmountField:
    """Return several taxes as one field with their sum; its value is all of them as printed."""
    fields = [_field(reading, part) for part in parts]
    places = [one.place for one, _ in parts]
    return fields[0].model_copy(
        update={
            "value": " + ".join(field.value for field in fields),
            "amount": str(amount),
            "confidence": min(field.confidence for field in fields),
            **reading.where(*places),
        }
    )


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
    for gross in amounts:
        for tax in amounts:
            is_tax = abs(gross.match.amount * rate / (100 + rate) - tax.match.amount) <= _TOLERANCE
            if gross is not tax and is_tax and tax.match.amount:
                return None, tax, _SURE
    if len(amounts) == 1:
        return None, amounts[0], _UNSURE
    smallest = min(amounts, key=lambda one: abs(one.match.amount))
    return None, smallest, _UNSURE
