"""The command `quittance`.

Commands import what they need when they run: `quittance --help` is quick and loads no network.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from quittance.keys import keys_app

if TYPE_CHECKING:
    from quittance.extract import Reading
    from shared.contracts import Receipt

app = typer.Typer(
    name="quittance",
    help="Turns the picture of a receipt into data: who was paid, when, where and how much.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

_SPLIT_HELP = "A split in the data set's split.json: train, validation, ...; or all."


class App(StrEnum):
    """What `serve` can serve."""

    ALL = "all"
    GATEWAY = "gateway"
    DETECTOR = "detector"
    RECOGNIZER = "recognizer"
    EXTRACTOR = "extractor"


class Model(StrEnum):
    """What `train` can train."""

    DETECTOR = "detector"
    RECOGNIZER = "recognizer"
    EXTRACTOR = "extractor"


class Format(StrEnum):
    """How `extract` tells what it read."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


app.add_typer(keys_app)


def main() -> None:
    """Runs the command line."""
    app()


@app.command()
def serve(
    name: Annotated[App, typer.Argument(metavar="[all|gateway|detector|recognizer|extractor]")] = App.ALL,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; by default 8000, and 8001 to 8003 for a service.")] = None,
) -> None:
    """Start the gateway with the three services inside (all), or one part alone.

    Settings come from the environment (QUITTANCE_...) or a file .env; see the README.
    """
    from quittance.serve import ServeError
    from quittance.serve import serve as start
    from shared.health import StartupError

    with _errors(ServeError, StartupError):
        start(name.value, host=host, port=port, console=out)


@app.command()
def extract(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Pictures (JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP), PDFs, or folders of them."
        ),
    ],
    how: Annotated[
        Format, typer.Option("--format", help="table for people; json: one list; jsonl: an object a line; csv.")
    ] = Format.TABLE,
    url: Annotated[str | None, typer.Option(help="Ask the gateway there, instead of reading in this process.")] = None,
    draw: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write pictures with what was read drawn on them.")
    ] = None,
) -> None:
    """Read receipts from pictures.

    Ends with 1 if any could not be read; the reasons are on standard error.
    """
    from quittance.extract import expanded, unreadable

    files = expanded(files)
    if all(unreadable(path) for path in files):  # not worth loading the models
        for path in files:
            _complain(path, unreadable(path))
        raise typer.Exit(1)
    from quittance.client import ClientError
    from shared.settings import SettingsError

    with _errors(ClientError, SettingsError):
        failed = asyncio.run(_extract(files, how=how, url=url, draw=draw))
    raise typer.Exit(int(failed))


async def _extract(files: list[Path], *, how: Format, url: str | None, draw: Path | None) -> bool:
    from quittance.client import connect, embedded
    from quittance.draw import draw_file
    from quittance.extract import read_files

    readings: list[Reading] = []
    with _progress("Reading", len(files)) as advance:
        async with connect(url) if url else embedded() as client:
            async for reading in read_files(client, files):
                advance()
                if reading.receipt is None:
                    _complain(reading.path, reading.error)
                elif how is Format.JSONL:
                    _print_plain(_json_object(reading.path, reading.receipt))
                if reading.receipt is not None and draw is not None:
                    _tell(f"{reading.path}: drawn in {draw_file(reading.path, reading.receipt, draw)}")
                readings.append(reading)
    _print_all(readings, how)
    return any(reading.receipt is None for reading in readings)


def _print_all(readings: Sequence[Reading], how: Format) -> None:
    """Prints what is not printed line by line."""
    from gateway.exports import ExportRow, csv_lines
    from quittance.tables import overview_table, receipt_table

    if how is Format.CSV:
        rows = [ExportRow(str(one.path), one.receipt, error=one.error or "") for one in readings]
        _print_plain(csv_lines(rows, header=True).removesuffix("\n"))
    elif how is Format.JSON:
        objects = [_json_object(one.path, one.receipt) for one in readings if one.receipt is not None]
        _print_plain("[" + ",\n ".join(objects) + "]")
    elif how is Format.TABLE and len(readings) > 1:
        out.print(overview_table(readings))
    elif how is Format.TABLE and readings[0].receipt is not None:
        out.print(receipt_table(readings[0], readings[0].receipt))


def _json_object(path: Path, receipt: Receipt) -> str:
    from gateway.exports import ExportRow, json_object

    return json_object(ExportRow(str(path), receipt))


def _print_plain(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)


@app.command()
def doctor() -> None:
    """Look at what Quittance needs on this machine: processor, device, weights, Redis, ports.

    Ends with 1 if anything would keep it from running.
    """
    from quittance.doctor import examine

    marks = {"good": "[green]good[/green]", "note": "[yellow]note[/yellow]", "bad": "[red]bad[/red] "}
    bad = False
    for finding in examine():
        bad = bad or finding.state == "bad"
        out.print(f"{marks[finding.state]}  {escape(finding.what)}: {escape(finding.detail)}", soft_wrap=True)
    raise typer.Exit(int(bad))


