"""The commands `train` and `synthesize`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from quittance import console


class Model(StrEnum):
    """What `train` can train."""

    DETECTOR = "detector"
    RECOGNIZER = "recognizer"
    EXTRACTOR = "extractor"


def train(
    model: Annotated[Model, typer.Argument()],
    data: Annotated[Path, typer.Option(help="Labeled receipts in the layout of SROIE.")],
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
    from shared.learning.dataset import DatasetError

    run = run or Path("runs") / model.value
    if not resume and run.exists():
        console.tell(f"{run} is now {put_aside(run)}")
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
    with console.errors(DatasetError, TrainingOptionError):
        measures = start(model.value, options, settings or [], console.err)
    console.out.print_json(data=measures, default=str)


def synthesize(
    count: Annotated[int, typer.Option(min=1, help="Receipts to render.")],
    out_folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to, in the layout of SROIE.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same receipts.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    fonts: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Further fonts, for names of shops above all.")
    ] = None,
) -> None:
    """Render synthetic receipts with exact labels, to train on and to test with."""
    from shared.learning.dataset import DatasetError
    from synthesis.generator import generate
    from synthesis.printing.signs import FontError

    with console.errors(DatasetError, FontError):
        generate(out_folder, count, seed, workers=workers, fonts=fonts)
    console.tell(f"{count} receipts are in {out_folder}")
