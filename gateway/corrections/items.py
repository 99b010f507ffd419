"""Items that people enter, checked and normalized."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from shared.contracts import (
    CorrectedItem,
    CorrectedPart,
    CorrectedSubItem,
    CorrectedTaxRow,
    ItemChange,
    Receipt,
    SubItemChange,
    TaxRowChange,
)
from shared.normalization import find_amounts
from shared.problems import ProblemError

ITEMS, TAXES = "items", "taxes"  # the names of their corrections, next to those of fields
_AMOUNTS = ("unit_price", "amount", "discount")
_CENT = Decimal("0.01")
# Quantities such as 0.482 kg, and unit prices of up to four decimals such as that of fuel.
_PLAIN_NUMBER = re.compile(r"[-+]?\d{1,12}(?:[.,]\d{1,4})?")


def build_items(changes: Sequence[ItemChange], receipt: Receipt) -> list[CorrectedItem]:
    """Build corrected items; raise `ProblemError` 422 `correction-invalid`, which names the part."""
    code = receipt.currency.value if receipt.currency else None
    items = []
    for index, change in enumerate(changes):
        sub_items = [
            CorrectedSubItem(**_build_parts(sub, f"items.{index}.sub_items.{number}", index, code))
            for number, sub in enumerate(change.sub_items)
        ]
        items.append(CorrectedItem(**_build_parts(change, f"items.{index}", index, code), sub_items=sub_items))
    return items


def build_taxes(changes: Sequence[TaxRowChange], receipt: Receipt) -> list[CorrectedTaxRow]:
    """Build corrected rows of the tax summary; raise `ProblemError` as `build_items`."""
    code = receipt.currency.value if receipt.currency else None
    rows = []
    for index, change in enumerate(changes):
        parts = {}
        for name, value in change:
            text = " ".join(value.split()) if isinstance(value, str) else ""
            if text:
                place, label = f"taxes.{index}.{name}", f"{name} of tax row {index + 1}"
                # A rate is a number like a quantity, with or without its sign.
                kind, plain = ("quantity", text.removesuffix("%").strip()) if name == "rate" else ("amount", text)
                parts[name] = CorrectedPart(value=text, **_normalize(kind, plain, place, label, code))
        if not parts:
            raise build_invalid_problem(f"taxes.{index}", f"tax row {index + 1}", "it is empty. Leave it out")
        rows.append(CorrectedTaxRow(**parts))
    return rows


def build_invalid_problem(field: str, label: str, reason: str) -> ProblemError:
    """Return the problem of a value that cannot be accepted; `field` is its place in the request."""
    return ProblemError(
        422,
        "correction-invalid",
        "The correction is not valid",
        f"The {label} is not valid: {reason}.",
        extra={"field": field},
    )


def _build_parts(change: SubItemChange, place: str, index: int, code: str | None) -> dict[str, CorrectedPart]:
    parts = {}
    for name, value in change:
        text = " ".join(value.split()) if isinstance(value, str) else ""
        if text:
            label = f"{name.replace('_', ' ')} of item {index + 1}"
            parts[name] = CorrectedPart(value=text, **_normalize(name, text, f"{place}.{name}", label, code))
    if not parts:
        raise build_invalid_problem(place, f"item {index + 1}", "it is empty. Leave it out")
    return parts


def _normalize(name: str, text: str, place: str, label: str, code: str | None) -> dict[str, Any]:
    """Return the normalized forms of a part."""
    if not text.isprintable():
        raise build_invalid_problem(place, label, "it contains unprintable characters")
    if name not in (*_AMOUNTS, "quantity"):
        return {}
    number = _parse_number(text)
    if number is None:
        example = "1234.50" if name in _AMOUNTS else "2 or 0.482"
        raise build_invalid_problem(place, label, f"it is not a number. Write it as {example}")
    if name == "quantity":
        return {"number": format(number.normalize(), "f")}
    return {"amount": str(max(number, number.quantize(_CENT), key=_count_decimals)), "currency": code}


def _count_decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _parse_number(text: str) -> Decimal | None:
    if _PLAIN_NUMBER.fullmatch(text):
        return Decimal(text.replace(",", "."))
    amounts = find_amounts(text)
    return amounts[0].amount if len(amounts) == 1 else None
