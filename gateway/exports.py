"""Receipts for other programs: JSON, JSON lines, CSV and XLSX; the same from a job, the page and the command line.

Text that a spreadsheet would take for a formula stays text: what is printed on a receipt must not become a command.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Literal

import xlsxwriter
from pydantic import Field
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from shared.contracts import FIELD_NAMES, FieldCorrection, FieldName, Receipt, ReceiptField

ExportFormat = Literal["json", "jsonl", "csv", "xlsx"]
Cell = str | float | Decimal | date | None

FORMATS: dict[ExportFormat, str] = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Media types."""
_TABLES = (FORMATS["csv"], FORMATS["xlsx"])

COLUMNS = (
    *("file", "page", "id", "company", "date", "address", "total", "currency"),
    *(f"{name}_confidence" for name in FIELD_NAMES),
    *(f"{name}_corrected" for name in FIELD_NAMES),
    *("date_text", "total_text", "error"),
)
"""Of a table: `date` in ISO 8601 and `total` as a number, both empty if what the receipt says (`date_text`,
`total_text`) does not tell; what people corrected goes before what was read; `page` from 1, only where each page is a
receipt of its own."""

_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|\t")
_LINE_ENDS = re.compile(r"[\r\n]+")  # a single carriage return is not quoted by `csv`, and ends rows
_AMOUNT = re.compile(r"-?\d{1,12}(\.\d{1,4})?")
_WIDTHS = {"file": 24, "company": 32, "address": 48, "id": 34, "date": 12, "date_text": 14, "error": 48}
_LONGEST_CELL = 32_767  # of a spreadsheet
_CHUNK_BYTES = 64 * 1024
_IN_MEMORY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class ExportRow:
    """One row of an export.

    Attributes:
        file: Name of the file it came from, None where it is not known.
        receipt: None if the file could not be read.
        page: Index from 0, where each page of a file is a receipt of its own.
        error: Why there is no receipt.
    """

    file: str | None = None
    receipt: Receipt | None = None
    page: int | None = None
    error: str = ""


class ExportedReceipt(Receipt):
    """A receipt in an export, with the file it came from."""

    file: str | None = Field(description="Null where it is not known.", examples=["lunch.jpg"])


