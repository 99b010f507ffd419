"""The command `quittance`.

Commands import what they need when they run, so that `quittance --help` is fast and loads no network.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from quittance.commands.bulk import bulk
from quittance.commands.corrections import app as corrections
from quittance.commands.database import backup, migrate, restore
from quittance.commands.doctor import doctor
from quittance.commands.evaluate import evaluate, list_errors
from quittance.commands.extract import extract
from quittance.commands.keys import app as keys
from quittance.commands.serve import serve
from quittance.commands.training import synthesize, train
from quittance.display import console

app = typer.Typer(
    name="quittance",
    help="Turn pictures of receipts into data: who was paid, when, where and how much.\n\n"
    "Exit status: 0 for success, 1 if something failed (standard error says why), 2 for wrong usage.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        console.print_result(version("quittance"))
        raise typer.Exit


@app.callback()
def _run(
    _: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


for command in (serve, extract, bulk, doctor, migrate, backup, restore, evaluate, train, synthesize):
    app.command()(command)
app.command(name="errors")(list_errors)
app.add_typer(corrections, name="corrections")
app.add_typer(keys, name="keys")


def main() -> None:
    """Run the command line."""
    app(prog_name="quittance")
