"""Who may use the gateway: API keys, and how many requests each caller has.

Everything needs a key but the probes, the page, and the description of the API, which hold nothing of anybody.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.admission.api_keys import ApiKey, KeyBook, KeyRing
from gateway.admission.rate_limits import RateLimits
from gateway.settings import AdmissionSettings, GatewaySettings, parse_rate_limit
from gateway.storage.redis_store import redis_allowance
from shared.problems import ProblemError
from shared.service.health import PROBES
from shared.service.request_context import set_caller_name
from shared.startup import StartupError

_OPEN_PATHS = frozenset({"/", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/favicon.ico"}) | PROBES
_OPEN_FOLDERS = ("/web/", "/static-offline-docs/")
_HOW = "Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`; `quittance keys create NAME` makes one."

_log = logging.getLogger(__name__)


class AccessControl:
    """Middleware that lets only callers with a key in (401), and none too often (429).

    Args:
        app: What it stands in front of.
        settings: Who needs a key, and the default rate limit.
        ring: The keys.
        limits: Where requests are counted.
        patience_s: Maximum time that Redis may add to a request, in seconds.
    """

    def __init__(
        self, app: ASGIApp, *, settings: AdmissionSettings, ring: KeyRing, limits: RateLimits, patience_s: float
    ) -> None:
        self._app = app
        self._ring = ring
        self._limits = limits
        self._access = settings.access
        self._rate_limit = settings.rate_limit
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs one request."""
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        with redis_allowance(self._patience_s):  # for all that the request wants of Redis, the cache included
            key = await self._admitted(Headers(scope=scope))
            scope["quittance.caller"] = _caller(scope, key)
            if key is not None:
                set_caller_name(scope, key.name)
            limit = self._rate_limit if key is None or key.rate_limit is None else key.rate_limit
            if limit is not None:
                await self._limits.hit(scope["quittance.caller"], parse_rate_limit(limit))
            await self._app(scope, receive, send)

    async def _admitted(self, headers: Mapping[str, str]) -> ApiKey | None:
        """Gives the caller's key, None where none is needed and none was sent; raises `ProblemError`."""
        presented = _presented(headers)
        key = await self._ring.find(presented) if presented else None
        needed = self._access == "keys" or (self._access == "auto" and await self._ring.any_made())
        if key is not None or not needed:
            return key
        if not presented:
            raise _refused("key-missing", "An API key is needed", f"This gateway lets nobody in without a key. {_HOW}")
        raise _refused(
            "key-invalid", "The API key is not valid", f"The key sent is none of this gateway's, or was revoked. {_HOW}"
        )


def is_open(path: str) -> bool:
    """Whether everybody may have what is at this path."""
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDERS)


def check_exposure(settings: GatewaySettings, host: str) -> None:
    """Refuses to let others in by accident, and says loudly when everybody is let in on purpose.

    Open to this machine alone is how one begins, so there it only warns. Open to the network, each forgotten setting
    would hand out other people's receipts: that must be said once, in a setting.

    Args:
        settings: `access`, `publish` and the directory of the keys.
        host: Address to listen on.

    Raises:
        StartupError: If others could reach the gateway, no key was ever made, and no setting says that this is meant.
    """
    admission = settings.admission
    if admission.access == "keys" or (admission.access == "auto" and KeyBook(settings.storage.state_directory).list()):
        return
    reached_by_others = not _is_loopback(_host_of(admission.publish) if admission.publish else host)
    if reached_by_others and admission.access == "auto":
        raise StartupError(
            f"The gateway would listen on {admission.publish or host}, where others can reach it, without asking for a "
            "key. Create a key with `quittance keys create NAME`; or set QUITTANCE_ACCESS=keys and create one later; "
            "or, if a proxy in front authenticates callers, set QUITTANCE_ACCESS=open."
        )
    _log.warning(
        "No API key is needed: everybody who reaches this gateway may use it",
        extra={"host": host, "reached_by_others": reached_by_others, "close_with": "quittance keys create NAME"},
    )


def _host_of(published: str) -> str:
    """The address in what `docker compose` takes for a port: `127.0.0.1:8000`, `[::1]:8000`, or `8000` for all."""
    return published.rpartition(":")[0].strip("[]") or "0.0.0.0"  # noqa: S104 - what it means, not what we listen on


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _presented(headers: Mapping[str, str]) -> str:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "").strip()


def _refused(code: str, title: str, detail: str) -> ProblemError:
    return ProblemError(401, code, title, detail, headers={"WWW-Authenticate": 'Bearer realm="quittance"'})


def _caller(scope: Scope, key: ApiKey | None) -> str:
    """Who is counted: the key, or, without one, the address."""
    client = scope.get("client")
    return f"key:{key.id}" if key is not None else f"address:{client[0] if client else 'unknown'}"
