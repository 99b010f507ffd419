"""Protection from DNS rebinding: the gateway answers only under names that it knows.

A page of evil.example can let its name resolve to 127.0.0.1. The browser then takes the gateway for the page's own
site, and lets the page read what it answers. But it still sends `Host: evil.example`, which a page cannot change.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.problems import ProblemError

# Load balancers check these under any name, and they only tell whether the gateway is ready.
ALWAYS_ANSWERED = frozenset({"/healthz", "/readyz"})
_MAX_SHOWN = 100


class HostGuard:
    """Middleware that refuses requests for other hosts (421).

    Names of this machine and addresses are always allowed: no one else can make a name that ends in `localhost` lead
    here, and an address is not looked up. A request without `Host` (HTTP/1.0) does not come from a browser.

    Args:
        app: The application behind it.
        allowed_hosts: More host names; `*.example.com` for all below a name, "*" for all.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: tuple[str, ...]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in allowed_hosts if not name.startswith("*."))
        self._endings = tuple(name.lower()[1:] for name in allowed_hosts if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["path"] not in ALWAYS_ANSWERED:
            for host in Headers(scope=scope).getlist("host"):
                if not self._is_allowed(host):
                    raise _host_problem(host)
        await self._app(scope, receive, send)

    def _is_allowed(self, host: str) -> bool:
        name = parse_host(host)
        if "*" in self._names:
            return True
        return name is not None and (
            name in self._names or name.endswith(self._endings) or _is_loopback_name(name) or _is_address(name)
        )


def parse_host(host: str) -> str | None:
    """Return the name or address in a `Host` header, in lower case and without the port; None if it is not valid."""
    try:
        parts = urlsplit(f"//{host}")
        name = parts.hostname
        _ = parts.port  # raises ValueError if it is not a port
    except ValueError:
        return None
    if not name or parts.netloc != host or "@" in host:
        return None
    return name.removesuffix(".")


def _is_loopback_name(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")  # RFC 6761, section 6.3


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_problem(host: str) -> ProblemError:
    return ProblemError(
        421,
        "host-not-allowed",
        "This gateway does not answer under that name",
        f"The request was sent to {host[:_MAX_SHOWN]!r}. If the gateway is reached under this name, add it to "
        "QUITTANCE_ALLOWED_HOSTS.",
    )
