"""Values that people enter for fields, checked and normalized by the rules of the extractor."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import phonenumbers

from gateway.corrections.items import ITEMS, TAXES, build_invalid_problem, build_items, build_taxes
from gateway.corrections.parsing import Correction
from gateway.corrections.properties import build_properties
from shared.contracts import (
    AnyFieldName,
    CorrectionRequest,
    FieldChange,
    FieldCorrection,
    ItemsCorrection,
    Receipt,
    ReceiptField,
    TaxesCorrection,
)
from shared.normalization import currency, find_amounts, find_concepts, find_dates, infer_country, read_date
from shared.normalization.addresses import split_address
from shared.normalization.country import countries_of_tax_id
from shared.normalization.times import TIME, to_iso_time
from shared.problems import ProblemError

# A number with no or one decimal. `find_amounts` requires two decimals, because it looks for amounts in any text.
_PLAIN_AMOUNT = re.compile(r"\d{1,12}(?:[.,]\d)?", re.ASCII)
_METHODS: tuple[Literal["cash", "card", "wallet", "voucher"], ...] = ("card", "wallet", "voucher", "cash")
_LAST_FOUR = re.compile(r"(?<!\d)\d{4}$")


def build_corrections(request: CorrectionRequest, receipt: Receipt, *, author: str | None) -> dict[str, Correction]:
    """Build the corrections that a request makes to a receipt, by field or property; the tables are `items`, `taxes`.

    Args:
        request: The values that a person entered.
        receipt: The receipt as the models read it.
        author: Who corrects; None if unknown.

    Raises:
        ProblemError: 422 `correction-invalid`, which names the field: a date, a time or an amount that cannot be read
            or is ambiguous, a text without letters and digits, or a line that the receipt does not have.
    """
    now = datetime.now(UTC)
    changes: dict[str, Correction] = {
        name: FieldCorrection(
            **_normalize(name, change, receipt),
            model_value=_get_model_value(receipt, name),
            author=author,
            at=now,
        )
        for name, change in request.fields.items()
    }
    if request.items is not None:
        changes[ITEMS] = ItemsCorrection(items=build_items(request.items, receipt), author=author, at=now)
    if request.taxes is not None:
        changes[TAXES] = TaxesCorrection(taxes=build_taxes(request.taxes, receipt), author=author, at=now)
    for name, correction in build_properties(request.properties, receipt, author=author, at=now).items():
        changes[name] = correction
    return changes


def _get_model_value(receipt: Receipt, name: AnyFieldName) -> str | None:
    field: ReceiptField | None = getattr(receipt.fields, name)
    return field.value if field else None


def _normalize(name: AnyFieldName, change: FieldChange | None, receipt: Receipt) -> dict[str, Any]:
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
        case "time":
            normalized = _normalize_time(text)
        case "phone":
            normalized = _normalize_phone(text, receipt)
        case "tax_id":
            normalized = _normalize_tax_id(text, receipt)
        case "payment_method":
            normalized = _normalize_payment(text)
        case "address":
            country = _get_country(receipt) or infer_country(f"{receipt_text}\n{text}").code
            normalized = _check_text(name, text) | asdict(split_address([text], country))
        case "company" | "receipt_number":
            normalized = _check_text(name, text)
        case _:
            normalized = _normalize_amount(name, text, receipt_text)
    return {**normalized, "lines": sorted(set(change.lines))}


def _get_country(receipt: Receipt) -> str | None:
    return receipt.country.value if receipt.country else None


def _check_text(name: AnyFieldName, text: str) -> dict[str, Any]:
    if not any(character.isalnum() for character in text):
        raise _invalid(name, "it has no letters or digits. Send null if it is not on the receipt")
    return {"value": text}


def _normalize_date(text: str, receipt_text: str) -> dict[str, Any]:
    """Find the only date in a text; the text of the receipt shows whether it writes the month first."""
    dates = find_dates(text)
    if len(dates) != 1:
        raise _invalid("date", f"it contains {_describe_count(len(dates))} date. Write it as YYYY-MM-DD")
    reading = read_date(dates[0], receipt_text)
    if reading.is_ambiguous:
        raise _invalid("date", "the order of day, month and year is ambiguous. Write it as YYYY-MM-DD")
    if reading.day is None:
        raise _invalid("date", "there is no such day. Write it as YYYY-MM-DD")
    return {"value": dates[0].text, "iso": reading.day.isoformat()}


def _normalize_amount(name: AnyFieldName, text: str, receipt_text: str) -> dict[str, Any]:
    """Find the only amount in a text; the text of the receipt gives the currency if the amount has none."""
    if _PLAIN_AMOUNT.fullmatch(text):
        number = Decimal(text.replace(",", "."))
        return {"value": text, "amount": f"{number:.2f}", "currency": currency("", receipt_text)}
    amounts = find_amounts(text)
    if len(amounts) != 1:
        raise _invalid(name, f"it contains {_describe_count(len(amounts))} amount. Write it as 1234.50")
    amount = amounts[0]
    return {"value": amount.text, "amount": str(amount.amount), "currency": currency(amount.sign, receipt_text)}


def _normalize_time(text: str) -> dict[str, Any]:
    """Find the only time in a text."""
    times = list(TIME.finditer(text))
    iso = to_iso_time(times[0]) if len(times) == 1 else None
    if iso is None:
        raise _invalid("time", "it is not a time of day. Write it as 20:13")
    return {"value": times[0].group().strip(), "iso": iso}


def _normalize_phone(text: str, receipt: Receipt) -> dict[str, Any]:
    """Find the number by the rules of the receipt's country; keep a text that has none, as printed."""
    match = next(iter(phonenumbers.PhoneNumberMatcher(text, _get_country(receipt))), None)
    if match is not None:
        return {
            "value": match.raw_string,
            "e164": phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164),
        }
    if not any(character.isdigit() for character in text):
        raise _invalid("phone", "it has no digits")
    return {"value": text}


def _normalize_tax_id(text: str, receipt: Receipt) -> dict[str, Any]:
    """Find the country whose check digits fit: that of the receipt, or the only one."""
    countries = countries_of_tax_id(text)
    inferred = _get_country(receipt)
    country = inferred if inferred in countries else min(countries) if len(countries) == 1 else None
    return {**_check_text("tax_id", text), "country": country}


def _normalize_payment(text: str) -> dict[str, Any]:
    """Find the method that a text names, and the last digits of a card."""
    concepts = find_concepts(text)
    method = next((one for one in _METHODS if one in concepts or one == text.lower()), None)
    if method is None:
        raise _invalid("payment_method", "it names no method. Write cash, card, wallet or voucher")
    last4 = _LAST_FOUR.search(text)
    return {"value": text, "method": method, "last4": last4.group() if last4 and method == "card" else None}


def _describe_count(count: int) -> str:
    return "no" if count == 0 else "more than one"


def _invalid(name: AnyFieldName, reason: str) -> ProblemError:
    return build_invalid_problem(name, name.replace("_", " "), reason)
