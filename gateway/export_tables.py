"""The tables of an export: one row per receipt, one row per line item, and one row per code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from gateway.corrections.corrected import get_items, get_property
from shared.contracts import (
    ADDITIONAL_FIELD_NAMES,
    FIELD_NAMES,
    AmountField,
    FieldCorrection,
    FieldName,
    Item,
    NumberField,
    PaymentField,
    Receipt,
    ReceiptField,
    SubItem,
    TimeField,
)

Cell = str | float | Decimal | date | None
Cells = dict[str, Cell]

# One row per receipt. Corrected values replace those that were read. `date` (ISO 8601) and `total` (a number) are
# empty if the text on the receipt (`date_text`, `total_text`) is ambiguous. `page` starts at 1 and is set only if each
# page is a separate receipt. New columns are appended, so that programs that read columns by position still work.
COLUMNS = (
    *("file", "page", "id", "company", "date", "address", "total", "currency"),
    *(f"{name}_confidence" for name in FIELD_NAMES),
    *(f"{name}_corrected" for name in FIELD_NAMES),
    *("date_text", "total_text", "error"),
    *ADDITIONAL_FIELD_NAMES,
    *("card_last4", "country", "language", "document_type", "items", "failed_checks"),
    *(f"{name}_confidence" for name in ADDITIONAL_FIELD_NAMES),
    "corrected",  # the names of the fields and properties that a person has corrected, `items` and `taxes`
    *("address_street", "address_postal_code", "address_city", "address_country"),
    *("codes", "einvoice"),  # the number of QR codes and barcodes; the syntax of an embedded invoice
)
# One row per item, and per sub-item below its item. `item` and `sub_item` start at 1; `sub_item` is empty for the item.
ITEM_COLUMNS = (
    *("file", "page", "id", "item", "sub_item", "description", "quantity", "unit", "unit_price", "amount", "discount"),
    *("currency", "code", "confidence"),
)
# One row per QR code or barcode. `code` starts at 1. All columns after `text` are empty for a code that is neither
# fiscal nor a request to pay.
CODE_COLUMNS = (
    *("file", "page", "id", "code", "format", "text", "standard", "kind", "country", "seller", "tax_id"),
    *("receipt_number", "date", "time", "total", "tax", "currency", "identifiers"),
)
AMOUNT_COLUMNS = (
    *("total", "subtotal", "tax", "tip", "discount", "service_charge", "rounding", "paid", "change"),
    *("unit_price", "amount"),
)
# In characters.
COLUMN_WIDTHS = {
    "file": 24,
    "company": 32,
    "address": 48,
    "address_street": 36,
    "address_city": 18,
    "id": 34,
    "date": 12,
    "date_text": 14,
    "error": 48,
    "phone": 18,
    "tax_id": 18,
    "receipt_number": 18,
    "failed_checks": 32,
    "description": 40,
    "text": 48,
    "seller": 32,
    "identifiers": 48,
}
_AMOUNT = re.compile(r"-?\d{1,12}(\.\d{1,4})?")


@dataclass(frozen=True)
class ExportRow:
    """One row of an export.

    Attributes:
        file: Name of the file the receipt came from, if known.
        receipt: The receipt; None if the file could not be read.
        page: Index of the page, from 0, if each page of the file is a separate receipt.
        error: The reason if there is no receipt. What a receipt lacks is written there too.
    """

    file: str | None = None
    receipt: Receipt | None = None
    page: int | None = None
    error: str = ""


def build_cells(row: ExportRow) -> Cells:
    """Build the cells of a receipt by column: text, numbers, dates, or None for an empty cell."""
    warnings = " ".join(warning.detail for warning in row.receipt.warnings) if row.receipt is not None else ""
    cells = _build_origin_cells(row) | {"error": row.error or warnings or None}
    if row.receipt is not None:
        cells |= _build_receipt_cells(row.receipt) | _build_additional_cells(row.receipt)
    return {name: cells.get(name) for name in COLUMNS}


def build_item_cells(row: ExportRow) -> Iterator[Cells]:
    """Yield the cells of each item and sub-item by column; nothing for a file that could not be read."""
    if row.receipt is None:
        return
    origin = _build_origin_cells(row)
    for number, item in enumerate(get_items(row.receipt), start=1):
        numbered = origin | {"item": Decimal(number)}
        parts: list[SubItem] = [item, *item.sub_items]
        for sub_number, part in enumerate(parts):
            cells = numbered | _build_part_cells(part)
            if sub_number > 0:
                cells["sub_item"] = Decimal(sub_number)
            yield {name: cells.get(name) for name in ITEM_COLUMNS}


def build_code_cells(row: ExportRow) -> Iterator[Cells]:
    """Yield the cells of each code by column; nothing for a file that could not be read."""
    if row.receipt is None:
        return
    origin = _build_origin_cells(row)
    for number, code in enumerate(row.receipt.codes, start=1):
        cells: Cells = origin | {"code": Decimal(number), "format": code.format, "text": code.text}
        if code.content is not None:
            said = code.content.model_dump(include=set(CODE_COLUMNS) - {"identifiers"})
            amounts: Cells = {name: _parse_number(said[name]) for name in ("total", "tax")}
            numbers = " ".join(f"{name}={value}" for name, value in code.content.identifiers.items())
            cells |= said | amounts | {"date": _parse_date(said["date"]), "identifiers": numbers or None}
        yield {name: cells.get(name) for name in CODE_COLUMNS}


def _build_origin_cells(row: ExportRow) -> Cells:
    page = None if row.page is None else Decimal(row.page + 1)
    return {"file": row.file, "page": page, "id": None if row.receipt is None else row.receipt.id}


def _build_receipt_cells(receipt: Receipt) -> Cells:
    corrections = receipt.corrections.fields if receipt.corrections is not None else {}
    cells: Cells = {}
    for name in FIELD_NAMES:
        read: ReceiptField | None = getattr(receipt.fields, name)
        if read is not None:
            cells[f"{name}_confidence"] = round(read.confidence, 3)
        corrected = corrections.get(name)
        if corrected is not None:
            cells |= {f"{name}_corrected": "person", f"{name}_confidence": _trust(corrected)}
        elif read is not None and read.corrected:
            cells[f"{name}_corrected"] = "directory"
        cells |= _build_value_cells(name, corrected if corrected is not None else read)
    return cells


def _trust(corrected: FieldCorrection) -> Cell:
    """Return the confidence of what a person entered, as for corrected items; none of an emptied field."""
    return None if corrected.value is None else 1.0


def _build_value_cells(name: FieldName, field: ReceiptField | FieldCorrection | None) -> Cells:
    if field is None or field.value is None:
        return {}
    if name == "date":
        return {"date": _parse_date(getattr(field, "iso", None)), "date_text": field.value}
    if name == "total":
        amount, currency = getattr(field, "amount", None), getattr(field, "currency", None)
        return {"total": _parse_number(amount), "total_text": field.value, "currency": currency}
    if name == "address":
        parts = {part: getattr(field, part, None) for part in ("street", "postal_code", "city", "country")}
        return {"address": field.value, **{f"address_{part}": text for part, text in parts.items()}}
    return {name: field.value}


def _build_additional_cells(receipt: Receipt) -> Cells:
    corrections = receipt.corrections.fields if receipt.corrections is not None else {}
    checks = receipt.corrections.checks if receipt.corrections is not None else []
    cells: Cells = {
        "country": get_property(receipt, "country"),
        "language": get_property(receipt, "language"),
        "document_type": get_property(receipt, "document_type"),
        "items": Decimal(len(get_items(receipt))),
        "codes": Decimal(len(receipt.codes)),
        "einvoice": receipt.einvoice.syntax if receipt.einvoice is not None else None,
        "failed_checks": " ".join(check.name for check in checks or receipt.checks if check.holds is False) or None,
    }
    for name in ADDITIONAL_FIELD_NAMES:
        field = receipt.fields.get(name)
        if field is not None:
            cells |= {name: _to_cell(field), f"{name}_confidence": round(field.confidence, 3)}
        if name in corrections:
            corrected = corrections[name]
            cells |= {name: _to_corrected_cell(name, corrected), f"{name}_confidence": _trust(corrected)}
    payment = corrections.get("payment_method") or receipt.fields.payment_method
    if payment is not None:
        cells["card_last4"] = payment.last4
    names = [*corrections, *_list_corrected_tables(receipt)]
    if "currency" in names:
        cells["currency"] = get_property(receipt, "currency")
    return cells | {"corrected": " ".join(names) or None}


def _list_corrected_tables(receipt: Receipt) -> list[str]:
    """Return what is corrected besides fields: the tables and the properties of the whole receipt."""
    found = receipt.corrections
    if found is None:
        return []
    tables = [name for name, table in (("items", found.items), ("taxes", found.taxes)) if table is not None]
    return [*tables, *found.properties]


def _to_corrected_cell(name: str, field: FieldCorrection) -> Cell:
    """Return the normalized form of a corrected field, as `_to_cell` for one that was read."""
    if name in AMOUNT_COLUMNS:
        return _parse_number(field.amount)
    if name == "time":
        return field.iso
    return field.method if name == "payment_method" else field.value


def _build_part_cells(part: SubItem) -> Cells:
    cells: Cells = {name: _to_cell(field) for name, field in part if isinstance(field, ReceiptField)}
    fields = [field for _, field in part if isinstance(field, ReceiptField)]
    cells["confidence"] = round(min(field.confidence for field in fields), 3) if fields else None
    amounts = [part.amount, part.unit_price, part.discount if isinstance(part, Item) else None]
    cells["currency"] = next((amount.currency for amount in amounts if amount and amount.currency), None)
    return cells


def _to_cell(field: ReceiptField) -> Cell:
    """Return the normalized form of a field where it has one (None if unreadable), otherwise its text."""
    if isinstance(field, AmountField):
        return _parse_number(field.amount)
    if isinstance(field, NumberField):
        return _parse_number(field.number)
    if isinstance(field, TimeField):
        return field.iso
    return field.method if isinstance(field, PaymentField) else field.value


def _parse_date(iso: str | None) -> date | None:
    try:
        return None if iso is None else date.fromisoformat(iso)
    except ValueError:
        return None


def _parse_number(text: str | None) -> Decimal | None:
    return Decimal(text) if text is not None and _AMOUNT.fullmatch(text) else None
