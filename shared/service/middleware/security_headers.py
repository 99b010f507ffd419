"""Middleware that adds security headers to every response."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.service.health import Health

_DEFAULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
# Swagger UI and ReDoc start from a script and styles inside the page.
_DOCS_HEADERS = _DEFAULT_HEADERS | {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
_DOCS_PATHS = ("/docs", "/redoc", "/static-offline-docs", "/openapi.json")


class SecurityHeaders:
    """Middleware that adds the headers that a response lacks, and closes connections while the service drains.

    Args:
        app: The application.
        health: Health of the application.
    """

    def __init__(self, app: ASGIApp, *, health: Health) -> None:
        self._app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: Mapping[str, str] = _DOCS_HEADERS if scope["path"].startswith(_DOCS_PATHS) else _DEFAULT_HEADERS

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = MutableHeaders(scope=message)
                for name, value in headers.items():
                    present.setdefault(name, value)
                if self._health.is_draining:
                    # The client must not send its next request into a closing socket.
                    present["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, send_with_headers)
