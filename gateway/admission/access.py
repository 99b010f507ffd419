"""Who may use the gateway: API keys, and rate limits per caller.

Everything needs a key except the probes, the web page and the description of the API, which contain no one's data.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.admission.api_keys import ApiKey, KeyRing, KeyStore, KeyStoreError
from gateway.admission.rate_limits import RateLimits
from gateway.caller import NO_OWNER, Caller
from gateway.request_context import get_request_context, limit_redis_time
from gateway.settings import AdmissionSettings, GatewaySettings, parse_rate_limit
from gateway.storage.database.opening import open_database
from shared.problems import ProblemError
from shared.service.health import PROBES
from shared.service.request_context import set_caller_name, use_caller
from shared.startup import StartupError

_PUBLIC_PATHS = frozenset({"/", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/favicon.ico"}) | PROBES
_PUBLIC_FOLDERS = ("/web/", "/static-offline-docs/")
_HOW_TO_SEND = "Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`; `quittance keys create NAME` creates one."

_log = logging.getLogger(__name__)


class AccessControl:
    """Middleware that refuses callers without a valid key (401) and callers that exceed their rate limit (429).

    Args:
        app: The application behind it.
        settings: Who needs a key, and the default rate limit.
        keys: The API keys.
        limits: Counts requests.
        patience_s: Maximum time that Redis may add to a request, in seconds.
    """

    def __init__(
        self, app: ASGIApp, *, settings: AdmissionSettings, keys: KeyRing, limits: RateLimits, patience_s: float
    ) -> None:
        self._app = app
        self._keys = keys
        self._limits = limits
        self._access = settings.access
        self._default_rate_limit = settings.rate_limit
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or is_public(scope["path"]):
            await self._app(scope, receive, send)
            return
        # Applies to everything that the request needs from Redis, including the cache.
        with limit_redis_time(self._patience_s):
            key = await self._authenticate(Headers(scope=scope))
            context = get_request_context(scope)
            context.caller = self._identify_caller(scope, key)
            if key is not None:
                set_caller_name(scope, key.name)
            rate_limit = self._default_rate_limit if key is None or key.rate_limit is None else key.rate_limit
            if rate_limit is not None:
                await self._limits.hit(context.caller.counted_as, parse_rate_limit(rate_limit))
            with use_caller(context.caller.counted_as):
                await self._app(scope, receive, send)

    async def _authenticate(self, headers: Mapping[str, str]) -> ApiKey | None:
        """Return the caller's key, or None if none is needed and none was sent; raise `ProblemError` 401."""
        presented = _get_presented_key(headers)
        key = await self._keys.find(presented) if presented else None
        is_needed = self._access == "keys" or (self._access == "auto" and await self._keys.any_created())
        if key is not None or not is_needed:
            return key
        if not presented:
            raise _unauthorized_problem(
                "key-missing", "An API key is needed", f"This gateway accepts only requests with a key. {_HOW_TO_SEND}"
            )
        raise _unauthorized_problem(
            "key-invalid", "The API key is not valid", f"The key is unknown or was revoked. {_HOW_TO_SEND}"
        )

    def _identify_caller(self, scope: Scope, key: ApiKey | None) -> Caller:
        if key is None:
            client = scope.get("client")
            return Caller(f"address:{_find_site(client[0]) if client else 'unknown'}")
        others = tuple(sorted({NO_OWNER, *self._keys.groups} - {key.group})) if key.is_operator else None
        return Caller(f"key:{key.id}", key.name, key.group, others)


def is_public(path: str) -> bool:
    """Whether a path needs no key."""
    return path in _PUBLIC_PATHS or path.startswith(_PUBLIC_FOLDERS)


def check_exposure(settings: GatewaySettings, host: str) -> None:
    """Refuse to start if others could use the gateway by accident, and warn if anyone may.

    On this machine alone, a gateway without keys is how people start, so there is only a warning. On a network, each
    forgotten setting would expose other people's receipts, so a setting has to allow it.

    Args:
        settings: Settings of the gateway.
        host: Address to listen on.

    Raises:
        StartupError: If others could reach the gateway, no key was ever created, and no setting allows that; or if it
            cannot be found out whether there are keys.
    """
    admission = settings.admission
    if admission.access == "keys":
        return
    if admission.access == "auto" and _has_keys(settings):
        return
    is_reachable = not _is_loopback(_get_published_host(admission.publish) if admission.publish else host)
    if is_reachable and admission.access == "auto":
        raise StartupError(
            f"The gateway would listen on {admission.publish or host}, where others can reach it, without asking for a "
            "key. Create a key with `quittance keys create NAME`; or set QUITTANCE_ACCESS=keys and create one later; "
            "or, if a proxy in front authenticates callers, set QUITTANCE_ACCESS=open."
        )
    _log.warning(
        "No API key needed: anyone who can reach this gateway may use it",
        extra={"host": host, "reachable_by_others": is_reachable, "close_with": "quittance keys create NAME"},
    )


def _has_keys(settings: GatewaySettings) -> bool:
    try:
        return bool(KeyStore(open_database(settings.storage)).load())
    except KeyStoreError as error:
        raise StartupError(str(error)) from error


def _get_published_host(published: str) -> str:
    """Return the address in a port of `docker compose`: `127.0.0.1:8000`, `[::1]:8000`, or `8000` for all addresses."""
    return published.rpartition(":")[0].strip("[]") or "0.0.0.0"  # noqa: S104 - compared, not listened on


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _find_site(address: str) -> str:
    """Return what is counted as one caller: the address, or the /64 network of an IPv6 address, which is one site."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _get_presented_key(headers: Mapping[str, str]) -> str:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "").strip()


def _unauthorized_problem(code: str, title: str, detail: str) -> ProblemError:
    return ProblemError(401, code, title, detail, headers={"WWW-Authenticate": 'Bearer realm="quittance"'})
