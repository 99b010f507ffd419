"""Counts and logs every request."""

from __future__ import annotations

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.service.health import PROBES
from shared.service.metrics import ServiceMetrics

_log = logging.getLogger("shared.request")
_CLIENT_LEFT = 499  # nginx's name for it; nobody gets it, but logs and metrics need one
_CALLER = "quittance.caller_name"


def name_caller(scope: Scope, name: str) -> None:
    """Has the log line of the request say who sent it."""
    scope[_CALLER] = name


class RequestObserver:
    """Middleware that writes one log line a request and keeps the metrics.

    Probes are logged at debug level and not counted, so that the metrics of an idle service stand still.
    """

    def __init__(self, app: ASGIApp, *, name: str, metrics: ServiceMetrics) -> None:
        """Observes `app`, the service of that name."""
        self._app = app
        self._name = name
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _CLIENT_LEFT

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begun = perf_counter()
        probe = scope["path"] in PROBES
        if not probe:
            self._metrics.request_began()
        try:
            await self._app(scope, receive, observed)
        finally:
            seconds = perf_counter() - begun
            if not probe:
                route = getattr(scope.get("route"), "path", "unmatched")
                self._metrics.request_ended(scope["method"], route, status, seconds)
            level = logging.DEBUG if probe else logging.WARNING if status >= 500 else logging.INFO
            line = {
                "service": self._name,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "ms": round(seconds * 1000, 1),
            }
            caller = {"caller": scope[_CALLER]} if _CALLER in scope else {}
            _log.log(level, "request", extra=line | caller)
