"""Headers that tell browsers to be careful, on every answer."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.service.health import Health

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
# Swagger UI and ReDoc begin with a script and styles inside the page.
_DOCS = _EVERYWHERE | {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
_DOCS_PATHS = ("/docs", "/redoc", "/static-offline-docs", "/openapi.json")


class SecurityHeaders:
    """Middleware that adds what the application has not set itself, and ends connections while the service drains."""

    def __init__(self, app: ASGIApp, *, health: Health) -> None:
        """Wraps `app`, whose state is `health`."""
        self._app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: Mapping[str, str] = _DOCS if scope["path"].startswith(_DOCS_PATHS) else _EVERYWHERE

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = MutableHeaders(scope=message)
                for name, value in headers.items():
                    present.setdefault(name, value)
                if self._health.draining:
                    present["Connection"] = "close"  # the client must not send its next request into a closing socket
            await send(message)

        await self._app(scope, receive, send_with_headers)
