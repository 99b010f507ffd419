"""Middleware that counts and logs every request."""

from __future__ import annotations

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observability.metrics import ServiceMetrics
from shared.service.health import PROBES
from shared.service.request_context import get_caller_name

_log = logging.getLogger("shared.request")
_CLIENT_CLOSED_REQUEST = 499  # nginx's status; never sent, but logs and metrics need one


class RequestObserver:
    """Middleware that writes one log line per request and updates the metrics.

    Probes are logged at debug level and not counted, so the metrics of an idle service do not change.

    Args:
        app: The application.
        name: Name of the service.
        metrics: Metrics of the service.
    """

    def __init__(self, app: ASGIApp, *, name: str, metrics: ServiceMetrics) -> None:
        self._app = app
        self._name = name
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _CLIENT_CLOSED_REQUEST

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        start = perf_counter()
        is_probe = scope["path"] in PROBES
        if not is_probe:
            self._metrics.count_request_start()
        try:
            await self._app(scope, receive, observe)
        finally:
            seconds = perf_counter() - start
            if not is_probe:
                route = getattr(scope.get("route"), "path", "unmatched")
                self._metrics.count_request_end(scope["method"], route, status, seconds)
            level = logging.DEBUG if is_probe else logging.WARNING if status >= 500 else logging.INFO
            line = {
                "service": self._name,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "ms": round(seconds * 1000, 1),
            }
            caller = get_caller_name(scope)
            _log.log(level, "Request", extra=line if caller is None else line | {"caller": caller})
