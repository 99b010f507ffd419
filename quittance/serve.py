"""Starts the gateway or a service, and shows what to do next."""

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
from shared.observability.logs import configure_logging
from shared.service.components import get_components
from shared.service.server import run


class ServeError(Exception):
    """The app cannot listen on its address; the message says what to do."""


def serve(name: str, *, host: str | None, port: int | None, console: Console) -> None:
    """Serve until a signal ends the process.

    Args:
        name: `all` (the gateway and the three services in one process), `gateway`, or a service.
        host: Address to listen on; None for that of the settings.
        port: TCP port; None for that of the settings.
        console: Shows what to do next.

    Raises:
        ServeError: If the address is in use or does not belong to this machine.
        StartupError: If others could reach the gateway and the settings do not say who may use it.
        SettingsError: If a setting is invalid.
    """
    app = create_app(name)
    settings = get_components(app).settings
    host, port = host or settings.host, settings.port if port is None else port
    check_address(host, port)
    if "log_format" not in settings.model_fields_set and sys.stderr.isatty():
        settings = settings.model_copy(update={"log_format": "text"})
    configure_logging(settings.log_level, settings.log_format)
    if isinstance(settings, GatewaySettings):
        check_exposure(settings, host)
    if name == "all":
        console.print(f"Loading the models, then listening on {format_url(host, port)}")
        call_when_ready(app, lambda: console.print(format_next_steps(format_url(host, port)), soft_wrap=True))
    run(app, host=host, port=port, settings=settings)


def create_app(name: str) -> FastAPI:
    """Create the app of a service, of the gateway, or of everything in one process."""
    if name in assembly.SERVICES:
        return assembly.create_service(name)
    if name == "gateway":
        return assembly.create_gateway()
    # `all` means in this process, even if the environment has URLs of stages.
    inside = {f"{service}_url": None for service in assembly.SERVICES}
    return assembly.create_gateway(GatewaySettings.from_environment().replaced(**inside))


def check_address(host: str, port: int) -> None:
    """Raise ServeError if nothing can listen on an address, before the models are loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ServeError(
                    f"Port {port} is in use. Stop the program that uses it, or pass another --port."
                ) from error
            reason = error.strerror or str(error)
            raise ServeError(f"Cannot listen on {host}, port {port}: {reason}.") from error


def call_when_ready(app: FastAPI, action: Callable[[], None]) -> None:
    """Call a function once the app has started."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def outer(started: FastAPI) -> AsyncIterator[None]:
        async with inner(started):
            action()
            yield

    app.router.lifespan_context = outer


def format_url(host: str, port: int) -> str:
    """Return the URL for a browser on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"


def format_next_steps(url: str) -> str:
    """Return what to try with a running gateway."""
    return (
        f"\n[bold]Quittance is ready.[/bold] Try it:\n\n"
        f"  open the page      {url}/\n"
        f"  send a picture     curl -F file=@receipt.jpg {url}/v1/receipts\n"
        f"  read the API docs  {url}/docs\n\n"
        f"Press Ctrl-C to stop.\n"
    )
