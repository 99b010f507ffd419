"""The command `quittance`.

Commands import what they need when they run: `quittance --help` is quick and loads no network.
"""

from __future__ import annotations

import typer

from quittance.commands.corrections import app as corrections
from quittance.commands.doctor import doctor
from quittance.commands.evaluate import evaluate, list_errors
from quittance.commands.extract import extract
from quittance.commands.keys import app as keys
from quittance.commands.serve import serve
from quittance.commands.training import synthesize, train

app = typer.Typer(
    name="quittance",
    help="Turns the picture of a receipt into data: who was paid, when, where and how much.\n\n"
    "Ends with 0 if all went well, 1 if something could not be done (standard error tells why), 2 if it was called "
    "wrongly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (serve, extract, doctor, evaluate, train, synthesize):
    app.command()(command)
app.command(name="errors")(list_errors)
app.add_typer(corrections, name="corrections")
app.add_typer(keys, name="keys")


def main() -> None:
    """Runs the command line."""
    app()
