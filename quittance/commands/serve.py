"""The command `serve`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from quittance import console


class App(StrEnum):
    """What `serve` can serve."""

    ALL = "all"
    GATEWAY = "gateway"
    DETECTOR = "detector"
    RECOGNIZER = "recognizer"
    EXTRACTOR = "extractor"


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
    from shared.startup import StartupError

    with console.errors(ServeError, StartupError):
        start(name.value, host=host, port=port, console=console.out)
