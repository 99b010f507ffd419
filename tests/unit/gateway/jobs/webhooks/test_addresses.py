"""Addresses that webhooks may go to."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from gateway.jobs.webhooks.addresses import AddressError, Target, check_url, is_public, resolve_url
from shared.problems import ProblemError


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:c0a8:1::1"),
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_other_addresses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("", "ftp://example.com", "file:///etc/passwd", "//example.com", "https://", "https:///path"),
        *("https://user@example.com", "https://a:b@example.com", "https://example.com:0", "https://example.com:99999"),
        *("https://exa mple.com", "https://example.com/\n", "https://example.com\\@127.0.0.1", "https://exämple.com"),
        *("http://127.0.0.1", "http://127.1", "http://2130706433", "http://0x7f.1", "http://0177.0.0.1"),
        *("http://[::1]:80", "http://[::ffff:7f00:1]", "http://169.254.169.254/latest/meta-data", "http://0"),
        *("http://localhost:9/", "http://LOCALHOST", "http://localhost.", "http://a.localhost", "http://127.0.0.1."),
        *("http://printer.local", "http://nas.home.arpa", "https://metadata.google.internal", "http://db.localdomain"),
        "https://example.com/" + "x" * 2048,
    ],
)
def test_rejects_malformed_and_private_urls(url: str) -> None:
    with pytest.raises(ProblemError) as raised:
        check_url(url, allow_private=False)
    assert (raised.value.status, raised.value.code) == (422, "webhook-url-invalid")


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.com/a?b=c", "http://8.8.8.8:8080", "https://[2606:4700::1]/"),
        *("https://example.com./", "https://localhost.example.com", "https://mylocalhost.com"),
    ],
)
def test_accepts_public_urls(url: str) -> None:
    check_url(url, allow_private=False)


def test_accepts_private_urls_where_they_are_allowed() -> None:
    check_url("http://localhost:9/", allow_private=True)


def replace_dns(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Resolve every name to these addresses; return the list of names that are resolved."""
    resolved: list[str] = []

    async def getaddrinfo(_: Any, host: str, port: int, **__: Any) -> list[Any]:
        resolved.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return resolved


async def test_resolves_a_name_once_and_pins_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = replace_dns(monkeypatch, "93.184.216.34")
    target = await resolve_url("https://books.example.com/hook?a=1#x", allow_private=False)
    assert target == Target(
        url="https://93.184.216.34:443/hook?a=1", host="books.example.com", tls_name="books.example.com"
    )
    assert resolved == ["books.example.com"]


async def test_a_name_without_an_address_looks_like_a_private_one(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = set()
    for addresses in ((), ("10.0.0.1",)):
        replace_dns(monkeypatch, *addresses)
        with pytest.raises(AddressError) as raised:
            await resolve_url("https://books.example.com/", allow_private=False)
        messages.add(str(raised.value))
    assert len(messages) == 1


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("93.184.216.34", "10.0.0.1"), ("fd00::1",), ()])
async def test_rejects_names_with_a_private_address(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    replace_dns(monkeypatch, *addresses)
    with pytest.raises(AddressError, match="address"):
        await resolve_url("https://rebound.example.com/", allow_private=False)
