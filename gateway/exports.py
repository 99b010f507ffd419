"""Exports of receipts as JSON, JSON Lines, CSV and XLSX, shared by jobs, the web page and the command line.

Text that a spreadsheet would interpret as a formula is escaped, because anyone can print a formula on a receipt.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import date
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Literal

import xlsxwriter
from pydantic import Field
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from gateway.export_tables import (
    AMOUNT_COLUMNS,
    CODE_COLUMNS,
    COLUMN_WIDTHS,
    COLUMNS,
    ITEM_COLUMNS,
    Cell,
    Cells,
    ExportRow,
    build_cells,
    build_code_cells,
    build_item_cells,
)
from shared.contracts import Receipt

ExportFormat = Literal["json", "jsonl", "csv", "items-csv", "codes-csv", "xlsx"]

MEDIA_TYPES: dict[ExportFormat, str] = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "items-csv": "text/csv; charset=utf-8",
    "codes-csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# The columns, and what returns the rows of a receipt.
_CSV_TABLES: dict[ExportFormat, tuple[Sequence[str], Callable[[ExportRow], Iterable[Cells]]]] = {
    "csv": (COLUMNS, lambda row: [build_cells(row)]),
    "items-csv": (ITEM_COLUMNS, build_item_cells),
    "codes-csv": (CODE_COLUMNS, build_code_cells),
}
_TABLE_MEDIA_TYPES = (MEDIA_TYPES["csv"], MEDIA_TYPES["xlsx"])

_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
# A code may contain them: line breaks would end the row, and others drive the terminal that shows a table.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MAX_CELL_LENGTH = 32_767  # a limit of XLSX
_CHUNK_BYTES = 64 * 1024
_MAX_MEMORY_BYTES = 4 * 1024 * 1024


class ExportedReceipt(Receipt):
    """A receipt in an export, with the name of the file it came from."""

    file: str | None = Field(description="Null if unknown.", examples=["lunch.jpg"])
    page: int | None = Field(
        default=None, ge=0, description="Position in its file, from 0, if each page is a separate receipt."
    )


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
    # "items-csv" becomes NAME-items.csv.
    file_name = f"{name}-{export_format.replace('-', '.')}" if "-" in export_format else f"{name}.{export_format}"
    return {"Content-Disposition": f'attachment; filename="{file_name}"'}


async def write_export(rows: AsyncIterator[ExportRow], export_format: ExportFormat) -> AsyncIterator[bytes]:
    """Yield an export in chunks; JSON and JSON Lines omit rows without a receipt."""
    if export_format in _CSV_TABLES:
        yield format_csv([], export_format, header=True).encode()
        async for row in rows:
            yield format_csv([row], export_format).encode()
    elif export_format == "xlsx":
        # Holds the cells in memory, but not the lines of the receipts.
        cells: list[Cells] = []
        item_cells: list[Cells] = []
        code_cells: list[Cells] = []
        async for row in rows:
            cells.append(build_cells(row))
            item_cells += build_item_cells(row)
            code_cells += build_code_cells(row)
        with SpooledTemporaryFile(max_size=_MAX_MEMORY_BYTES) as file:
            await asyncio.to_thread(_write_workbook, file, cells, item_cells, code_cells)
            file.seek(0)
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    else:
        objects = (format_json(row.receipt, row.file, row.page) async for row in rows if row.receipt is not None)
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


def format_json(receipt: Receipt, file: str | None, page: int | None = None) -> str:
    """Format a receipt as a JSON object that begins with the name of its file, and its page if it is only that."""
    origin = f'"file": {json.dumps(file, ensure_ascii=False)}, ' + ("" if page is None else f'"page": {page}, ')
    return f"{{{origin}{receipt.model_dump_json()[1:]}"


def format_csv(rows: Iterable[ExportRow], table: ExportFormat = "csv", *, header: bool = False) -> str:
    """Format receipts as CSV (RFC 4180, but with LF at the end of lines).

    Args:
        rows: The receipts.
        table: `csv` for a row per receipt, `items-csv` per item, `codes-csv` per QR code or barcode.
        header: Whether to begin with the names of the columns.
    """
    columns, build = _CSV_TABLES[table]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    if header:
        writer.writeheader()
    for row in rows:
        for cells in build(row):
            writer.writerow({name: _format_csv_cell(value) for name, value in cells.items()})
    return text.getvalue()


def _format_csv_cell(value: Cell) -> str:
    if isinstance(value, str):
        value = _CONTROLS.sub(" ", value)
        return f"'{value}" if _FORMULA.match(value) else value
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)


def _write_workbook(
    file: IO[bytes], rows: Sequence[Cells], item_rows: Sequence[Cells], code_rows: Sequence[Cells]
) -> None:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(file, options) as workbook:
        bold = workbook.add_format({"bold": True})
        formats = {"date": workbook.add_format({"num_format": "yyyy-mm-dd"})}
        # Unit prices, such as that of fuel, may have up to four decimals.
        formats |= dict.fromkeys(AMOUNT_COLUMNS, workbook.add_format({"num_format": "0.00##"}))
        # In constant memory, a sheet must be complete before the next one begins.
        _write_sheet(workbook.add_worksheet("Receipts"), COLUMNS, rows, bold, formats)
        _write_sheet(workbook.add_worksheet("Items"), ITEM_COLUMNS, item_rows, bold, formats)
        _write_sheet(workbook.add_worksheet("Codes"), CODE_COLUMNS, code_rows, bold, formats)


def _write_sheet(
    sheet: Worksheet, columns: Sequence[str], rows: Sequence[Cells], bold: Format, formats: Mapping[str, Format]
) -> None:
    for column, name in enumerate(columns):
        sheet.set_column(column, column, COLUMN_WIDTHS.get(name, 10))
        sheet.write_string(0, column, name, bold)
    sheet.freeze_panes(1, 0)
    for row, cells in enumerate(rows, start=1):
        for column, name in enumerate(columns):
            _write_cell(sheet, row, column, cells[name], formats.get(name))
    sheet.autofilter(0, 0, len(rows), len(columns) - 1)


def _write_cell(sheet: Worksheet, row: int, column: int, value: Cell, style: Format | None) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, _CONTROLS.sub(" ", value)[:_MAX_CELL_LENGTH], style)
    elif isinstance(value, date):
        if value.year >= 1900:  # the first year that spreadsheets support
            sheet.write_datetime(row, column, value, style)
        else:
            sheet.write_string(row, column, value.isoformat())
    elif value is not None:
        sheet.write_number(row, column, float(value), style)
