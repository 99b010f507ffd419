"""Middleware that answers HEAD wherever GET is answered."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """Middleware that answers HEAD like GET, without the body (RFC 9110, section 9.3.2).

    FastAPI answers it with 405, which link checkers, probes and `curl -I` take for a broken service.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        is_answered = False

        async def send_without_body(message: Message) -> None:
            nonlocal is_answered
            # The server and the logs need the true method.
            scope["method"] = "HEAD"
            if message["type"] == "http.response.start":
                await send(message)
            elif not is_answered:
                # This ends a stream: for the server, the client is gone from now on.
                is_answered = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        # The scope itself is changed, because what the application adds to it is for the logs.
        scope["method"] = "GET"
        try:
            await self._app(scope, receive, send_without_body)
        finally:
            scope["method"] = "HEAD"
