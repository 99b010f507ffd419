"""The command `serve`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from quittance.display import console


class App(StrEnum):
    """What `serve` can start."""

    ALL = "all"
    GATEWAY = "gateway"
    DETECTOR = "detector"
    RECOGNIZER = "recognizer"
    EXTRACTOR = "extractor"


def serve(
    name: Annotated[App, typer.Argument(metavar="APP", help="all, gateway, detector, recognizer or extractor.")] = (
        App.ALL
    ),
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for all interfaces.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; by default 8000 for the gateway, 8001 to 8003 for the services."),
    ] = None,
) -> None:
    """Start the gateway with the three services in one process (all), or a single app.

    Settings come from environment variables (QUITTANCE_...) or a file .env; see the documentation.
    """
    from quittance.serve import ServeError
    from quittance.serve import serve as start
    from shared.startup import StartupError

    with console.exit_on(ServeError, StartupError):
        start(name.value, host=host, port=port, console=console.out)
