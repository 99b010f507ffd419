"""The tables that `quittance extract` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from quittance.extract import Reading
from shared.contracts import FIELD_NAMES, AmountField, DateField, Fields, Receipt, ReceiptField

# Confidence from which a field is shown in green, and in yellow; below it is red.
_HIGH, _MEDIUM = 0.9, 0.6
_NOT_FOUND = Text("not found", style="dim")


def receipt_table(path: Path, receipt: Receipt) -> Table:
    """Return a table of one receipt, with a row per field."""
    milliseconds = sum(receipt.timings_ms.model_dump().values())
    origin = "from the cache" if receipt.cached else f"{milliseconds / 1000:.2f} s"
    table = Table(title=str(path), title_justify="left", caption_justify="left")
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
    return table


def overview_table(readings: Sequence[Reading]) -> Table:
    """Return a table of many receipts, with a row per file."""
    table = Table()
    table.add_column("File", overflow="fold")
    table.add_column("Company", overflow="fold")
    table.add_column("Date", no_wrap=True)
    table.add_column("Total", justify="right", no_wrap=True)
    table.add_column("Address", overflow="fold")
    table.add_column("Lowest confidence", justify="right")
    names = {reading.path.name for reading in readings}
    for reading in readings:
        name = reading.path.name if len(names) == len(readings) else str(reading.path)
        if reading.receipt is None:
            table.add_row(name, Text("failed, see above", style="red"))
        else:
            table.add_row(name, *_overview(reading.receipt.fields))
    return table


def _overview(fields: Fields) -> list[Text | str]:
    found = [field for name in FIELD_NAMES if (field := fields.get(name)) is not None]
    return [
        Text(fields.company.value) if fields.company else _NOT_FOUND,
        (normalized(fields.date) or fields.date.value) if fields.date else _NOT_FOUND,
        (normalized(fields.total) or fields.total.value) if fields.total else _NOT_FOUND,
        Text(fields.address.value) if fields.address else _NOT_FOUND,
        format_confidence(min(field.confidence for field in found)) if found else "",
    ]


def normalized(field: ReceiptField) -> str:
    """Return the ISO date, the amount with its currency, or a note that the merchant directory corrected the value."""
    if isinstance(field, DateField):
        return field.iso or ""
    if isinstance(field, AmountField) and field.amount is not None:
        return f"{field.amount} {field.currency or ''}".strip()
    return "corrected by the merchant directory" if field.corrected else ""


def format_confidence(value: float) -> Text:
    """Return a confidence, 0 to 1, as a percentage in green, yellow or red."""
    style = "green" if value >= _HIGH else "yellow" if value >= _MEDIUM else "red"
    return Text(f"{value:.0%}", style=style)
