"""The command `extract`, with a stand-in for the gateway."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import signal
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from rich.console import Console

from benchmarks.processes import find_free_port
from quittance import client
from quittance.commands.extract import _Printer
from quittance.display.draw import COLORS
from quittance.display.tables import build_receipt_tables
from quittance.extract import Reading
from quittance_client import AsyncClient
from shared.contracts import Receipt
from tests.support.command_line import RECEIPT, run_command
from tests.support.itemized_receipt import CODES, ITEMIZED_RECEIPT

# With the members that the stand-in for the gateway leaves out.
FULL_RECEIPT = Receipt.model_validate(RECEIPT).model_dump(mode="json")


def test_reports_missing_files_before_loading_the_models(tmp_path: Path) -> None:
    result = run_command("extract", tmp_path / "absent.jpg", tmp_path)
    assert result.exit_code == 1
    assert "absent.jpg: no such file" in result.stderr
    assert f"{tmp_path}: there are no pictures in this folder" in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("gateway")
def test_prints_one_receipt_as_a_table_of_fields(picture: Path) -> None:
    result = run_command("extract", picture)
    assert result.exit_code == 0, result.output
    rows = {line.split("│")[1].strip(): line for line in result.stdout.splitlines() if line.startswith("│")}
    assert "[b]OOK SHOP" in rows["company"]  # not treated as markup
    assert "98%" in rows["company"]
    assert "not found" in rows["date"]
    assert "9.00 MYR" in rows["total"]
    assert "2 lines, 0.22 s" in result.stdout


def test_prints_additional_fields_items_and_failing_checks() -> None:
    receipt = Receipt.model_validate(ITEMIZED_RECEIPT)
    printer = Console(width=120, no_color=True)
    with printer.capture() as capture:
        printer.print(*build_receipt_tables("a.jpg", receipt))
    lines = capture.get().splitlines()
    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:-1]] for line in lines if len(cells := line.split("│")) > 3
    }
    assert rows["receipt number"][0] == "=R-17"
    assert rows["phone"][1] == "+60377261234"
    assert rows["payment method"][1] == "card 1234"
    assert "tip" not in rows
    assert rows["TEH TARIK"] == ["2", "4.00", "8.00"]
    assert rows["+EXTRA MILK"] == ["", "", "0.50"]
    assert rows["6%"] == ["13.00", "0.78"]
    assert (rows["country"][0], rows["document type"][0]) == ("MY", "receipt")
    assert "Check: Items add up to 12.50, but the subtotal says 13.00." in lines
    assert sum(line.startswith("Check:") for line in lines) == 1


def test_prints_discounts_of_items() -> None:
    receipt = Receipt.model_validate(ITEMIZED_RECEIPT)
    discount = receipt.items[0].amount
    receipt.items[0] = receipt.items[0].model_copy(update={"discount": discount})
    printer = Console(width=120, no_color=True)
    with printer.capture() as capture:
        printer.print(*build_receipt_tables("a.jpg", receipt))
    (row,) = (line for line in capture.get().splitlines() if "TEH TARIK" in line)
    assert [cell.strip() for cell in row.split("│")[2:-1]] == ["2", "4.00", "8.00", "8.00"]
    assert "Discount" in capture.get()


def test_prints_codes_and_embedded_invoices() -> None:
    einvoice = {"syntax": "ubl", "receipt_number": "R-17", "due": "9.00", "currency": "EUR", "due_date": "2026-01-31"}
    receipt = Receipt.model_validate(ITEMIZED_RECEIPT | {"codes": CODES, "einvoice": einvoice})
    printer = Console(width=120, no_color=True)
    with printer.capture() as capture:
        printer.print(*build_receipt_tables("a.jpg", receipt), sep="\n")
    lines = capture.get().splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]
    assert ["pt-atcud", "501442600 FS 1/17", "2018-12-25", "13.75 EUR"] in cells
    assert ["code_128", "=R-17 [31m", "", ""] in cells
    assert "Embedded invoice: ubl R-17 due 9.00 EUR by 2026-01-31" in lines


@pytest.mark.usefixtures("wide_terminal")
def test_split_reads_each_page_as_a_receipt(monkeypatch: pytest.MonkeyPatch, picture: Path) -> None:
    asked: list[str] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.params.get("split", ""))
        document = RECEIPT | {"pages": RECEIPT["pages"] * 2}
        second = ITEMIZED_RECEIPT | {"pages": [RECEIPT["pages"][0] | {"index": 1}]}
        parts = {"id": RECEIPT["id"], "receipts": [RECEIPT, second]}
        return httpx2.Response(200, json=parts if asked[-1] else document)

    transport = httpx2.MockTransport(respond)
    monkeypatch.setattr(client, "open_embedded_client", lambda: AsyncClient("http://in-process", transport=transport))
    result = run_command("extract", "--format", "csv", picture)
    assert "2 pages read as one receipt; use --split auto if they are several" in result.stderr
    result = run_command("extract", "--split", "pages", "--format", "csv", picture)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["page"], row["total"]) for row in rows] == [("1", "9.00"), ("2", "13.75")]
    result = run_command("extract", "--split", "pages", "--format", "json", picture)
    assert [one["page"] for one in json.loads(result.stdout)] == [0, 1]
    result = run_command("extract", "--split", "pages", picture)
    assert "receipt.png, receipt 2" in result.stdout
    assert asked == ["", "pages", "pages", "pages"]


@pytest.mark.usefixtures("wide_terminal")
def test_items_csv_has_one_row_per_item(monkeypatch: pytest.MonkeyPatch, picture: Path) -> None:
    def open_client() -> AsyncClient:
        transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=ITEMIZED_RECEIPT))
        return AsyncClient("http://in-process", transport=transport)

    monkeypatch.setattr(client, "open_embedded_client", open_client)
    codes = run_command("extract", "--format", "codes-csv", picture)
    assert codes.stdout.startswith("file,page,id,code,format,text,")
    result = run_command("extract", "--format", "items-csv", picture)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["file"], row["description"], row["amount"]) for row in rows] == [
        (str(picture), "TEH TARIK", "8.00"),
        (str(picture), "'+EXTRA MILK", "0.50"),
        (str(picture), "RICE", "4.00"),
    ]


@pytest.mark.usefixtures("gateway")
def test_prints_several_receipts_as_rows_and_exits_with_1_if_one_failed(picture: Path, damaged: Path) -> None:
    result = run_command("extract", damaged, picture)
    assert result.exit_code == 1
    assert "damaged.jpg: The picture is damaged. The JPEG ends early. Send the whole file." in result.stderr
    assert "1 of 2 files could not be read: see above." in result.stderr
    assert "9.00 MYR" in result.stdout
    assert "OOK SHOP" in result.stdout
    assert "failed, see above" in result.stdout


@pytest.mark.usefixtures("gateway")
def test_jsonl_has_one_object_per_line_in_the_order_given(picture: Path, damaged: Path, tmp_path: Path) -> None:
    other = tmp_path / 'a "b".png'
    other.write_bytes(picture.read_bytes())
    result = run_command("extract", "--format", "jsonl", other, damaged, picture)
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line.pop("file") for line in lines] == [str(other), str(picture)]
    assert lines == [FULL_RECEIPT, FULL_RECEIPT]


@pytest.mark.usefixtures("gateway")
def test_json_is_one_list(picture: Path) -> None:
    result = run_command("extract", "--format", "json", picture, picture)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == [{"file": str(picture), **FULL_RECEIPT}] * 2


@pytest.mark.usefixtures("gateway")
def test_csv_has_one_row_per_file(picture: Path, damaged: Path, tmp_path: Path) -> None:
    odd = tmp_path / "-a,b.png"
    odd.write_bytes(picture.read_bytes())
    result = run_command("extract", "--format", "csv", "--", odd, damaged)
    assert result.exit_code == 1
    good, bad = csv.DictReader(io.StringIO(result.stdout))
    assert (good["file"], good["total"], good["currency"], good["error"]) == (str(odd), "9.00", "MYR", "")
    assert (good["total_text"], good["date"], good["date_text"]) == ("RM 9.00", "", "")
    assert good["company_confidence"] == "0.980"
    assert bad["total"] == ""
    assert "The picture is damaged" in bad["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name at least one file"),
        (["--watch", "missing"], "--watch expects a folder; missing is not one"),
        (["--watch", ".", "--format", "json"], "use --format jsonl"),
        (["a.png", "--draw", __file__], "--draw expects a folder"),
        (["a.png", "--format", "xml"], "xml"),
    ],
)
def test_exits_with_2_for_wrong_usage(arguments: list[str], message: str) -> None:
    result = run_command("extract", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.usefixtures("gateway")
def test_writes_only_results_without_a_terminal(picture: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(picture.read_bytes())
    result = run_command("extract", "--format", "jsonl", picture, other)
    assert result.stderr == ""
    assert "\x1b" not in result.stdout


@pytest.mark.usefixtures("gateway")
def test_draws_lines_tags_and_text(picture: Path, tmp_path: Path) -> None:
    result = run_command("extract", picture, "--draw", tmp_path / "drawn")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "drawn" / "receipt-read.png") as drawn:
        pixels = drawn.convert("RGB")
    gutter = pixels.width - 2 * 200
    assert gutter > 0
    assert pixels.height == 100
    company = tuple(bytes.fromhex(COLORS["company"][1:]))
    assert {pixels.getpixel((x, 30)) for x in range(10, 150)} == {company}  # lower edge of the quad
    assert pixels.getpixel((200 + 15, 20)) == company  # tag in the gutter
    right = pixels.crop((200 + gutter, 0, pixels.width, 100))
    assert right.getextrema() != ((255, 255),) * 3  # text on the right half


@pytest.mark.usefixtures("gateway")
def test_reports_that_results_cannot_be_written(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run_command("extract", picture, "--draw", tmp_path / "file" / "drawn")
    assert result.exit_code == 1
    assert f"{tmp_path / 'file' / 'drawn'}: Not a directory" in result.stderr


def test_an_interruption_keeps_what_was_read(monkeypatch: pytest.MonkeyPatch, picture: Path, tmp_path: Path) -> None:
    other = tmp_path / "slow.png"
    other.write_bytes(picture.read_bytes() + b"slow")

    is_added = asyncio.Event()
    add = _Printer.add

    def add_and_tell(printer: _Printer, reading: Reading, **options: bool) -> None:
        add(printer, reading, **options)
        is_added.set()

    async def respond(request: httpx2.Request) -> httpx2.Response:
        if b"slow" in await request.aread():
            await is_added.wait()
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(60)
        return httpx2.Response(200, json=RECEIPT)

    transport = httpx2.MockTransport(respond)
    monkeypatch.setattr(_Printer, "add", add_and_tell)
    monkeypatch.setattr(client, "open_embedded_client", lambda: AsyncClient("http://in-process", transport=transport))
    result = run_command("extract", "--format", "csv", picture, other)
    assert result.exit_code == 130
    assert [row["file"] for row in csv.DictReader(io.StringIO(result.stdout))] == [str(picture)]
    assert "Stopped after 1 of 2 files." in result.stderr


def test_reports_an_unreachable_gateway(picture: Path) -> None:
    url = f"http://127.0.0.1:{find_free_port()}"
    result = run_command("extract", picture, "--url", url)
    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr
    assert "Is the gateway running?" in result.stderr
