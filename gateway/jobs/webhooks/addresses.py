"""The addresses that webhooks may go to.

A host name is resolved here, not by the HTTP client, and the connection goes to the address that was checked. So a name
that resolves to something else a moment later (DNS rebinding) cannot redirect a webhook.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from shared.problems import ProblemError

# For protocol assignments (RFC 6890); older releases of Python consider most of it global.
_PROTOCOL_ASSIGNMENTS = ipaddress.ip_network("192.0.0.0/24")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_6TO4 = ipaddress.ip_network("2002::/16")
_MAX_URL_LENGTH = 2048
# Names that never lead to a public address: RFC 6761, RFC 6762, RFC 8375, ICANN's name for private use, and the domain
# that systems give to names without one.
_PRIVATE_DOMAINS = ("localhost", "local", "home.arpa", "internal", "localdomain")


class AddressError(Exception):
    """An address is not allowed or cannot be found; the message says why."""


def is_public(address: str) -> bool:
    """Return whether an IP address is public: not private, loopback, link-local, multicast or reserved.

    An IPv6 address that embeds an IPv4 address is judged by the latter.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is None and ip in _6TO4:
            inner = ip.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if ip.teredo is not None or ip.is_site_local:
            return False
    elif ip in _PROTOCOL_ASSIGNMENTS:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


@dataclass(frozen=True)
class Target:
    """Where to send a webhook.

    Attributes:
        url: The URL, with the resolved address instead of the host name.
        host: The value of the `Host` header.
        tls_name: The name to verify the certificate against (`sni_hostname` in httpx2).
    """

    url: str
    host: str
    tls_name: str


def check_url(url: str, *, allow_private: bool) -> None:
    """Check a URL without resolving its host.

    Args:
        url: The URL as the caller sent it.
        allow_private: Whether private addresses are allowed.

    Raises:
        ProblemError: 422 `webhook-url-invalid`.
    """
    try:
        host = (_parse_url(url).hostname or "").rstrip(".")
        address = _parse_address(host)
        if not allow_private and (_is_private_name(host) if address is None else not is_public(address)):
            raise AddressError("it points to a private address, which this service does not send to")
    except AddressError as error:
        raise ProblemError(
            422,
            "webhook-url-invalid",
            "The webhook URL is not valid",
            f"webhook_url is not valid: {error}. Send a URL such as https://books.example.com/receipts.",
        ) from error


async def resolve_url(url: str, *, allow_private: bool) -> Target:
    """Resolve the host of a URL, once.

    Raises:
        AddressError: If the host has no address, or any of its addresses is not allowed.
    """
    parts = _parse_url(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    try:
        entries = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        entries = []
    addresses = [str(entry[4][0]) for entry in entries]
    if not addresses or not (allow_private or all(map(is_public, addresses))):
        # Callers read this, so it does not tell whether a private name exists.
        only = "" if allow_private else " that is public, and this service sends to no other"
        raise AddressError(f"the host {host} has no address{only}")
    address = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    pinned = parts._replace(netloc=f"{address}:{port}", fragment="").geturl()
    return Target(pinned, parts.netloc, host)


def _parse_url(url: str) -> SplitResult:
    if len(url) > _MAX_URL_LENGTH:
        raise AddressError(f"it has more than {_MAX_URL_LENGTH} characters")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise AddressError("it contains characters that are not allowed in a URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressError("it cannot be parsed") from error
    if parts.scheme not in ("http", "https"):
        raise AddressError("it does not begin with https:// or http://")
    if not parts.hostname or "@" in parts.netloc or port == 0:
        raise AddressError("it needs a host, no user, and a valid port if any")
    return parts


def _is_private_name(host: str) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in _PRIVATE_DOMAINS)


def _parse_address(host: str) -> str | None:
    """Return the address if a host is one, in any notation that the system accepts (such as 127.1)."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None
