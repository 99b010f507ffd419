"""Let the invoice in XML inside a document say what its print says.

It is the original of a hybrid invoice (Factur-X 1.07, section 4), so its values replace those that were read, unless
nothing in it agrees with the print: then it is the invoice of something else, and only raises doubts. Values that the
print shows too are placed there and quoted as printed.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import phonenumbers

from gateway.evidence.amounts import CONFIRMED, CONTRADICTED, SUPPLIED
from gateway.evidence.invoice_lines import Place, build_items, build_taxes
from gateway.evidence.printed import Printed, PrintedAmounts, find_amount, find_date, find_number, find_text
from shared.arithmetic import check_arithmetic
from shared.contracts import (
    AddressField,
    AmountField,
    Check,
    DateField,
    EInvoice,
    Extracted,
    Fields,
    Inference,
    Line,
    Page,
    PaymentField,
    PhoneField,
    Quad,
    ReceiptField,
    TaxIdField,
)

# UN/EDIFACT 4461, of the kinds that receipts name: in cash; by card, credit card, debit card.
_PAYMENT_METHODS = {"10": "cash", "48": "card", "54": "card", "55": "card"}


def apply_einvoice(extracted: Extracted, lines: Sequence[Line], einvoice: EInvoice, page: Page) -> Extracted:
    """Return what is known of a receipt.

    Args:
        extracted: What was found in its text.
        lines: Its text.
        einvoice: What the invoice in the document says.
        page: The first page of the document, to which fields refer that are not printed.

    Returns:
        A copy, with further checks.
    """
    checks = check_einvoice(extracted.fields, lines, einvoice)
    if not _is_same(lines, einvoice, checks):
        return _doubt(extracted, checks)
    amounts = PrintedAmounts(lines)
    place = {"page": 0, "quad": _outline(page), "lines": []}
    stated_fields = _Speaker(einvoice, lines, amounts, place).state_fields(checks)
    fields = extracted.fields.model_copy(update=stated_fields)
    update: dict[str, Any] = {
        "fields": fields,
        "items": build_items(einvoice, lines, amounts, place) or extracted.items,
        "taxes": build_taxes(einvoice, amounts, place) or extracted.taxes,
        "document_type": einvoice.document_type,
    }
    for name in ("country", "currency"):
        stated = getattr(einvoice, name)
        if stated is not None:
            update[name] = Inference(value=stated, confidence=CONFIRMED, evidence=[f"einvoice: {einvoice.syntax}"])
    update["checks"] = [*check_arithmetic(fields, update["items"], update["taxes"]), *checks]
    return extracted.model_copy(update=update)


def check_einvoice(fields: Fields, lines: Sequence[Line], einvoice: EInvoice) -> list[Check]:
    """Return the checks of total and date, of those that both sides have.

    The total, or any printed amount, must be the stated one or what is due of it; so must the date, or any other one.

    Args:
        fields: As read or corrected.
        lines: The text of the receipt; empty if it does not count.
        einvoice: What the invoice says.
    """
    checks = (_check_total(fields.total, lines, einvoice), _check_date(fields.date, lines, einvoice))
    return [check for check in checks if check is not None]


def _check_total(field: AmountField | None, lines: Sequence[Line], einvoice: EInvoice) -> Check | None:
    if einvoice.total is None or field is None or field.amount is None:
        return None
    stated = Decimal(einvoice.total)
    due = None if einvoice.due is None else Decimal(einvoice.due)
    holds = Decimal(field.amount) in (stated, due) or find_amount(lines, stated) is not None
    return _check("total", einvoice.total, einvoice.total if holds else field.amount, holds=holds)


def _check_date(field: DateField | None, lines: Sequence[Line], einvoice: EInvoice) -> Check | None:
    if einvoice.date is None or field is None or field.iso is None:
        return None
    day = datetime.date.fromisoformat(einvoice.date)
    holds = field.iso == einvoice.date or find_date(lines, day) is not None
    return _check("date", einvoice.date, einvoice.date if holds else field.iso, holds=holds)


def _is_same(lines: Sequence[Line], einvoice: EInvoice, checks: Sequence[Check]) -> bool:
    """Return whether the invoice is about this print: something agrees, or there is nothing to compare."""
    if not checks or any(check.holds for check in checks):
        return True
    numbers = (einvoice.receipt_number, einvoice.tax_id)
    return any(number is not None and find_number(lines, number) is not None for number in numbers)


class _Speaker:
    """Turns what an invoice says into fields.

    Args:
        einvoice: The invoice.
        lines: The print.
        amounts: The amounts in it.
        place: Where what is not printed is said to be.
    """

    def __init__(self, einvoice: EInvoice, lines: Sequence[Line], amounts: PrintedAmounts, place: Place) -> None:
        self._einvoice = einvoice
        self._lines = lines
        self._amounts = amounts
        self._place = place

    def state_fields(self, checks: Sequence[Check]) -> dict[str, ReceiptField]:
        """Return the fields that the invoice states."""
        failed = {check.name for check in checks if not check.holds}
        said = self._einvoice
        stated: dict[str, ReceiptField | None] = {
            "company": self._state(said.seller, find_text, ReceiptField),
            "address": self._state_address(),
            "date": self._state_date(is_contradicted="einvoice_to_date" in failed),
            "total": self._state_amount(said.total, is_contradicted="einvoice_to_total" in failed),
            "phone": self._state(said.phone, find_number, PhoneField, e164=_format_phone(said.phone, said.country)),
            "tax_id": self._state(said.tax_id, find_number, TaxIdField, country=said.country),
            "receipt_number": self._state(said.receipt_number, find_number, ReceiptField),
            "subtotal": self._state_amount(said.subtotal),
            "tax": self._state_amount(said.tax),
            "discount": self._state_amount(said.discount, is_optional=True),
            "service_charge": self._state_amount(said.charge, is_optional=True),
            "payment_method": self._state_payment(),
        }
        if said.paid is not None and said.paid == said.total:
            stated["paid"] = self._state_amount(said.paid, is_optional=True)
        return {name: field for name, field in stated.items() if field is not None}

    def _state(
        self,
        text: str | None,
        find: Callable[[Sequence[Line], str], Printed | None],
        kind: type[ReceiptField],
        **normalized: str | None,
    ) -> ReceiptField | None:
        if text is None:
            return None
        printed = find(self._lines, text)
        return kind(value=text, **normalized, **self._locate(printed))

    def _state_address(self) -> ReceiptField | None:
        said = self._einvoice
        place = " ".join(part for part in (said.postal_code, said.city) if part)
        text = ", ".join(part for part in (said.street, place) if part)
        if not text:
            return None
        known = {"street": said.street, "postal_code": said.postal_code, "city": said.city, "country": said.country}
        return AddressField(value=text, **known, **self._locate(find_text(self._lines, said.street or place)))

    def _state_date(self, *, is_contradicted: bool) -> ReceiptField | None:
        if self._einvoice.date is None:
            return None
        printed = find_date(self._lines, datetime.date.fromisoformat(self._einvoice.date))
        value = self._einvoice.date if printed is None else printed.text
        known = self._locate(printed, is_contradicted=is_contradicted)
        return DateField(value=value, iso=self._einvoice.date, **known)

    def _state_amount(
        self, amount: str | None, *, is_contradicted: bool = False, is_optional: bool = False
    ) -> ReceiptField | None:
        """Return an amount; None also for an optional one that is zero."""
        if amount is None or (is_optional and not Decimal(amount)):
            return None
        printed = self._amounts.find_last(Decimal(amount))
        value = amount if printed is None else printed.text
        known = self._locate(printed, is_contradicted=is_contradicted)
        return AmountField(value=value, amount=amount, currency=self._einvoice.currency, **known)

    def _state_payment(self) -> ReceiptField | None:
        method = _PAYMENT_METHODS.get(self._einvoice.payment_means or "")
        if method is None:
            return None
        known: dict[str, Any] = {"method": method, "last4": self._einvoice.card_last4}
        return PaymentField(value=method, **known, **self._locate(None))

    def _locate(self, printed: Printed | None, *, is_contradicted: bool = False) -> dict[str, Any]:
        confidence = CONTRADICTED if is_contradicted else SUPPLIED if printed is None else CONFIRMED
        place = self._place if printed is None else printed.place
        return {"confidence": confidence, "source": "einvoice", **place}


def _doubt(extracted: Extracted, checks: Sequence[Check]) -> Extracted:
    fields = extracted.fields
    doubted = {
        name: field.model_copy(update={"confidence": min(field.confidence, CONTRADICTED)})
        for name in ("total", "date")
        if (field := fields.get(name)) is not None and any(check.name == f"einvoice_to_{name}" for check in checks)
    }
    update = {"fields": fields.model_copy(update=doubted), "checks": [*extracted.checks, *checks]}
    return extracted.model_copy(update=update)


def _outline(page: Page) -> Quad:
    width, height = float(page.width), float(page.height)
    return page.outline or ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))


def _format_phone(text: str | None, country: str | None) -> str | None:
    """Return a phone number in E.164; None if it is not one."""
    if text is None:
        return None
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _check(name: str, expected: str, printed: str, *, holds: bool) -> Check:
    return Check.model_validate(
        {"name": f"einvoice_to_{name}", "holds": holds, "expected": expected, "printed": printed}
    )
