"""The commands `evaluate` and `errors`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from quittance.display import console

if TYPE_CHECKING:
    from quittance.evaluation.records import Record


def evaluate(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Labeled receipts in the SROIE layout.")],
    split: Annotated[
        str, typer.Option(metavar="NAME", help="A split in split.json (train, validation, ...), or all.")
    ] = "validation",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the measures as JSON.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Read only the first receipts.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all answers and labels as JSON lines.")
    ] = None,
    rescore: Annotated[
        bool, typer.Option(help="Measure the answers in --predictions again, without running the models.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write an HTML page with pictures of the errors.")
    ] = None,
) -> None:
    """Measure the whole chain on labeled receipts: tasks 1, 2 and 3, trust and speed."""
    from quittance.evaluation.evaluate import rescore as measure
    from quittance.evaluation.evaluate import write_measures
    from quittance.evaluation.records import read_records
    from quittance.evaluation.tables import measures_table
    from shared.learning.labels import DatasetError
    from shared.service.settings import SettingsError
    from shared.startup import StartupError

    if rescore and predictions is None:
        raise typer.BadParameter("--rescore needs --predictions FILE")
    with console.exit_on(DatasetError, SettingsError, StartupError):
        if rescore and predictions is not None:
            records = read_records(predictions)
            measures = measure(records)
            title = f"Answers in {predictions}"
        else:
            records, measures = _evaluate(data, split, limit, predictions)
            title = f"{measures['receipts']} receipts of {data}, split {split}"
        if output is not None:
            write_measures(output, measures)
        if report is not None:
            _write_report(report, records, measures, data, split, title)
    console.out.print(measures_table(measures, escape(title)))


def _evaluate(
    data: Path, split: str, limit: int | None, predictions: Path | None
) -> tuple[list[Record], dict[str, Any]]:
    from quittance.evaluation import evaluate as evaluation
    from quittance.evaluation.records import write_records

    with console.show_progress("Evaluating", None) as advance:

        def show(record: Record, total: int) -> None:
            advance(total)
            if record.problem is not None:
                console.print_message(f"{record.key}: {record.problem}", style="red")

        records, measures = asyncio.run(evaluation.evaluate(data, split, limit=limit, progress=show))
    if predictions is not None:
        write_records(predictions, records)
    return records, measures


def _write_report(
    path: Path, records: list[Record], measures: dict[str, Any], data: Path, split: str, title: str
) -> None:
    from quittance.evaluation.report import write_report
    from shared.learning.dataset import load_split

    pictures = {receipt.key: receipt.image_path for receipt in load_split(data, split)}
    write_report(path, records, measures, pictures, title)
    console.print_message(f"Wrote the report to {path}")


def list_errors(
    predictions: Annotated[Path, typer.Argument(metavar="FILE", help="Written by `quittance evaluate --predictions`.")],
) -> None:
    """Show the errors of an evaluation: wrong fields, missed or merged segments, misread characters."""
    from quittance.evaluation.records import read_records
    from quittance.evaluation.tables import error_tables
    from shared.learning.labels import DatasetError

    with console.exit_on(DatasetError):
        records = read_records(predictions)
    for table in error_tables(records):
        console.out.print(table)
