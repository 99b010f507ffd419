"""The command `extract`."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quittance.display import console

if TYPE_CHECKING:
    from gateway.export_tables import ExportRow
    from quittance.extract import Reading
    from quittance.inputs import InputFile
    from quittance_client import AsyncClient
    from shared.contracts import Receipt

# As in `shared.contracts`, which takes long to import.
Split = Literal["auto", "receipts", "pages"]


class Format(StrEnum):
    """The output formats of `extract`."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    ITEMS_CSV = "items-csv"
    CODES_CSV = "codes-csv"


# As `gateway.exports.ExportFormat`.
_CSV_TABLES: dict[Format, Literal["csv", "items-csv", "codes-csv"]] = {
    Format.CSV: "csv",
    Format.ITEMS_CSV: "items-csv",
    Format.CODES_CSV: "codes-csv",
}


def extract(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            readable=False,  # one file that may not be read does not keep the others from it
            help="Pictures (JPEG, PNG, WebP, HEIC, AVIF, JPEG XL, GIF, TIFF, BMP), PDFs, invoices in XML, "
            "zips of them, folders, or patterns.",
        ),
    ] = None,
    output_format: Annotated[
        Format,
        typer.Option(
            "--format",
            help="A table for people, one JSON list, JSON lines (one object per line), CSV with a row per receipt, "
            "items-csv with a row per item, or codes-csv with a row per QR code or barcode.",
        ),
    ] = Format.TABLE,
    url: Annotated[str | None, typer.Option(help="Use the gateway at this URL instead of loading the models.")] = None,
    key: Annotated[str | None, typer.Option(envvar="QUITTANCE_API_KEY", help="API key for the gateway.")] = None,
    split: Annotated[
        Split | None,
        typer.Option(
            "--split",
            help="Read each receipt in a file: auto finds them on pages, several on a page, and those with several "
            "pages; receipts takes no two pages as one; pages takes each page as one. By default, a file is a receipt.",
        ),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="The files are pictures of one long receipt, from top to bottom.")
    ] = False,
    draw: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write pictures annotated with what was read to this folder.")
    ] = None,
    watch: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep reading new pictures in this folder until Ctrl-C.")
    ] = None,
) -> None:
    """Read receipts from pictures and documents.

    Results go to standard output, messages to standard error. Exits with 1 if a file could not be read.
    """
    from quittance.inputs import InputError, expand

    _check_usage(files, output_format, watch, draw, merge=merge, split=split)
    found = expand(files or [])
    if watch is None and all(file.explain_unreadable() for file in found):  # not worth loading the models
        for file in found:
            console.print_failure(file.path, file.explain_unreadable())
        raise typer.Exit(1)
    from quittance_client import QuittanceError
    from shared.service.settings import SettingsError
    from shared.startup import StartupError

    # An OSError means that results cannot be written: to a full disk, or to a folder of others.
    with console.exit_on(QuittanceError, SettingsError, StartupError, InputError, OSError):
        printer = _Printer(output_format, draw)
        failed = asyncio.run(_extract(found, printer, url=url, key=key, split=split, watch=watch, merge=merge))
    raise typer.Exit(int(failed))


def _check_usage(
    files: list[Path] | None,
    output_format: Format,
    watch: Path | None,
    draw: Path | None,
    *,
    merge: bool,
    split: Split | None,
) -> None:
    if merge and (split is not None or watch is not None or not files):
        raise typer.BadParameter("--merge takes pictures of one receipt, and neither --split nor --watch")
    if not files and watch is None:
        raise typer.BadParameter("name at least one file, or a folder to --watch")
    if watch is not None and output_format is Format.JSON:
        raise typer.BadParameter("--watch cannot write a single JSON list; use --format jsonl")
    if watch is not None and not watch.is_dir():
        raise typer.BadParameter(f"--watch expects a folder; {watch} is not one")
    if draw is not None and os.path.isfile(draw):
        raise typer.BadParameter(f"--draw expects a folder; {draw} is not one")


async def _extract(
    files: list[InputFile],
    printer: _Printer,
    *,
    url: str | None,
    key: str | None,
    split: Split | None,
    watch: Path | None,
    merge: bool,
) -> bool:
    """Read the files, then the ones that arrive; return whether any failed."""
    from quittance.extract import read_merged
    from quittance.watch import find_pictures
    from quittance_client import AsyncClient

    known = find_pictures(watch) if watch is not None else {}
    async with AsyncClient(url, api_key=key) if url else _open_embedded_client() as client:
        readings: list[Reading] = []
        if merge:
            readings = [await read_merged(client, files)]
            printer.add(readings[0], is_merged=True)
        elif files:
            readings = await _read_all(client, files, printer, split=split)
        printer.print_all(readings)
        if failed := sum(reading.receipt is None for reading in readings if len(files) > 1):
            console.print_message(f"{failed:,} of {len(files):,} files could not be read: see above.", style="red")
        if watch is not None:
            await _watch(client, watch, known, printer, split=split)
    return printer.failed


