"""Runs an application with uvicorn: answers probes while it warms up, and ends gracefully."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from time import monotonic
from types import FrameType
from typing import cast

import uvicorn
from fastapi import FastAPI

from shared.service.health import Health
from shared.service.logs import configure_logging
from shared.service.settings import ServiceSettings
from shared.startup import StartupError

_log = logging.getLogger(__name__)
# With the longest `drain_delay_s` and the time for the lifespan to end, less than the 30 s that Kubernetes waits.
_LONGEST_LIFE_AFTER_SIGTERM_S = 28.0
_LIFESPAN_END_S = 6.0
_EXIT_FAILED = 3  # as uvicorn does


def run(app: FastAPI, *, host: str, port: int, settings: ServiceSettings) -> None:
    """Serves an application made by `create_service_app` until SIGTERM or SIGINT. Writes nothing but logs.

    After SIGTERM the service tells that it is unready, still takes requests for `settings.drain_delay_s`, finishes
    what it has, and ends within 30 s. SIGINT skips the delay; a second signal ends at once.

    Args:
        app: The application.
        host: Address to listen on.
        port: TCP port to listen on.
        settings: For logs and times.

    Raises:
        SystemExit: The address is taken, the service could not start, or it broke; see the log.
    """
    configure_logging(settings.log_level, settings.log_format)
    graceful_s = _LONGEST_LIFE_AFTER_SIGTERM_S - _LIFESPAN_END_S - settings.drain_delay_s
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="off",  # the server below runs it, so that probes are answered meanwhile
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=max(int(graceful_s), 1),
    )
    server = _Server(config, app, settings.drain_delay_s)
    server.run()
    if server.failed:
        raise SystemExit(_EXIT_FAILED)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_delay_s: float) -> None:
        super().__init__(config)
        self.failed = False
        self._app = app
        self._health = cast(Health, app.state.health)
        self._drain_delay_s = drain_delay_s
        self._exit_at: float | None = None
        self._ended = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._life = asyncio.create_task(self._live())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._health.drain()
        await super().shutdown(sockets)
        self._ended.set()
        if self._life:
            _, late = await asyncio.wait({self._life}, timeout=_LIFESPAN_END_S)
            if late:
                _log.error("the service did not end in time", extra={"seconds": _LIFESPAN_END_S})

    async def on_tick(self, counter: int) -> bool:
        if self._exit_at is not None and monotonic() >= self._exit_at:
            self.should_exit = True
        if broken := self._health.broken:
            # Better ended and started anew by whoever looks after the process than unready for ever.
            _log.critical("the service broke and ends", extra={"broken": broken})
            self.failed = self.should_exit = True
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._health.drain()
        if self._exit_at is not None or self.should_exit:
            self.should_exit = self.force_exit = True
        elif sig == signal.SIGTERM:
            self._exit_at = monotonic() + self._drain_delay_s
        else:
            self.should_exit = True

    async def _live(self) -> None:
        """Runs the application's lifespan: its beginning, until the server ends, and its end."""
        try:
            async with self._app.router.lifespan_context(self._app):
                await self._ended.wait()
        except StartupError as error:
            _log.critical("the service cannot start: %s", error)  # a traceback would only hide what to do
            self.failed = self.should_exit = True
        except Exception:
            _log.critical("the service failed", exc_info=True)
            self.failed = self.should_exit = True
