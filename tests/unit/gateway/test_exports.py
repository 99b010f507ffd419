"""Exports of receipts."""

from __future__ import annotations

import copy
import csv
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.export_tables import AMOUNT_COLUMNS, CODE_COLUMNS, COLUMNS, ITEM_COLUMNS, ExportRow, build_cells
from gateway.exports import ExportFormat, format_csv, write_export
from shared.contracts import ADDITIONAL_FIELD_NAMES, FIELD_NAMES, Fields, Receipt
from tests.support.itemized_receipt import CODES, ITEMIZED_RECEIPT

_XML = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
# The last but one begins with a fullwidth sign.
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", '=HYPERLINK("http://x")']


def create_receipt(**values: dict[str, Any] | None) -> Receipt:
    """Create the example receipt with some members of its fields changed, or without fields that are None."""
    content = copy.deepcopy(RECEIPT_EXAMPLE)
    for name, changed in values.items():
        content["fields"][name] = None if changed is None else content["fields"][name] | changed
    return Receipt.model_validate(content)


async def export(rows: list[ExportRow], export_format: ExportFormat) -> bytes:
    async def iterate() -> AsyncIterator[ExportRow]:
        for row in rows:
            yield row

    return b"".join([chunk async for chunk in write_export(iterate(), export_format)])


