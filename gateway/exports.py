"""Exports of receipts as JSON, JSON Lines, CSV and XLSX, shared by jobs, the web page and the command line.

Text that a spreadsheet would interpret as a formula is escaped, because anyone can print a formula on a receipt.
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

MEDIA_TYPES: dict[ExportFormat, str] = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_TABLE_MEDIA_TYPES = (MEDIA_TYPES["csv"], MEDIA_TYPES["xlsx"])

# The columns of a table. Corrected values replace those that were read. `date` (ISO 8601) and `total` (a number) are
# empty if the text on the receipt (`date_text`, `total_text`) is ambiguous. `page` starts at 1 and is set only if each
# page is a separate receipt.
COLUMNS = (
    *("file", "page", "id", "company", "date", "address", "total", "currency"),
    *(f"{name}_confidence" for name in FIELD_NAMES),
    *(f"{name}_corrected" for name in FIELD_NAMES),
    *("date_text", "total_text", "error"),
)

_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|\t")
# `csv` does not quote a single carriage return, which would end the row.
_LINE_BREAKS = re.compile(r"[\r\n]+")
_AMOUNT = re.compile(r"-?\d{1,12}(\.\d{1,4})?")
# In characters.
_COLUMN_WIDTHS = {"file": 24, "company": 32, "address": 48, "id": 34, "date": 12, "date_text": 14, "error": 48}
_MAX_CELL_LENGTH = 32_767  # a limit of XLSX
_CHUNK_BYTES = 64 * 1024
_MAX_MEMORY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class ExportRow:
    """One row of an export.

    Attributes:
        file: Name of the file the receipt came from, if known.
        receipt: The receipt; None if the file could not be read.
        page: Index of the page, from 0, if each page of the file is a separate receipt.
        error: The reason if there is no receipt.
    """

    file: str | None = None
    receipt: Receipt | None = None
    page: int | None = None
    error: str = ""


class ExportedReceipt(Receipt):
    """A receipt in an export, with the name of the file it came from."""

    file: str | None = Field(description="Null if unknown.", examples=["lunch.jpg"])


def build_export_responses(description: str, example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Build the OpenAPI description of an export in all formats; the route's model describes the JSON."""
    tables: dict[str, Any] = {
        media_type.partition(";")[0]: {"schema": {"type": "string"}} for media_type in _TABLE_MEDIA_TYPES
    }
    lines = {"schema": {"type": "string"}, "example": f"{json.dumps(example)}\n"}
    content = {"application/json": {"example": [example]}, "application/jsonl": lines} | tables
    return {200: {"description": description, "content": content}}


def build_export_headers(name: str, export_format: ExportFormat) -> dict[str, str]:
    """Build headers that make a browser save the response as a file; `name` is ASCII without an extension."""
    return {"Content-Disposition": f'attachment; filename="{name}.{export_format}"'}


async def write_export(rows: AsyncIterator[ExportRow], export_format: ExportFormat) -> AsyncIterator[bytes]:
    """Yield an export in chunks; JSON and JSON Lines omit rows without a receipt."""
    if export_format == "csv":
        yield format_csv([], header=True).encode()
        async for row in rows:
            yield format_csv([row]).encode()
    elif export_format == "xlsx":
        # Holds the cells in memory, but not the lines of the receipts.
        cells = [build_cells(row) async for row in rows]
        with SpooledTemporaryFile(max_size=_MAX_MEMORY_BYTES) as file:
            await asyncio.to_thread(_write_workbook, file, cells)
            file.seek(0)
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    else:
        objects = (format_json(row.receipt, row.file) async for row in rows if row.receipt is not None)
        async for chunk in write_json(objects, as_list=export_format == "json"):
            yield chunk


async def write_json(objects: AsyncIterator[str], *, as_list: bool) -> AsyncIterator[bytes]:
    """Yield JSON objects as one list, or as one line per object."""
    separator = "[" if as_list else ""
    async for text in objects:
        yield f"{separator}{text}".encode() if as_list else f"{text}\n".encode()
        separator = ",\n"
    if as_list:
        yield b"]" if separator != "[" else b"[]"


def format_json(receipt: Receipt, file: str | None) -> str:
    """Format a receipt as a JSON object that begins with the name of its file."""
    return f'{{"file": {json.dumps(file, ensure_ascii=False)}, {receipt.model_dump_json()[1:]}'


def format_csv(rows: Iterable[ExportRow], *, header: bool = False) -> str:
    """Format rows as CSV (RFC 4180, but with LF at the end of lines)."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    if header:
        writer.writeheader()
    for row in rows:
        writer.writerow({name: _format_csv_cell(value) for name, value in build_cells(row).items()})
    return text.getvalue()


def build_cells(row: ExportRow) -> dict[str, Cell]:
    """Build the cells of a row by column: text, numbers, dates, or None for an empty cell."""
    cells: dict[str, Cell] = {"file": row.file, "error": row.error or None}
    if row.page is not None:
        cells["page"] = Decimal(row.page + 1)
    if row.receipt is not None:
        cells |= _build_receipt_cells(row.receipt)
    return {name: cells.get(name) for name in COLUMNS}


def _build_receipt_cells(receipt: Receipt) -> dict[str, Cell]:
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
        cells |= _build_value_cells(name, corrected if corrected is not None else read)
    return cells


def _build_value_cells(name: FieldName, field: ReceiptField | FieldCorrection | None) -> dict[str, Cell]:
    if field is None or field.value is None:
        return {}
    if name == "date":
        return {"date": _parse_date(getattr(field, "iso", None)), "date_text": field.value}
    if name == "total":
        amount, currency = getattr(field, "amount", None), getattr(field, "currency", None)
        return {"total": _parse_amount(amount), "total_text": field.value, "currency": currency}
    return {name: field.value}


def _parse_date(iso: str | None) -> date | None:
    try:
        return None if iso is None else date.fromisoformat(iso)
    except ValueError:
        return None


def _parse_amount(amount: str | None) -> Decimal | None:
    return Decimal(amount) if amount is not None and _AMOUNT.fullmatch(amount) else None


def _format_csv_cell(value: Cell) -> str:
    if isinstance(value, str):
        value = _LINE_BREAKS.sub(" ", value)
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
            sheet.set_column(column, column, _COLUMN_WIDTHS.get(name, 10))
            sheet.write_string(0, column, name, bold)
        sheet.freeze_panes(1, 0)
        for row, cells in enumerate(rows, start=1):
            for column, name in enumerate(COLUMNS):
                _write_cell(sheet, row, column, cells[name], formats.get(name))
        sheet.autofilter(0, 0, len(rows), len(COLUMNS) - 1)


def _write_cell(sheet: Worksheet, row: int, column: int, value: Cell, style: Format | None) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, value[:_MAX_CELL_LENGTH], style)
    elif isinstance(value, date):
        if value.year >= 1900:  # the first year that spreadsheets support
            sheet.write_datetime(row, column, value, style)
        else:
            sheet.write_string(row, column, value.isoformat())
    elif value is not None:
        sheet.write_number(row, column, float(value), style)
