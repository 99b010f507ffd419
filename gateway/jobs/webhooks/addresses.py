"""Where webhooks may go: to addresses of the internet, looked up once and then connected to as they are.

A name is looked up by us and not by the HTTP client, and the connection goes to the address that was checked; so a name
whose answer changes between the check and the connection (DNS rebinding) leads nowhere else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from shared.problems import ProblemError

_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")  # older releases of Python take most of it for public
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_6TO4 = ipaddress.ip_network("2002::/16")
_LONGEST_URL = 2048


class AddressError(Exception):
    """A webhook may not go there, or there is no such place; the message says why."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet: not private, loopback, link-local, multicast or reserved.

    IPv6 addresses that stand for an IPv4 one are judged by that.
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
    elif ip in _PROTOCOLS:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def check_url(url: str, *, private: bool) -> None:
    """Looks at a URL without looking anything up.

    Args:
        url: As the caller sent it.
        private: Whether private addresses, and so plain names of neighbors, are allowed.

    Raises:
        ProblemError: 422 `webhook-url-invalid`.
    """
    try:
        parts = _parsed(url)
        if not private and (literal := _literal(parts.hostname or "")) is not None and not is_public(literal):
            raise AddressError("it leads to a private address, which this service does not send to")
    except AddressError as error:
        raise ProblemError(
            422,
            "webhook-url-invalid",
            "The webhook's URL is not valid",
            f"webhook_url cannot be used: {error}. Send a URL such as https://books.example.com/receipts.",
        ) from error


async def resolve(url: str, *, private: bool) -> tuple[str, str, dict[str, str]]:
    """Looks up where a URL leads, once.

    Returns:
        The URL with the address in place of the name, the value of `Host`, and the name for TLS (`sni_hostname`), if
        any, as extensions of a request of httpx2.

    Raises:
        AddressError: If any of its addresses is not allowed, or there is none.
    """
    parts = _parsed(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressError(f"the host {host} cannot be looked up") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise AddressError(f"the host {host} has no address")
    if not private and not all(map(is_public, addresses)):
        raise AddressError(f"the host {host} has a private address, which this service does not send to")
    address = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    pinned = parts._replace(netloc=f"{address}:{port}", fragment="").geturl()
    return pinned, parts.netloc, {"sni_hostname": host}


def _parsed(url: str) -> SplitResult:
    if len(url) > _LONGEST_URL:
        raise AddressError(f"it has more than {_LONGEST_URL} characters")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise AddressError("it holds characters that a URL cannot have")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressError("it cannot be read") from error
    if parts.scheme not in ("http", "https"):
        raise AddressError("it does not begin with https:// or http://")
    if not parts.hostname or "@" in parts.netloc or port == 0:
        raise AddressError("it names no host, or a user, or no valid port")
    return parts


def _literal(host: str) -> str | None:
    """A host that is an address itself, in any of the ways of writing that the system takes (such as 127.1)."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None
