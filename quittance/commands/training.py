"""The commands `train` and `synthesize`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from quittance.display import console


class Model(StrEnum):
    """What `train` can train."""

    DETECTOR = "detector"
    RECOGNIZER = "recognizer"
    EXTRACTOR = "extractor"


def train(
    model: Annotated[Model, typer.Argument(metavar="MODEL", help="detector, recognizer or extractor.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Labeled receipts in the SROIE layout.")],
    synthetic: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Synthetic receipts in the same layout.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Number of training steps.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Time limit; training also ends after the last step.")] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for checkpoints and the log; by default runs/MODEL.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Continue an existing run, or rename it and start over.")
    ] = True,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the weights and the manifest here at the end.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads for torch.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Override another setting of the recipe.")
    ] = None,
) -> None:
    """Train a model, continuing an interrupted run.

    Losses and validation measures are written to log.jsonl in the folder of the run.
    """
    from quittance.training import TrainingOptionError, set_aside, start_training
    from shared.learning.labels import DatasetError

    run = run or Path("runs") / model.value
    if not resume and run.exists():
        console.print_message(f"Renamed {run} to {set_aside(run)}")
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
    with console.exit_on(DatasetError, TrainingOptionError):
        measures = start_training(model.value, options, settings or [], console.err)
    console.out.print_json(data=measures, default=str)


def synthesize(
    count: Annotated[int, typer.Option(min=1, help="Number of receipts.")],
    out_folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Output folder, in the SROIE layout.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same receipts.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    fonts: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Additional fonts, mainly for the names of shops.")
    ] = None,
    countries: Annotated[
        str | None,
        typer.Option(
            metavar="CODES", help="Receipts of these countries (ISO 3166), such as DE,PL=2,TR with weights, or all."
        ),
    ] = None,
    scattered: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="With --countries: share of receipts with random accents and signs.")
    ] = 0.0,
    coded: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="With --countries: share of receipts with a fiscal or payment code where they exist.",
        ),
    ] = 0.0,
) -> None:
    """Render synthetic receipts with exact labels, for training and tests."""
    from quittance.training import TrainingOptionError, import_for_training
    from shared.learning.labels import DatasetError
    from synthesis.generator import generate
    from synthesis.printing.signs import FontError

    # Unknown countries are ValueErrors.
    with console.exit_on(DatasetError, FontError, TrainingOptionError, ValueError):
        if countries:
            world = import_for_training("synthesis.world_generator")
            shares = world.parse_shares(countries)
            options = {"shares": shares, "scattered": scattered, "coded": coded}
            world.generate_world(out_folder, count, seed, workers=workers, **options)
        else:
            generate(out_folder, count, seed, workers=workers, fonts=fonts)
    console.print_message(f"Wrote {count} receipts to {out_folder}")