def export_responses(description: str, example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Documents for OpenAPI an answer in all formats; JSON is described by the model of the route and one object."""
    tables: dict[str, Any] = {media_type.partition(";")[0]: {"schema": {"type": "string"}} for media_type in _TABLES}
    lines = {"schema": {"type": "string"}, "example": f"{json.dumps(example)}\n"}
    content = {"application/json": {"example": [example]}, "application/jsonl": lines} | tables
    return {200: {"description": description, "content": content}}


def export_headers(name: str, how: ExportFormat) -> dict[str, str]:
    """Headers by which a browser saves the answer as a file; `name` is of plain letters and has no ending."""
    return {"Content-Disposition": f'attachment; filename="{name}.{how}"'}


async def export(rows: AsyncIterator[ExportRow], how: ExportFormat) -> AsyncIterator[bytes]:
    """Yields a file with the rows, piece by piece; in JSON and JSON lines rows without a receipt are left out."""
    if how == "csv":
        yield csv_lines([], header=True).encode()
        async for row in rows:
            yield csv_lines([row]).encode()
    elif how == "xlsx":
        # Only the cells of the table are held, not the text of the receipts.
        cells = [table_cells(row) async for row in rows]
        with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
            await asyncio.to_thread(_write_workbook, file, cells)
            file.seek(0)
            while piece := file.read(_CHUNK_BYTES):
                yield piece
    else:
        objects = (json_object(row) async for row in rows if row.receipt is not None)
        async for piece in json_pieces(objects, as_list=how == "json"):
            yield piece


async def json_pieces(objects: AsyncIterator[str], *, as_list: bool) -> AsyncIterator[bytes]:
    """Yields JSON objects as one list, or one a line."""
    before = "[" if as_list else ""
    async for text in objects:
        yield f"{before}{text}".encode() if as_list else f"{text}\n".encode()
        before = ",\n"
    if as_list:
        yield b"]" if before != "[" else b"[]"


def json_object(row: ExportRow) -> str:
    """A receipt as JSON, with the file it came from before its own members."""
    assert row.receipt is not None  # noqa: S101 - rows without one are left out
    return f'{{"file": {json.dumps(row.file, ensure_ascii=False)}, {row.receipt.model_dump_json()[1:]}'


def csv_lines(rows: Iterable[ExportRow], *, header: bool = False) -> str:
    """Rows as CSV (RFC 4180, lines end as on this system's terminals)."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    if header:
        writer.writeheader()
    for row in rows:
        writer.writerow({name: _csv_cell(value) for name, value in table_cells(row).items()})
    return text.getvalue()


def table_cells(row: ExportRow) -> dict[str, Cell]:
    """A row as cells by `COLUMNS`: text, numbers, dates; None for what is not there."""
    cells: dict[str, Cell] = {"file": row.file, "error": row.error or None}
    if row.page is not None:
        cells["page"] = Decimal(row.page + 1)
    if row.receipt is not None:
        cells |= _receipt_cells(row.receipt)
    return {name: cells.get(name) for name in COLUMNS}


def _receipt_cells(receipt: Receipt) -> dict[str, Cell]:
    corrections = receipt.corrections.fields if receipt.corrections is not None else {}
    cells: dict[str, Cell] = {"id": receipt.id}
    for name in FIELD_NAMES:
        read: ReceiptField | None = getattr(receipt.fields, name)
        if read is not None:
            cells[f"{name}_confidence"] = round(read.confidence, 3)
        corrected = corrections.get(name)
        if corrected is not None:
            cells[f"{name}_corrected"] = "person"
        elif read is not None and read.corrected:
            cells[f"{name}_corrected"] = "directory"
        cells |= _value_cells(name, corrected if corrected is not None else read)
    return cells


def _value_cells(name: FieldName, field: ReceiptField | FieldCorrection | None) -> dict[str, Cell]:
    """What a field says, as read or as corrected; both have the same normalized forms."""
    if field is None or field.value is None:
        return {}
    if name == "date":
        return {"date": _date(getattr(field, "iso", None)), "date_text": field.value}
    if name == "total":
        amount, currency = getattr(field, "amount", None), getattr(field, "currency", None)
        return {"total": _amount(amount), "total_text": field.value, "currency": currency}
    return {name: field.value}


def _date(iso: str | None) -> date | None:
    try:
        return None if iso is None else date.fromisoformat(iso)
    except ValueError:
        return None


def _amount(amount: str | None) -> Decimal | None:
    return Decimal(amount) if amount is not None and _AMOUNT.fullmatch(amount) else None


def _csv_cell(value: Cell) -> str:
    if isinstance(value, str):
        value = _LINE_ENDS.sub(" ", value)
        return f"'{value}" if _FORMULA.match(value) else value
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)


def _write_workbook(file: IO[bytes], rows: list[dict[str, Cell]]) -> None:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(file, options) as workbook:
        sheet = workbook.add_worksheet("Receipts")
        bold = workbook.add_format({"bold": True})
        formats = {
            "date": workbook.add_format({"num_format": "yyyy-mm-dd"}),
            "total": workbook.add_format({"num_format": "0.00"}),
        }
        for column, name in enumerate(COLUMNS):
            sheet.set_column(column, column, _WIDTHS.get(name, 10))
            sheet.write_string(0, column, name, bold)
        sheet.freeze_panes(1, 0)
        for number, cells in enumerate(rows, start=1):
            for column, name in enumerate(COLUMNS):
                _write_cell(sheet, number, column, cells[name], formats.get(name))
        sheet.autofilter(0, 0, len(rows), len(COLUMNS) - 1)


def _write_cell(sheet: Worksheet, row: int, column: int, value: Cell, style: Format | None) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, value[:_LONGEST_CELL], style)
    elif isinstance(value, date):
        if value.year >= 1900:  # where the calendar of spreadsheets begins
            sheet.write_datetime(row, column, value, style)
        else:
            sheet.write_string(row, column, value.isoformat())
    elif value is not None:
        sheet.write_number(row, column, float(value), style)
