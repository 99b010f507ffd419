"""Run an application with uvicorn: answer probes while it warms up, and stop gracefully."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from time import monotonic
from types import FrameType

import uvicorn
from fastapi import FastAPI

from shared.observability.logs import configure_logging
from shared.service.components import get_components
from shared.service.settings import ServiceSettings
from shared.startup import StartupError

_log = logging.getLogger(__name__)

# Kubernetes kills a process 30 s after SIGTERM. This includes the longest `drain_delay_s` and the end of the lifespan.
_MAX_SHUTDOWN_S = 28.0
_LIFESPAN_END_S = 6.0
_EXIT_FAILED = 3  # the status that uvicorn uses


def run(app: FastAPI, *, host: str, port: int, settings: ServiceSettings) -> None:
    """Serve an application until SIGTERM or SIGINT.

    After SIGTERM, the service becomes unready, accepts requests for another `settings.drain_delay_s` seconds, finishes
    its work and stops within 30 s. SIGINT skips the delay; a second signal stops at once.

    Args:
        app: Application made by `create_service_app`.
        host: Address to listen on.
        port: TCP port to listen on.
        settings: Settings of logs and times.

    Raises:
        SystemExit: If the address is in use, the service could not start, or it broke; the log says why.
    """
    configure_logging(settings.log_level, settings.log_format)
    graceful_s = _MAX_SHUTDOWN_S - _LIFESPAN_END_S - settings.drain_delay_s
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="off",  # `_Server` runs it, so that probes are answered meanwhile
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=max(int(graceful_s), 1),
    )
    server = _Server(config, app, settings.drain_delay_s)
    server.run()
    if server.has_failed:
        raise SystemExit(_EXIT_FAILED)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_delay_s: float) -> None:
        super().__init__(config)
        self.has_failed = False
        self._app = app
        self._health = get_components(app).health
        self._drain_delay_s = drain_delay_s
        self._exit_at: float | None = None
        self._stopped = asyncio.Event()
        self._lifespan: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._lifespan = asyncio.create_task(self._run_lifespan())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._health.drain()
        await super().shutdown(sockets)
        self._stopped.set()
        if self._lifespan:
            _, pending = await asyncio.wait({self._lifespan}, timeout=_LIFESPAN_END_S)
            if pending:
                _log.error("Service did not stop in time", extra={"seconds": _LIFESPAN_END_S})

    async def on_tick(self, counter: int) -> bool:
        if self._exit_at is not None and monotonic() >= self._exit_at:
            self.should_exit = True
        if broken := self._health.broken_parts:
            # A supervisor restarts a process that ended, not one that stays unready.
            _log.critical("Service broke and stops", extra={"broken": broken})
            self.has_failed = self.should_exit = True
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._health.drain()
        if self._exit_at is not None or self.should_exit:
            self.should_exit = self.force_exit = True
        elif sig == signal.SIGTERM:
            self._exit_at = monotonic() + self._drain_delay_s
        else:
            self.should_exit = True

    async def _run_lifespan(self) -> None:
        """Start the application, wait until the server stops, and stop the application."""
        try:
            async with self._app.router.lifespan_context(self._app):
                await self._stopped.wait()
        except StartupError as error:
            _log.critical("Service cannot start: %s", error)  # a traceback would hide the advice
            self.has_failed = self.should_exit = True
        except Exception:
            _log.critical("Service failed", exc_info=True)
            self.has_failed = self.should_exit = True
