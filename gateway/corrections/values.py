"""Values that people enter for fields, checked and normalized by the rules of the extractor."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shared.contracts import CorrectionRequest, FieldChange, FieldCorrection, FieldName, Receipt, ReceiptField
from shared.normalization import currency, find_amounts, find_dates, month_comes_first
from shared.problems import ProblemError

# The length up to which a number without decimals is accepted as an amount. `find_amounts` requires two decimals.
_MAX_WHOLE_DIGITS = 12


def build_corrections(
    request: CorrectionRequest, receipt: Receipt, *, author: str | None
) -> dict[FieldName, FieldCorrection]:
    """Build the corrections that a request makes to a receipt.

    Args:
        request: The values that a person entered.
        receipt: The receipt as the models read it.
        author: Who corrects; None if unknown.

    Raises:
        ProblemError: 422 `correction-invalid`, which names the field: a date or an amount that cannot be read or is
            ambiguous, a text without letters and digits, or a line that the receipt does not have.
    """
    now = datetime.now(UTC)
    return {
        name: FieldCorrection(
            **_normalize(name, change, receipt),
            model_value=_get_model_value(receipt, name),
            author=author,
            at=now,
        )
        for name, change in request.fields.items()
    }


def _get_model_value(receipt: Receipt, name: FieldName) -> str | None:
    field: ReceiptField | None = getattr(receipt.fields, name)
    return field.value if field else None


def _normalize(name: FieldName, change: FieldChange | None, receipt: Receipt) -> dict[str, Any]:
    """Return the value, its normalized forms and its lines."""
    if change is None:
        return {"value": None}
    for index in change.lines:
        if index not in range(len(receipt.lines)):
            raise _invalid(
                name, f"there is no line {index}; the receipt has {len(receipt.lines)} lines, counted from 0"
            )
    text = " ".join(change.value.split())
    if not text.isprintable():
        raise _invalid(name, "it contains unprintable characters")
    receipt_text = "\n".join(line.text for line in receipt.lines)
    match name:
        case "date":
            normalized = _normalize_date(text, receipt_text)
        case "total":
            normalized = _normalize_total(text, receipt_text)
        case _:
            normalized = _check_text(name, text)
    return {**normalized, "lines": sorted(set(change.lines))}


def _check_text(name: FieldName, text: str) -> dict[str, Any]:
    if not any(character.isalnum() for character in text):
        raise _invalid(name, "it has no letters or digits. Send null if it is not on the receipt")
    return {"value": text}


def _normalize_date(text: str, receipt_text: str) -> dict[str, Any]:
    """Find the only date in a text; the text of the receipt shows whether it writes the month first."""
    dates = find_dates(text)
    if len(dates) != 1:
        raise _invalid("date", f"it contains {_describe_count(len(dates))} date. Write it as YYYY-MM-DD")
    month_first = month_comes_first(receipt_text)
    if dates[0].is_ambiguous and month_first is None:
        raise _invalid("date", "the order of day and month is ambiguous. Write it as YYYY-MM-DD")
    day = dates[0].date(bool(month_first))
    if day is None:
        raise _invalid("date", "there is no such day. Write it as YYYY-MM-DD")
    return {"value": dates[0].text, "iso": day.isoformat()}


def _normalize_total(text: str, receipt_text: str) -> dict[str, Any]:
    """Find the only amount in a text; the text of the receipt gives the currency if the amount has none."""
    if text.isascii() and text.isdecimal() and len(text) <= _MAX_WHOLE_DIGITS:
        return {"value": text, "amount": f"{Decimal(text):.2f}", "currency": currency("", receipt_text)}
    amounts = find_amounts(text)
    if len(amounts) != 1:
        raise _invalid("total", f"it contains {_describe_count(len(amounts))} amount. Write it as 1234.50")
    amount = amounts[0]
    return {"value": amount.text, "amount": str(amount.amount), "currency": currency(amount.sign, receipt_text)}


def _describe_count(count: int) -> str:
    return "no" if count == 0 else "more than one"


def _invalid(name: FieldName, reason: str) -> ProblemError:
    return ProblemError(
        422,
        "correction-invalid",
        "The correction is not valid",
        f"The {name} is not valid: {reason}.",
        extra={"field": name},
    )