async def _read_all(
    client: AsyncClient, files: list[InputFile], printer: _Printer, *, split: Split | None
) -> list[Reading]:
    """Return the readings of all files; on Ctrl-C, print those that were read until then."""
    from quittance.extract import read_files

    readings: list[Reading] = []
    count = 0
    try:
        with console.show_progress("Reading", len(files)) as advance:
            async for found in read_files(client, files, split=split):
                advance()
                for reading in found:
                    printer.add(reading)
                readings += found
                count += 1
    except asyncio.CancelledError:
        printer.print_all(readings)
        console.print_message(f"Stopped after {count:,} of {len(files):,} files.", style="yellow")
        raise
    return readings


def _open_embedded_client() -> AbstractAsyncContextManager[AsyncClient]:
    # Not needed to call a server, and slow to import.
    from quittance.client import open_embedded_client

    return open_embedded_client()


async def _watch(
    client: AsyncClient, folder: Path, known: dict[Path, tuple[int, int]], printer: _Printer, *, split: Split | None
) -> None:
    from quittance.extract import read_file
    from quittance.inputs import expand_file
    from quittance.watch import watch_folder

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console.print_message(f"Watching {folder}. Press Ctrl-C to stop.")
    async for path in watch_folder(folder, known, stop):
        for file in expand_file(path):
            for reading in await read_file(client, file, split=split):
                printer.add(reading)
                printer.print_one(reading)


class _Printer:
    """Prints readings in one format.

    Args:
        output_format: The format.
        draw: Folder for annotated pictures; None for none.

    Attributes:
        failed: Whether any file could not be read.
    """

    def __init__(self, output_format: Format, draw: Path | None) -> None:
        self.failed = False
        self._format = output_format
        self._draw = draw
        self._header = True
        self._drawings: dict[str, Reading] = {}

    def add(self, reading: Reading, *, is_merged: bool = False) -> None:
        """Handle a reading as soon as it arrives: print its failure, or print its JSON line and draw it."""
        if reading.receipt is None:
            self.failed = True
            console.print_failure(reading.path, reading.error)
            return
        _print_advice(reading, reading.receipt, is_merged=is_merged)
        if self._format is Format.JSONL:
            console.print_result(_json_object(reading))
        if self._draw is not None:
            from quittance.display.draw import draw_file

            target = self._name_drawing(reading, self._draw)
            draw_file(reading.file.read(), reading.receipt, target, page=reading.page or 0)
            console.print_message(f"{reading.name}: drawn in {target}")

    def _name_drawing(self, reading: Reading, folder: Path) -> Path:
        """Return where to draw a reading: a file named after its picture, and like that of no other picture."""
        name = reading.path.stem if reading.number is None else f"{reading.path.stem}-{reading.number + 1}"
        names = itertools.chain([f"{name}-read.png"], (f"{name}-read-{count}.png" for count in itertools.count(2)))
        free = next(one for one in names if self._drawings.setdefault(one, reading) is reading)
        return folder / free

    def print_all(self, readings: Sequence[Reading]) -> None:
        """Print readings that form one result, except for what `add` printed."""
        from quittance.display.tables import overview_table

        if self._format in _CSV_TABLES:
            self._print_csv(readings)
        elif self._format is Format.JSON:
            objects = [_json_object(one) for one in readings if one.receipt is not None]
            console.print_result("[" + ",\n ".join(objects) + "]")
        elif self._format is Format.TABLE and len(readings) > 1:
            console.out.print(overview_table(readings))
        elif readings:
            self.print_one(readings[0])

    def print_one(self, reading: Reading) -> None:
        """Print one reading, except for what `add` printed."""
        from quittance.display.tables import build_receipt_tables

        if self._format in _CSV_TABLES:
            self._print_csv([reading])
        elif self._format is Format.TABLE and reading.receipt is not None:
            console.out.print(*build_receipt_tables(reading.name, reading.receipt), sep="\n")

    def _print_csv(self, readings: Sequence[Reading]) -> None:
        from gateway.exports import format_csv

        text = format_csv([_export_row(one) for one in readings], _CSV_TABLES[self._format], header=self._header)
        self._header = False
        if text:
            console.print_result(text.removesuffix("\n"))


def _print_advice(reading: Reading, receipt: Receipt, *, is_merged: bool) -> None:
    """Print what is wrong with a receipt as a whole, and what to do about its pictures."""
    from quittance.display.advice import find_advice

    for advice in find_advice(receipt, is_whole_file=reading.number is None and not is_merged):
        console.print_message(f"{reading.name}: {advice}", style="yellow")


def _json_object(reading: Reading) -> str:
    from gateway.exports import format_json

    assert reading.receipt is not None  # noqa: S101 - readings without one are omitted
    return format_json(reading.receipt, reading.file_name, reading.page)


def _export_row(reading: Reading) -> ExportRow:
    from gateway.export_tables import ExportRow

    return ExportRow(reading.file_name, reading.receipt, reading.page, error=reading.error or "")
