"""Run an application with uvicorn: answer probes while it warms up, and stop gracefully."""

from __future__ import annotations

import asyncio
import errno
import faulthandler
import gc
import logging
import os
import resource
import signal
import socket
from contextlib import suppress
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.observability.logs import configure_logging
from shared.service.components import get_components
from shared.service.settings import ServiceSettings
from shared.startup import StartupError

_log = logging.getLogger(__name__)

# Kubernetes kills a process 30 s after SIGTERM. This includes the longest `drain_delay_s` and the end of the lifespan.
_MAX_SHUTDOWN_S = 28.0
_LIFESPAN_END_S = 6.0
_EXIT_FAILED = 3  # the status that uvicorn uses
# RFC 9110, 15.5.9 would allow a 408, but who sends half a head reads no response.
_HEAD_TIMEOUT_S = 10.0
# asyncio accepts so many connections before any of them is counted.
_BACKLOG = 100
_MAX_CONNECTIONS = 4096
# Open files that are not connections: weights, databases, pipes to decoders, connections to stages and Redis.
_RESERVED_FILES = _BACKLOG + 156
_TOO_MANY_CONNECTIONS = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
_ACCEPT_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_LOG_INTERVAL_S = 10.0


def run(app: FastAPI, *, host: str, port: int, settings: ServiceSettings) -> None:
    """Serve an application until SIGTERM or SIGINT.

    After SIGTERM, the service becomes unready, accepts requests for another `settings.drain_delay_s` seconds, finishes
    its work and stops within 30 s, even if a thread is stuck. SIGINT skips the delay; a second signal stops at once.

    A connection without a complete request head is closed after 10 s. Connections beyond the limit get a 503.

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
        # Not uvicorn's default: it believes every caller on this machine, and so a caller chooses its own rate limit.
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies,
        http=_build_protocol(settings.max_connections or _choose_max_connections()),
        backlog=_BACKLOG,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=max(int(graceful_s), 1),
    )
    server = _Server(config, app, settings.drain_delay_s)
    server.run()
    if server.has_failed:
        raise SystemExit(_EXIT_FAILED)


def _freeze_heap() -> None:
    """Exempt the objects of the start from garbage collection.

    They stay as long as the process. A gateway has 230,000 of them, and each full collection stopped all threads for a
    tenth of a second to look at them.
    """
    gc.collect()
    gc.freeze()


def _choose_max_connections() -> int:
    """Return the number of connections that the limit on open files allows."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return _MAX_CONNECTIONS
    return min(max(files - _RESERVED_FILES, files // 4, 1), _MAX_CONNECTIONS)


def _build_protocol(max_connections: int) -> type[H11Protocol]:
    class Connection(_Connection):
        limit = max_connections

    return Connection


class _Connection(H11Protocol):
    """A connection that is closed if it does not send a complete head in time, or if there are too many."""

    limit = _MAX_CONNECTIONS
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > self.limit:
            transport.write(_TOO_MANY_CONNECTIONS)
            transport.close()
            return
        self._head_timer = self.loop.call_later(_HEAD_TIMEOUT_S, self._close_without_head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_waiting_for_head:
            self._stop_head_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(_HEAD_TIMEOUT_S, self._close_without_head)

    @property
    def _is_waiting_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_without_head(self) -> None:
        self._head_timer = None
        if self._is_waiting_for_head and not self.transport.is_closing():
            self.transport.close()


class _AcceptErrors:
    """Logs that connections cannot be accepted, every ten seconds at most; asyncio would log it 100 times at once."""

    def __init__(self) -> None:
        self._last = -_LOG_INTERVAL_S
        self._suppressed = 0

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _ACCEPT_ERRORS:
            loop.default_exception_handler(context)
            return
        now = monotonic()
        if now - self._last < _LOG_INTERVAL_S:
            self._suppressed += 1
            return
        _log.error("Connections cannot be accepted", extra={"reason": str(error), "not_logged": self._suppressed})
        self._last, self._suppressed = now, 0


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
        asyncio.get_running_loop().set_exception_handler(_AcceptErrors().handle)
        await super().startup(sockets)
        for server in self.servers:
            for listener in server.sockets:
                # asyncio takes one number for both; a short line would make a burst of callers wait for a second.
                with socket.socket(fileno=os.dup(listener.fileno())) as same:
                    same.listen(_MAX_CONNECTIONS)
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
        # Python waits for its threads at the end, but not for a stuck one: this prints where it is stuck, and exits.
        with suppress(OSError, ValueError, RuntimeError, AttributeError):
            faulthandler.dump_traceback_later(_MAX_SHUTDOWN_S, exit=True)
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
                _freeze_heap()
                await self._stopped.wait()
        except StartupError as error:
            _log.critical("Service cannot start: %s", error)  # a traceback would hide the advice
            self.has_failed = self.should_exit = True
        except Exception:
            _log.critical("Service failed", exc_info=True)
            self.has_failed = self.should_exit = True
