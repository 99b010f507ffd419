"""The commands `evaluate` and `errors`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from quittance import console

if TYPE_CHECKING:
    from quittance.evaluation.scores import Record

_SPLIT_HELP = "A split in the data set's split.json: train, validation, ...; or all."


def evaluate(
    data: Annotated[Path, typer.Option(help="Labeled receipts in the layout of SROIE.")],
    split: Annotated[str, typer.Option(help=_SPLIT_HELP)] = "validation",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the measures as JSON.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first receipts.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all answers with their labels, as JSON lines.")
    ] = None,
    rescore: Annotated[bool, typer.Option(help="Measure the answers in --predictions again; run no model.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write one page with pictures of what went wrong.")
    ] = None,
) -> None:
    """Measure the whole chain on labeled receipts: tasks 1, 2 and 3, trust and speed."""
    from quittance.client import ClientError
    from quittance.evaluation import evaluate as evaluation
    from quittance.tables import measures_table
    from shared.learning.dataset import DatasetError
    from shared.service.settings import SettingsError

    if rescore and predictions is None:
        raise typer.BadParameter("--rescore needs the file of answers: --predictions FILE")
    with console.errors(ClientError, DatasetError, SettingsError):
        if rescore and predictions is not None:
            records = evaluation.read_records(predictions)
            measures = evaluation.rescore(records)
            title = f"The answers in {predictions}"
        else:
            records, measures = _evaluate(data, split, limit, predictions)
            title = f"{measures['receipts']} receipts of {data}, split {split}"
        if output is not None:
            evaluation.write_measures(output, measures)
        if report is not None:
            _report(report, records, measures, data, split, title)
    console.out.print(measures_table(measures, escape(title)))


def _evaluate(
    data: Path, split: str, limit: int | None, predictions: Path | None
) -> tuple[list[Record], dict[str, Any]]:
    from quittance.evaluation import evaluate as evaluation

    with console.progress("Evaluating", None) as advance:

        def show(record: Record, total: int) -> None:
            advance(total)
            if record.problem is not None:
                console.tell(f"{record.key}: {record.problem}", style="red")

        records, measures = asyncio.run(evaluation.evaluate(data, split, limit=limit, progress=show))
    if predictions is not None:
        evaluation.write_records(predictions, records)
    return records, measures


def _report(path: Path, records: list[Record], measures: dict[str, Any], data: Path, split: str, title: str) -> None:
    from quittance.evaluation.report import write_report
    from shared.learning.dataset import load_split

    pictures = {receipt.key: receipt.image_path for receipt in load_split(data, split)}
    write_report(path, records, measures, pictures, title)
    console.tell(f"The report is in {path}")


def list_errors(
    predictions: Annotated[Path, typer.Argument(metavar="FILE", help="Written by `quittance evaluate --predictions`.")],
) -> None:
    """Show what went wrong in an evaluation: wrong fields and why, segments missed or joined, characters misread."""
    from quittance.evaluation import evaluate as evaluation
    from quittance.tables import error_tables
    from shared.learning.dataset import DatasetError

    with console.errors(DatasetError):
        records = evaluation.read_records(predictions)
    for table in error_tables(records):
        console.out.print(table)
