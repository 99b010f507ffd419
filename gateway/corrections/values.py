"""What a person says that a field is, checked and normalized as the extractor normalizes what it reads."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shared.contracts import CorrectionRequest, FieldChange, FieldCorrection, FieldName, Receipt, ReceiptField
from shared.normalization import currency, find_amounts, find_dates, month_comes_first
from shared.problems import ProblemError

# A number alone, as people type it: find_amounts wants two decimals, so as not to take every number for money.
_PLAIN_DIGITS = 12


def checked(request: CorrectionRequest, receipt: Receipt) -> dict[FieldName, FieldCorrection]:
    """The corrections that a request asks for on a receipt.

    Raises:
        ProblemError: 422 `correction-invalid` that names the field: a date or an amount that cannot be read or could
            mean two things, a text without letters and digits, a line that the receipt does not have.
    """
    now = datetime.now(UTC)
    return {
        name: FieldCorrection(
            **_value(name, change, receipt), model_value=_answered(receipt, name), author=request.author, at=now
        )
        for name, change in request.fields.items()
    }


def _answered(receipt: Receipt, name: FieldName) -> str | None:
    field: ReceiptField | None = getattr(receipt.fields, name)
    return field.value if field else None


def _value(name: FieldName, change: FieldChange | None, receipt: Receipt) -> dict[str, Any]:
    """The value, its normalized forms and its lines."""
    if change is None:
        return {"value": None}
    for index in change.lines:
        if index not in range(len(receipt.lines)):
            raise _invalid(name, f"the receipt has {len(receipt.lines)} lines, counted from 0, and none is {index}")
    text = " ".join(change.value.split())
    if not text.isprintable():
        raise _invalid(name, "it holds characters that cannot be printed")
    printed = "\n".join(line.text for line in receipt.lines)
    forms = {"date": _date, "total": _total}.get(name, _text)(name, text, printed)
    return {**forms, "lines": sorted(set(change.lines))}


def _text(name: FieldName, text: str, _: str) -> dict[str, Any]:
    if not any(character.isalnum() for character in text):
        raise _invalid(name, "it has no letters or digits. Send null if it is not on the receipt")
    return {"value": text}


def _date(name: FieldName, text: str, printed: str) -> dict[str, Any]:
    """The one date in a text; `printed` tells whether this receipt writes the month first."""
    found = find_dates(text)
    if len(found) != 1:
        raise _invalid(name, f"{_how_many(len(found))} date can be read in it. Write it as YYYY-MM-DD")
    month_first = month_comes_first(printed)
    if found[0].is_ambiguous and month_first is None:
        raise _invalid(name, "day and month could be swapped, and the receipt does not tell. Write it as YYYY-MM-DD")
    day = found[0].date(bool(month_first))
    if day is None:
        raise _invalid(name, "there is no such day. Write it as YYYY-MM-DD")
    return {"value": found[0].text, "iso": day.isoformat()}


def _total(name: FieldName, text: str, printed: str) -> dict[str, Any]:
    """The one amount in a text; `printed` tells the currency where the amount does not."""
    if text.isascii() and text.isdecimal() and len(text) <= _PLAIN_DIGITS:
        return {"value": text, "amount": f"{Decimal(text):.2f}", "currency": currency("", printed)}
    found = find_amounts(text)
    if len(found) != 1:
        raise _invalid(name, f"{_how_many(len(found))} amount can be read in it. Write it as 1234.50")
    match = found[0]
    return {"value": match.text, "amount": str(match.amount), "currency": currency(match.sign, printed)}


def _how_many(count: int) -> str:
    return "no" if count == 0 else "more than one"


def _invalid(name: FieldName, why: str) -> ProblemError:
    return ProblemError(
        422,
        "correction-invalid",
        "The correction is not valid",
        f"The {name} cannot be taken: {why}.",
        extra={"field": name},
    )
