"""Items and tax rows of the invoice in XML inside a document, placed where they are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.evidence.amounts import CONFIRMED, SUPPLIED
from gateway.evidence.printed import Printed, PrintedAmounts, find_text
from shared.contracts import AmountField, EInvoice, EInvoiceItem, Item, Line, NumberField, ReceiptField, TaxRow

Place = Mapping[str, Any]


def build_items(einvoice: EInvoice, lines: Sequence[Line], amounts: PrintedAmounts, place: Place) -> list[Item]:
    """Return the items of an invoice.

    Args:
        einvoice: The invoice.
        lines: The print.
        amounts: The amounts in it.
        place: Where what is not printed is said to be.
    """
    items, start = [], 0
    for said in einvoice.items:
        printed = None if said.description is None else find_text(lines, said.description, start)
        if printed is not None:
            # Items are printed in their order.
            start = printed.index + 1
        items.append(_build_item(said, einvoice.currency, printed, amounts, place))
    return items


def build_taxes(einvoice: EInvoice, amounts: PrintedAmounts, place: Place) -> list[TaxRow]:
    """Return the tax rows of an invoice; the arguments are those of `build_items`."""

    def build(amount: str | None) -> AmountField | None:
        printed = None if amount is None else amounts.find_last(Decimal(amount))
        return _build_amount(amount, einvoice.currency, printed, place)

    return [
        TaxRow(
            rate=_build_number(row.rate, f"{row.rate} %", None, place),
            base=build(row.base),
            amount=build(row.amount),
        )
        for row in einvoice.taxes
    ]


def _build_item(
    said: EInvoiceItem, currency: str | None, printed: Printed | None, amounts: PrintedAmounts, place: Place
) -> Item:
    def build(amount: str | None) -> AmountField | None:
        beside = None if amount is None or printed is None else amounts.find_beside(Decimal(amount), printed)
        return _build_amount(amount, currency, beside, place)

    return Item(
        description=_build_text(said.description, printed, place),
        quantity=_build_number(said.quantity, said.quantity, None, place),
        unit=_build_text(said.unit, None, place),
        unit_price=build(said.unit_price),
        amount=build(said.amount),
        code=_build_text(said.code, None, place),
    )


def _build_text(text: str | None, printed: Printed | None, place: Place) -> ReceiptField | None:
    return None if text is None else ReceiptField(value=text, **_locate(printed, place))


def _build_number(number: str | None, text: str | None, printed: Printed | None, place: Place) -> NumberField | None:
    if number is None or text is None:
        return None
    return NumberField(value=text, number=number, **_locate(printed, place))


def _build_amount(
    amount: str | None, currency: str | None, printed: Printed | None, place: Place
) -> AmountField | None:
    if amount is None:
        return None
    value = amount if printed is None else printed.text
    return AmountField(value=value, amount=amount, currency=currency, **_locate(printed, place))


def _locate(printed: Printed | None, place: Place) -> dict[str, Any]:
    confidence = SUPPLIED if printed is None else CONFIRMED
    return {"confidence": confidence, "source": "einvoice", **(place if printed is None else printed.place)}
