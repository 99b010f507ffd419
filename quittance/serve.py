"""The command `serve`: starts the gateway or a service, and tells people what to do next."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from rich.console import Console

from gateway.admission.access import check_exposure
from gateway.settings import GatewaySettings
from quittance import assembly
from shared.service.components import get_components
from shared.service.logs import configure_logging
from shared.service.server import run


class ServeError(Exception):
    """The address cannot be listened on; the message says what to do."""


def serve(name: str, *, host: str | None, port: int | None, console: Console) -> None:
    """Serves until told to stop.

    Args:
        name: `all` (the gateway with the three services inside), `gateway` (as the settings say), or a service.
        host: Address to listen on; as the settings say if None.
        port: TCP port; as the settings say if None.
        console: Where people are told what to do next.

    Raises:
        ServeError: If the address is taken or not this machine's.
        StartupError: If others could reach the gateway and nothing says who of them may.
        SettingsError: If a setting is wrong.
    """
    app = build(name)
    settings = get_components(app).settings
    host, port = host or settings.host, settings.port if port is None else port
    check_address(host, port)
    if "log_format" not in settings.model_fields_set and sys.stderr.isatty():
        settings = settings.model_copy(update={"log_format": "text"})
    configure_logging(settings.log_level, settings.log_format)
    if isinstance(settings, GatewaySettings):
        check_exposure(settings, host)
    if name == "all":
        console.print(f"Loading the models, then listening on {address(host, port)}")
        tell_when_ready(app, lambda: console.print(next_steps(address(host, port)), soft_wrap=True))
    run(app, host=host, port=port, settings=settings)


def build(name: str) -> FastAPI:
    """The application of a service, of the gateway, or of all in one process."""
    if name in assembly.SERVICES:
        return assembly.service_app(name)
    if name == "gateway":
        return assembly.embedded_gateway()
    # `all` means inside this process, whatever URLs the environment names.
    inside = {f"{service}_url": None for service in assembly.SERVICES}
    return assembly.embedded_gateway(GatewaySettings.from_environment().replaced(**inside))


def check_address(host: str, port: int) -> None:
    """Raises ServeError if nothing can listen there, so that the reason is told before the models are loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ServeError(f"Port {port} is in use. Stop what listens there, or pass another --port.") from error
            reason = error.strerror or str(error)
            raise ServeError(f"Cannot listen on {host}, port {port}: {reason}.") from error


def tell_when_ready(app: FastAPI, tell: Callable[[], None]) -> None:
    """Calls `tell` once the application has started."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def outer(started: FastAPI) -> AsyncIterator[None]:
        async with inner(started):
            tell()
            yield

    app.router.lifespan_context = outer


def address(host: str, port: int) -> str:
    """The URL for a browser on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"


def next_steps(url: str) -> str:
    """What a newcomer can do with a running gateway."""
    return (
        f"\n[bold]Quittance is ready.[/bold] Now, for example:\n\n"
        f"  drop a picture on     {url}/\n"
        f"  or send one           curl -F file=@receipt.jpg {url}/v1/receipts\n"
        f"  read the API          {url}/docs\n\n"
        f"Ctrl-C ends it.\n"
    )
