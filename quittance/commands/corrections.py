"""The commands `corrections ...`."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from quittance import console

app = typer.Typer(help="What people corrected on receipts, kept by the gateway.", no_args_is_help=True)


@app.callback()
def corrections() -> None:
    """What people corrected on receipts, kept by the gateway."""


@app.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="Where to, in the layout of SROIE; a new folder.")],
    pictures: Annotated[
        Path,
        typer.Option(metavar="DIR", help="The pictures as they were sent, under any name; the gateway keeps none."),
    ],
    state: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The gateway's state directory; by default as its settings say."),
    ] = None,
    least: Annotated[
        float,
        typer.Option(min=0, max=1, help="Leave out receipts with an uncorrected field less sure than this."),
    ] = 0.8,
) -> None:
    """Write corrected receipts as a data set that `quittance train` reads.

    Pictures are found by their content. Ends with 1 if a corrected receipt was left out; the reasons are on standard
    error.
    """
    from gateway.settings import GatewaySettings
    from quittance.evaluation import corrected
    from shared.learning.dataset import DatasetError
    from shared.service.settings import SettingsError

    with console.errors(DatasetError, SettingsError, sqlite3.Error):
        state = state or GatewaySettings.from_environment().state_directory
        result = corrected.export(state, pictures, target, least=least)
    for key, reason in result.left_out.items():
        console.tell(f"{key}: left out, {reason}", style="yellow")
    console.tell(f"{len(result.written)} receipts are in {target}")
    raise typer.Exit(int(bool(result.left_out)))
