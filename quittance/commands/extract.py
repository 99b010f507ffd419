"""The command `extract`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quittance import console

if TYPE_CHECKING:
    from gateway.exports import ExportRow
    from quittance.client import ReceiptClient
    from quittance.extract import Reading


class Format(StrEnum):
    """How `extract` tells what it read."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def extract(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE...]",
            help="Pictures (JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP), PDFs, folders of them, or patterns.",
        ),
    ] = None,
    how: Annotated[
        Format, typer.Option("--format", help="table for people; json: one list; jsonl: an object a line; csv.")
    ] = Format.TABLE,
    url: Annotated[str | None, typer.Option(help="Ask the gateway there, instead of reading in this process.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="QUITTANCE_API_KEY", help="The API key that the gateway wants.")
    ] = None,
    draw: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write pictures with what was read drawn on them.")
    ] = None,
    watch: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Then read each picture that is put into this folder, until Ctrl-C."),
    ] = None,
) -> None:
    """Read receipts from pictures.

    Results go to standard output, all else to standard error; there is a progress bar only where somebody sees it.
    Ends with 1 if any could not be read; the reasons are on standard error.
    """
    from quittance.extract import expanded, unreadable

    _check_usage(files, how, watch)
    found = expanded(files or [])
    if watch is None and all(unreadable(path) for path in found):  # not worth loading the models
        for path in found:
            console.complain(path, unreadable(path))
        raise typer.Exit(1)
    from quittance.client import ClientError
    from shared.service.settings import SettingsError

    with console.errors(ClientError, SettingsError):
        failed = asyncio.run(_extract(found, _Printer(how, draw), url=url, key=key, watch=watch))
    raise typer.Exit(int(failed))


def _check_usage(files: list[Path] | None, how: Format, watch: Path | None) -> None:
    if not files and watch is None:
        raise typer.BadParameter("name files to read, or a folder to --watch")
    if watch is not None and how is Format.JSON:
        raise typer.BadParameter("--watch goes on and on, and one list would never end: use --format jsonl")
    if watch is not None and not watch.is_dir():
        raise typer.BadParameter(f"--watch needs a folder, and {watch} is none")


async def _extract(
    files: list[Path], printer: _Printer, *, url: str | None, key: str | None, watch: Path | None
) -> bool:
    """Reads the files, then those that arrive; gives whether any failed."""
    from quittance.client import connect, embedded
    from quittance.extract import read_files
    from quittance.watch import pictures_in

    before = pictures_in(watch) if watch is not None else {}
    async with connect(url, key) if url else embedded() as client:
        readings: list[Reading] = []
        if files:
            with console.progress("Reading", len(files)) as advance:
                async for reading in read_files(client, files):
                    advance()
                    printer.tell(reading)
                    readings.append(reading)
        printer.print_all(readings)
        if watch is not None:
            await _watch(client, watch, before, printer)
    return printer.failed


async def _watch(client: ReceiptClient, folder: Path, before: dict[Path, tuple[int, int]], printer: _Printer) -> None:
    from quittance.extract import read_file
    from quittance.watch import arriving

    stop = asyncio.Event()
    for end in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(end, stop.set)
    console.tell(f"Watching {folder}; Ctrl-C ends it.")
    async for path in arriving(folder, before, stop):
        reading = await read_file(client, path)
        printer.tell(reading)
        printer.print_one(reading)


class _Printer:
    """Prints what was read in one format.

    Args:
        how: The format.
        draw: Where to draw what was read, if anywhere.

    Attributes:
        failed: Whether any file could not be read.
    """

    def __init__(self, how: Format, draw: Path | None) -> None:
        self.failed = False
        self._how = how
        self._draw = draw
        self._header = True

    def tell(self, reading: Reading) -> None:
        """Tells why a file could not be read; draws and, as a line, prints one that could."""
        if reading.receipt is None:
            self.failed = True
            console.complain(reading.path, reading.error)
            return
        if self._how is Format.JSONL:
            console.print_plain(_json_object(reading))
        if self._draw is not None:
            from quittance.draw import draw_file

            console.tell(f"{reading.path}: drawn in {draw_file(reading.path, reading.receipt, self._draw)}")

    def print_all(self, readings: Sequence[Reading]) -> None:
        """Prints files that were read together, but for what `tell` printed already."""
        from quittance.tables import overview_table

        if self._how is Format.CSV:
            self._print_csv(readings)
        elif self._how is Format.JSON:
            objects = [_json_object(one) for one in readings if one.receipt is not None]
            console.print_plain("[" + ",\n ".join(objects) + "]")
        elif self._how is Format.TABLE and len(readings) > 1:
            console.out.print(overview_table(readings))
        elif readings:
            self.print_one(readings[0])

    def print_one(self, reading: Reading) -> None:
        """Prints one file, but for what `tell` printed already."""
        from quittance.tables import receipt_table

        if self._how is Format.CSV:
            self._print_csv([reading])
        elif self._how is Format.TABLE and reading.receipt is not None:
            console.out.print(receipt_table(reading, reading.receipt))

    def _print_csv(self, readings: Sequence[Reading]) -> None:
        from gateway.exports import csv_lines

        text = csv_lines([_row(one) for one in readings], header=self._header)
        self._header = False
        if text:
            console.print_plain(text.removesuffix("\n"))


def _json_object(reading: Reading) -> str:
    from gateway.exports import json_object

    return json_object(_row(reading))


def _row(reading: Reading) -> ExportRow:
    from gateway.exports import ExportRow

    return ExportRow(str(reading.path), reading.receipt, error=reading.error or "")