@app.command()
def train(
    model: Annotated[Model, typer.Argument()],
    data: Annotated[Path, typer.Option(help="Labelled receipts in the layout of SROIE.")],
    synthetic: Annotated[Path | None, typer.Option(help="Synthetic receipts, in the same layout.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps to train.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes to train, if they end before the steps.")] = None,
    run: Annotated[Path | None, typer.Option(help="Checkpoints and log; by default runs/MODEL.")] = None,
    resume: Annotated[bool, typer.Option("--resume/--fresh", help="Go on with the run, or put it aside.")] = True,
    export: Annotated[Path | None, typer.Option(help="Write weights and manifest there at the end.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of torch.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting of the recipe.")
    ] = None,
) -> None:
    """Train a model; goes on where it was interrupted.

    Losses and validation measures are logged to log.jsonl in the run's folder.
    """
    from quittance.training import TrainingOptionError, put_aside
    from quittance.training import train as start
    from shared.dataset import DatasetError

    run = run or Path("runs") / model.value
    if not resume and run.exists():
        _tell(f"{run} is now {put_aside(run)}")
    options: dict[str, Any] = {
        "data": data,
        "synthetic": synthetic,
        "steps": steps,
        "minutes": minutes,
        "run": run,
        "export": export,
        "seed": seed,
        "threads": threads,
    }
    with _errors(DatasetError, TrainingOptionError):
        measures = start(model.value, options, settings or [], err)
    out.print_json(data=measures, default=str)


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="Labelled receipts in the layout of SROIE.")],
    split: Annotated[str, typer.Option(help=_SPLIT_HELP)] = "validation",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the measures as JSON.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first receipts.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all answers with their labels, as JSON lines.")
    ] = None,
    rescore: Annotated[bool, typer.Option(help="Measure the answers in --predictions again; run no model.")] = False,
) -> None:
    """Measure the whole chain on labelled receipts: tasks 1, 2 and 3, trust and speed."""
    from quittance import evaluate as evaluation
    from quittance.client import ClientError
    from quittance.tables import measures_table
    from shared.dataset import DatasetError
    from shared.settings import SettingsError

    if rescore and predictions is None:
        raise typer.BadParameter("--rescore needs the file of answers: --predictions FILE")
    with _errors(ClientError, DatasetError, SettingsError):
        if rescore and predictions is not None:
            measures = evaluation.rescore(evaluation.read_records(predictions))
            title = f"The answers in {predictions}"
        else:
            measures = _evaluate(data, split, limit, predictions)
            title = f"{measures['receipts']} receipts of {data}, split {split}"
        if output is not None:
            evaluation.write_measures(output, measures)
    out.print(measures_table(measures, escape(title)))


def _evaluate(data: Path, split: str, limit: int | None, predictions: Path | None) -> dict[str, Any]:
    from quittance import evaluate as evaluation
    from quittance.scores import Record

    with _progress("Evaluating", None) as advance:

        def show(record: Record, total: int) -> None:
            advance(total)
            if record.problem is not None:
                _tell(f"{record.key}: {record.problem}", style="red")

        records, measures = asyncio.run(evaluation.evaluate(data, split, limit=limit, progress=show))
    if predictions is not None:
        evaluation.write_records(predictions, records)
    return measures


@app.command(name="errors")
def list_errors(
    predictions: Annotated[Path, typer.Argument(metavar="FILE", help="Written by `quittance evaluate --predictions`.")],
) -> None:
    """Show what went wrong in an evaluation: wrong fields and why, segments missed or joined, characters misread."""
    from quittance import evaluate as evaluation
    from quittance.tables import error_tables
    from shared.dataset import DatasetError

    with _errors(DatasetError):
        records = evaluation.read_records(predictions)
    for table in error_tables(records):
        out.print(table)


@app.command()
def synthesize(
    count: Annotated[int, typer.Option(min=1, help="Receipts to render.")],
    out_folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to, in the layout of SROIE.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same receipts.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Render synthetic receipts with exact labels, to train on and to test with."""
    from shared.dataset import DatasetError
    from synthesis.generator import generate

    with _errors(DatasetError):
        generate(out_folder, count, seed, workers=workers)
    _tell(f"{count} receipts are in {out_folder}")


@contextlib.contextmanager
def _errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turns errors that are meant for people into a message and the exit status 1; others keep their traceback."""
    # Warnings of libraries are for the logs of a server.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        yield
    except kinds as error:
        _tell(str(error), style="red")
        raise typer.Exit(1) from error


@contextlib.contextmanager
def _progress(title: str, total: int | None) -> Iterator[Any]:
    """A bar on standard error for more than one thing to do; gives a function that moves it on by one."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=total == 1 or not sys.stderr.isatty()) as progress:
        task = progress.add_task(title, total=total)

        def advance(known_total: int | None = None) -> None:
            progress.update(task, advance=1, total=known_total or total)

        yield advance


def _complain(path: Path, reason: str | None) -> None:
    _tell(f"{path}: {reason}", style="red")


def _tell(message: str, style: str | None = None) -> None:
    """Writes a message to standard error as it is: file names and texts of receipts are no markup."""
    err.print(message, style=style, markup=False, soft_wrap=True, highlight=False)
