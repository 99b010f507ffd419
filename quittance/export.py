"""Receipts as tables for other programs: CSV with a row for each file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from quittance.extract import Reading
from quittance.scores import field_of
from shared.contracts import FIELD_NAMES, Receipt

COLUMNS = (
    "file",
    *(column for name in FIELD_NAMES for column in (name, f"{name}_confidence")),
    "date_iso",
    "amount",
    "currency",
    "error",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(readings: Iterable[Reading]) -> str:
    """A header and a row for each file, in the order given (RFC 4180; lines end as on this system's terminals).

    Text that a spreadsheet would take for a formula begins with an apostrophe: what is printed on a receipt must not
    become a command.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for reading in readings:
        row = {"file": str(reading.path), "error": reading.error or ""}
        if reading.receipt is not None:
            row |= _values(reading.receipt)
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return text.getvalue()


def _values(receipt: Receipt) -> dict[str, str]:
    values: dict[str, str] = {}
    for name in FIELD_NAMES:
        field = field_of(receipt.fields, name)
        if field is not None:
            values |= {name: field.value, f"{name}_confidence": f"{field.confidence:.3f}"}
    date, total = receipt.fields.date, receipt.fields.total
    if date is not None:
        values["date_iso"] = date.iso or ""
    if total is not None:
        values |= {"amount": total.amount or "", "currency": total.currency or ""}
    return values


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