def read_cells(workbook: bytes, number: int = 1) -> list[list[str]]:
    """Return the text of all cells of a sheet by row; fail if there is a formula or a link."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        sheet = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))  # noqa: S314 - written by the test
        assert not [name for name in archive.namelist() if "externalLink" in name]
    assert not list(sheet.iter(f"{_XML}f"))
    assert not list(sheet.iter(f"{_XML}hyperlink"))
    return [["".join(cell.itertext()) for cell in row] for row in sheet.iter(f"{_XML}row")]


def test_row_has_dates_numbers_and_original_text() -> None:
    cells = build_cells(ExportRow("lunch.jpg", create_receipt(company={"corrected": True}), page=1))
    assert tuple(cells) == COLUMNS
    assert (cells["file"], cells["page"], cells["id"]) == ("lunch.jpg", 2, RECEIPT_EXAMPLE["id"])
    assert (cells["date"], cells["date_text"]) == (date(2018, 12, 25), "25/12/2018")
    assert (cells["total"], cells["total_text"], cells["currency"]) == (Decimal("9.00"), "9.00", "MYR")
    assert (cells["company_corrected"], cells["date_corrected"]) == ("directory", None)
    assert cells["company_confidence"] == 0.98


def test_ambiguous_value_is_empty_next_to_its_text() -> None:
    cells = build_cells(ExportRow(receipt=create_receipt(date={"iso": None}, total={"amount": None}, address=None)))
    assert (cells["date"], cells["date_text"], cells["total"], cells["total_text"]) == (
        None,
        "25/12/2018",
        None,
        "9.00",
    )
    assert (cells["address"], cells["address_confidence"], cells["file"]) == (None, None, None)


def test_corrections_replace_readings() -> None:
    def correct(**values: str | None) -> dict[str, Any]:
        return {"value": None, "model_value": None, "at": "2026-11-25T09:30:00Z"} | values

    fields = {
        "company": correct(value="SHOP"),
        "date": correct(value="24/12/2018", iso="2018-12-24"),
        "total": correct(),
    }
    corrections = {"receipt_id": RECEIPT_EXAMPLE["id"], "fields": fields}
    cells = build_cells(ExportRow(receipt=Receipt.model_validate(RECEIPT_EXAMPLE | {"corrections": corrections})))
    assert (cells["company"], cells["company_corrected"], cells["company_confidence"]) == ("SHOP", "person", 1.0)
    assert (cells["date"], cells["date_text"]) == (date(2018, 12, 24), "24/12/2018")
    assert (cells["total"], cells["total_text"], cells["total_corrected"]) == (None, None, "person")
    assert cells["total_confidence"] is None
    assert (cells["address"], cells["address_corrected"]) == (RECEIPT_EXAMPLE["fields"]["address"]["value"], None)


@pytest.mark.parametrize("text", FORMULAS)
async def test_tables_contain_no_formulas(text: str) -> None:
    rows = [ExportRow(text, create_receipt(company={"value": text}, total={"value": text, "amount": text}), error=text)]
    header, row = csv.reader(io.StringIO((await export(rows, "csv")).decode(), newline=""))
    assert header == list(COLUMNS)
    assert len(row) == len(COLUMNS)
    for value in row[: COLUMNS.index("total")] + row[COLUMNS.index("total") + 1 :]:  # the total is a number or empty
        assert not re.match(r"\s*[=+\-@＝]", value), value
    assert row[COLUMNS.index("company")] == f"'{text}".replace("\r", " ").replace("\t", " ")
    sheet = read_cells(await export(rows, "xlsx"))
    assert any(text.strip() in value for value in sheet[1])


async def test_tables_contain_no_control_characters() -> None:
    rows = [ExportRow("a\x00\x1b]0;b\x07\x9bc\u2028\r\n=1", create_receipt())]
    _, row = csv.reader(io.StringIO((await export(rows, "csv")).decode(), newline=""))
    assert row[0] == "a ]0;b c =1"
    assert row[0] in read_cells(await export(rows, "xlsx"))[1]


def test_negative_number_is_not_escaped() -> None:
    rows = [ExportRow(receipt=create_receipt(total={"amount": "-9.00"}))]
    (row,) = csv.DictReader(io.StringIO(format_csv(rows, header=True)))
    assert row["total"] == "-9.00"


async def test_workbook_has_a_header_and_one_row_per_receipt() -> None:
    odd = create_receipt(company={"value": "A <&> B\x00\x1b " + "x" * 40_000}, date={"iso": "1899-12-31"})
    sheet = read_cells(await export([ExportRow("a.jpg", odd), ExportRow("b.jpg", error="damaged")], "xlsx"))
    assert sheet[0] == list(COLUMNS)
    assert len(sheet) == 3
    assert "A <&> B" in sheet[1][2]
    assert "1899-12-31" in sheet[1]
    assert sheet[2] == ["b.jpg", "damaged"]


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_json_is_a_list_and_json_lines_has_one_object_per_line(count: int) -> None:
    rows = [ExportRow("a\nb.jpg", create_receipt())] * count + [ExportRow("bad.jpg", error="damaged")]
    expected = [{"file": "a\nb.jpg", **json.loads(create_receipt().model_dump_json())}] * count
    assert json.loads(await export(rows, "json")) == expected
    lines = (await export(rows, "jsonl")).decode().splitlines()
    assert [json.loads(line) for line in lines] == expected


def test_row_has_additional_fields_and_failed_checks() -> None:
    cells = build_cells(ExportRow(receipt=Receipt.model_validate(ITEMIZED_RECEIPT)))
    assert (cells["time"], cells["phone"], cells["payment_method"]) == ("20:13", "03-7726 1234", "card")
    assert (cells["card_last4"], cells["country"], cells["document_type"]) == ("1234", "MY", "receipt")
    assert (cells["subtotal"], cells["rounding"], cells["tip"]) == (Decimal("13.00"), Decimal("-0.03"), None)
    assert (cells["items"], cells["failed_checks"], cells["tax_confidence"]) == (2, "items_to_subtotal", 0.8)


def test_columns_cover_all_fields() -> None:
    assert set(FIELD_NAMES) | set(ADDITIONAL_FIELD_NAMES) == set(Fields.model_fields)
    assert len(set(COLUMNS)) == len(COLUMNS)


async def test_items_have_one_row_each_in_csv_and_on_their_own_sheet() -> None:
    rows = [ExportRow("a.jpg", Receipt.model_validate(ITEMIZED_RECEIPT)), ExportRow("b.jpg", error="damaged")]
    items = list(csv.DictReader(io.StringIO((await export(rows, "items-csv")).decode())))
    names = ("file", "item", "sub_item", "description", "quantity", "unit_price", "amount", "currency")
    assert [tuple(item[name] for name in names) for item in items] == [
        ("a.jpg", "1", "", "TEH TARIK", "2", "4.00", "8.00", "MYR"),
        ("a.jpg", "1", "1", "'+EXTRA MILK", "", "", "0.50", "MYR"),
        ("a.jpg", "2", "", "RICE", "0.482", "8.2988", "4.00", "MYR"),
    ]
    assert {item["id"] for item in items} == {ITEMIZED_RECEIPT["id"]}
    workbook = await export(rows, "xlsx")
    assert len(read_cells(workbook)) == 3
    sheet = read_cells(workbook, 2)
    assert sheet[0] == list(ITEM_COLUMNS)
    assert ["+EXTRA MILK" in cells for cells in sheet] == [False, False, True, False]


async def test_codes_have_one_row_each_in_csv_and_on_their_own_sheet() -> None:
    receipt = Receipt.model_validate(ITEMIZED_RECEIPT | {"codes": CODES, "einvoice": {"syntax": "cii"}})
    rows = [ExportRow("a.jpg", receipt), ExportRow("b.jpg", error="damaged")]
    fiscal, barcode = csv.DictReader(io.StringIO((await export(rows, "codes-csv")).decode()))
    assert {name: value for name, value in fiscal.items() if value} == {
        **{"file": "a.jpg", "id": ITEMIZED_RECEIPT["id"], "code": "1", "format": "qr_code"},
        **{"text": "A:501442600*B:...", "standard": "pt-atcud", "kind": "fiscal", "country": "PT"},
        **{"tax_id": "501442600", "receipt_number": "FS 1/17", "date": "2018-12-25", "total": "13.75", "tax": "0.78"},
        **{"currency": "EUR", "identifiers": "atcud=CSDF7T5H-17 type=FS"},
    }
    assert (barcode["code"], barcode["text"], barcode["standard"]) == ("2", "'=R-17 [31m", "")
    assert {build_cells(rows[0])[name] for name in ("codes", "einvoice")} == {2, "cii"}
    sheet = read_cells(await export(rows, "xlsx"), 3)
    assert sheet[0] == list(CODE_COLUMNS)
    assert len(sheet) == 3


@pytest.mark.parametrize("text", FORMULAS)
async def test_additional_cells_contain_no_formulas(text: str) -> None:
    content = copy.deepcopy(ITEMIZED_RECEIPT)
    for name in ("phone", "tax_id", "receipt_number"):
        content["fields"][name]["value"] = text
    content["fields"]["payment_method"]["last4"] = text
    content["country"]["value"] = text
    content["items"][0]["description"]["value"] = content["items"][1]["unit"]["value"] = text
    content["items"][0]["amount"] |= {"amount": text, "currency": text}
    content["items"][1]["code"] = content["items"][0]["description"]
    rows = [ExportRow(receipt=Receipt.model_validate(content))]
    formats: tuple[ExportFormat, ...] = ("csv", "items-csv")
    for export_format in formats:
        table = csv.DictReader(io.StringIO((await export(rows, export_format)).decode(), newline=""))
        for row in table:
            for name, value in row.items():
                assert name in AMOUNT_COLUMNS or not re.match(r"\s*[=+\-@＝]", value), (name, value)
    assert read_cells(await export(rows, "xlsx"), 2)
