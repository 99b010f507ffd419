"""The tables that `quittance extract` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from quittance.display.console import make_printable
from quittance.extract import Reading
from shared.contracts import (
    ADDITIONAL_FIELD_NAMES,
    FIELD_NAMES,
    AddressField,
    AmountField,
    Check,
    CheckName,
    Code,
    DateField,
    EInvoice,
    Fields,
    Item,
    NumberField,
    PaymentField,
    PhoneField,
    Receipt,
    ReceiptField,
    SubItem,
    TaxRow,
    TimeField,
)

# Confidence from which a field is shown in green, and in yellow; below it is red.
_HIGH, _MEDIUM = 0.9, 0.6
# Characters of a code that are shown.
_MAX_CODE_LENGTH = 120
_NOT_FOUND = Text("not found", style="dim")


def build_receipt_tables(title: str, receipt: Receipt) -> list[Table | Text]:
    """Return the tables of one receipt: its fields, items and codes, and a sentence for each check that fails."""
    parts: list[Table | Text] = [_fields_table(title, receipt)]
    if receipt.items:
        parts.append(_items_table(receipt.items))
    if receipt.taxes:
        parts.append(_taxes_table(receipt.taxes))
    if receipt.codes:
        parts.append(_codes_table(receipt.codes))
    if receipt.einvoice is not None:
        parts.append(Text(f"Embedded invoice: {_describe_einvoice(receipt.einvoice)}"))
    failed = [check for check in receipt.checks if check.holds is False]
    parts += [Text(f"Check: {_describe_failure(check, receipt.fields)}", style="yellow") for check in failed]
    return parts


def _fields_table(title: str, receipt: Receipt) -> Table:
    """Return a table with a row per field; additional fields only if they were found."""
    milliseconds = sum(receipt.timings_ms.model_dump().values())
    origin = "from the cache" if receipt.cached else f"{milliseconds / 1000:.2f} s"
    table = Table(title=Text(make_printable(title)), title_justify="left", caption_justify="left")
    table.caption = f"{len(receipt.lines)} lines, {origin}"
    table.add_column("Field")
    table.add_column("Value", overflow="fold")
    table.add_column("Normalized")
    table.add_column("Confidence", justify="right")
    for name in FIELD_NAMES:
        field = receipt.fields.get(name)
        if field is None:
            table.add_row(name, _NOT_FOUND)
        else:
            table.add_row(name, Text(field.value), normalized(field), format_confidence(field.confidence))
    table.add_section()
    for additional_name in ADDITIONAL_FIELD_NAMES:
        field = receipt.fields.get(additional_name)
        if field is not None:
            label = additional_name.replace("_", " ")
            table.add_row(label, Text(field.value), normalized(field), format_confidence(field.confidence))
    table.add_section()
    for label, found in (("country", receipt.country), ("currency", receipt.currency), ("language", receipt.language)):
        if found is not None:
            table.add_row(label, found.value, "", format_confidence(found.confidence))
    if receipt.document_type is not None:
        table.add_row("document type", receipt.document_type.replace("_", " "), "", "")
    return table


def _items_table(items: Sequence[Item]) -> Table:
    """Return a table of line items; sub-items are indented below their item."""
    table = Table(title=f"{len(items)} {'item' if len(items) == 1 else 'items'}", title_justify="left")
    table.add_column("Description", overflow="fold")
    has_discount = any(item.discount for item in items)
    for header in ("Quantity", "Unit price", "Amount", *(["Discount"] if has_discount else [])):
        table.add_column(header, justify="right")
    for item in items:
        table.add_row(*_item_cells(item), *([Text(_number(item.discount))] if has_discount else []))
        for sub_item in item.sub_items:
            table.add_row(*_item_cells(sub_item, indent="  "))
    return table


def _taxes_table(taxes: Sequence[TaxRow]) -> Table:
    """Return a table of tax rates."""
    table = Table(title=f"{len(taxes)} tax {'rate' if len(taxes) == 1 else 'rates'}", title_justify="left")
    for header in ("Rate", "Net", "Tax"):
        table.add_column(header, justify="right")
    for row in taxes:
        rate = "" if row.rate is None else f"{row.rate.number or row.rate.value}%"
        amounts = ("" if part is None else part.amount or part.value for part in (row.base, row.amount))
        table.add_row(rate, *map(Text, amounts))
    return table


def _codes_table(codes: Sequence[Code]) -> Table:
    """Return a table of codes: what fiscal and payment codes say, and the text of others."""
    table = Table(title=f"{len(codes)} {'code' if len(codes) == 1 else 'codes'}", title_justify="left")
    table.add_column("Code")
    table.add_column("Content", overflow="fold")
    table.add_column("Date", no_wrap=True)
    table.add_column("Total", justify="right", no_wrap=True)
    for code in codes:
        said = code.content
        if said is None:
            table.add_row(code.format, Text(_shorten(code.text)))
            continue
        content = " ".join(part for part in (said.seller, said.tax_id, said.receipt_number) if part)
        total = f"{said.total} {said.currency or ''}".strip() if said.total is not None else ""
        table.add_row(said.standard, Text(_shorten(content)), said.date or "", total)
    return table


def _shorten(text: str) -> str:
    """Return a text in one line of limited length, without characters that a terminal would obey."""
    plain = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return plain if len(plain) <= _MAX_CODE_LENGTH else f"{plain[:_MAX_CODE_LENGTH]}…"


def _describe_einvoice(einvoice: EInvoice) -> str:
    due = f"{einvoice.due} {einvoice.currency or ''}".strip() if einvoice.due is not None else None
    until = f"by {einvoice.due_date}" if einvoice.due_date is not None else None
    parts = (einvoice.syntax, einvoice.receipt_number, due and f"due {due}", until)
    return " ".join(part for part in parts if part)


def _item_cells(item: SubItem, indent: str = "") -> list[Text]:
    parts: list[ReceiptField | None] = [item.quantity, item.unit_price, item.amount]
    description = item.description.value if item.description else ""
    return [Text(indent + description), *(Text(_number(part)) for part in parts)]


def _number(field: ReceiptField | None) -> str:
    """Return the decimal form of an amount or a quantity, otherwise its text."""
    if isinstance(field, AmountField):
        return field.amount or field.value
    if isinstance(field, NumberField):
        return field.number or field.value
    return field.value if field is not None else ""


def _describe_failure(check: Check, fields: Fields) -> str:
    """Say which numbers do not add up."""
    target = "subtotal" if fields.subtotal is not None and fields.subtotal.amount is not None else "total"
    text: dict[CheckName, str] = {
        "items_to_subtotal": f"Items add up to {check.expected}, but the {target} says {check.printed}.",
        "subtotal_and_tax_to_total": "Subtotal, tax and other charges add up to "
        f"{check.expected}, but the total says {check.printed}.",
        "paid_minus_change": f"Paid minus change is {check.expected}, but the total says {check.printed}.",
        "tax_rates": f"The tax should be {check.expected} by its rate, but the receipt says {check.printed}.",
        "code_to_total": f"The code says {check.expected}, but the total says {check.printed}.",
        "code_to_date": f"The code says {check.expected}, but the date says {check.printed}.",
        "einvoice_to_total": f"The embedded invoice says {check.expected}, but the total says {check.printed}.",
        "einvoice_to_date": f"The embedded invoice says {check.expected}, but the date says {check.printed}.",
    }
    return text[check.name]


def overview_table(readings: Sequence[Reading]) -> Table:
    """Return a table of many receipts, with a row per file."""
    table = Table()
    table.add_column("File", overflow="fold")
    table.add_column("Company", overflow="fold")
    table.add_column("Date", no_wrap=True)
    table.add_column("Total", justify="right", no_wrap=True)
    table.add_column("Address", overflow="fold")
    table.add_column("Lowest confidence", justify="right")
    are_names_unique = len({one.path.name for one in readings}) == len({one.path for one in readings})
    for reading in readings:
        folder = f"{Path(reading.file_name).parent}/"
        name = Text(make_printable(reading.name.removeprefix(folder) if are_names_unique else reading.name))
        if reading.receipt is None:
            table.add_row(name, Text("failed, see above", style="red"))
        else:
            table.add_row(name, *_overview(reading.receipt.fields))
    return table


def _overview(fields: Fields) -> list[Text | str]:
    found = [field for name in FIELD_NAMES if (field := fields.get(name)) is not None]
    return [
        Text(fields.company.value) if fields.company else _NOT_FOUND,
        Text(normalized(fields.date) or fields.date.value) if fields.date else _NOT_FOUND,
        Text(normalized(fields.total) or fields.total.value) if fields.total else _NOT_FOUND,
        Text(fields.address.value) if fields.address else _NOT_FOUND,
        format_confidence(min(field.confidence for field in found)) if found else "",
    ]


def normalized(field: ReceiptField) -> str:
    """Return the normalized form of a field, or a note that the merchant directory corrected the value."""
    if isinstance(field, AddressField):
        place = " ".join(part for part in (field.postal_code, field.city) if part)
        return ", ".join(part for part in (place, field.country) if part)
    if isinstance(field, DateField):
        return field.iso or ""
    if isinstance(field, AmountField) and field.amount is not None:
        return f"{field.amount} {field.currency or ''}".strip()
    if isinstance(field, TimeField):
        return field.iso or ""
    if isinstance(field, PhoneField):
        return field.e164 or ""
    if isinstance(field, PaymentField):
        return f"{field.method} {field.last4 or ''}".strip()
    return "corrected by the merchant directory" if field.corrected else ""


def format_confidence(value: float) -> Text:
    """Return a confidence, 0 to 1, as a percentage in green, yellow or red."""
    style = "green" if value >= _HIGH else "yellow" if value >= _MEDIUM else "red"
    return Text(f"{value:.0%}", style=style)
