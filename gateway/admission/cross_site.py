"""Protection from web pages that make a browser call the gateway.

A gateway on localhost without keys is within reach of every page that its user opens: a form needs no CORS to send a
file. Browsers tell where a request comes from, in `Sec-Fetch-Site` (W3C Fetch Metadata) and `Origin` (RFC 6454).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.problems import ProblemError

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110, section 9.2.1
_SAME_SITES = frozenset({"same-origin", "none"})  # "none": typed by the user or from a bookmark


class CrossSiteGuard:
    """Middleware that refuses unsafe requests from pages of other origins (403), unless CORS allows them.

    Programs other than browsers send neither header and are not affected.

    Args:
        app: The application behind it.
        allowed_origins: Web origins whose pages may call the gateway; "*" for all.
    """

    def __init__(self, app: ASGIApp, *, allowed_origins: tuple[str, ...]) -> None:
        self._app = app
        self._allowed_origins = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["method"] not in _SAFE_METHODS:
            self._check(Headers(scope=scope))
        await self._app(scope, receive, send)

    def _check(self, headers: Headers) -> None:
        origin = headers.get("origin")
        if self._allowed_origins & {"*", origin}:
            return
        site = headers.get("sec-fetch-site")
        is_foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
        if is_foreign or (site is not None and site not in _SAME_SITES):
            raise ProblemError(
                403,
                "cross-site-request",
                "Pages of other web sites may not call this gateway",
                f"The request comes from a page of {origin or 'another site'}. If its pages may call the gateway, add "
                "its origin to QUITTANCE_CORS_ORIGINS.",
            )
