"""Webhooks: how they are signed, where they may go, and that they get there."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.jobs.webhooks import webhooks
from gateway.jobs.webhooks.addresses import AddressError, Target, check_url, is_public, resolve_url
from gateway.jobs.webhooks.signatures import build_signed_headers, decode_secret
from gateway.settings import GatewaySettings
from shared.problems import ProblemError
from shared.service.settings import SettingsError
from tests.support.gateway import Gateway, assert_problem, make_picture, run_gateway

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_signature_is_that_of_the_reference() -> None:
    """As the library of Standard Webhooks signs the example of its documentation."""
    headers = build_signed_headers(
        decode_secret(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("secret", ["", "secret", "whsec_", "whsec_%%%", "whsec_c2hvcnQ=", "whsec_" + "A" * 100])
def test_a_secret_that_is_none_is_refused_at_the_start(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"should"):
        decode_secret(secret)
    if secret:
        monkeypatch.setenv("QUITTANCE_WEBHOOK_SECRET", secret)
        with pytest.raises(SettingsError, match="QUITTANCE_WEBHOOK_SECRET") as raised:
            GatewaySettings.from_environment()
        assert secret.removeprefix("whsec_")[:8] not in str(raised.value) or len(secret) < 12


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
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
def test_other_addresses_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("", "ftp://example.com", "file:///etc/passwd", "//example.com", "https://", "https:///path"),
        *("https://user@example.com", "https://a:b@example.com", "https://example.com:0", "https://example.com:99999"),
        *("https://exa mple.com", "https://example.com/\n", "https://example.com\\@127.0.0.1", "https://exämple.com"),
        *("http://127.0.0.1", "http://127.1", "http://2130706433", "http://0x7f.1", "http://0177.0.0.1"),
        *("http://[::1]:80", "http://[::ffff:7f00:1]", "http://169.254.169.254/latest/meta-data", "http://0"),
        "https://example.com/" + "x" * 2048,
    ],
)
def test_a_url_that_leads_nowhere_or_inside_is_refused(url: str) -> None:
    with pytest.raises(ProblemError) as raised:
        check_url(url, allow_private=False)
    assert (raised.value.status, raised.value.code) == (422, "webhook-url-invalid")


@pytest.mark.parametrize("url", ["https://example.com/a?b=c", "http://8.8.8.8:8080", "https://[2606:4700::1]/"])
def test_a_url_of_the_internet_is_taken(url: str) -> None:
    check_url(url, allow_private=False)


def looked_up(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Makes every name have these addresses; gives the names asked for."""
    asked: list[str] = []

    async def getaddrinfo(_: Any, host: str, port: int, **__: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


async def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = looked_up(monkeypatch, "93.184.216.34")
    found = await resolve_url("https://books.example.com/hook?a=1#x", allow_private=False)
    assert found == Target(
        url="https://93.184.216.34:443/hook?a=1", host="books.example.com", tls_name="books.example.com"
    )
    assert asked == ["books.example.com"]


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("93.184.216.34", "10.0.0.1"), ("fd00::1",), ()])
async def test_a_name_with_a_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    looked_up(monkeypatch, *addresses)
    with pytest.raises(AddressError, match="address"):
        await resolve_url("https://rebound.example.com/", allow_private=False)


@dataclass
class Receiver:
    """A server that takes webhooks, and what came in."""

    url: str = ""
    statuses: list[str] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = dict(one.lower().split(": ", 1) for one in lines if one)
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append((line, headers, body))
        status = self.statuses.pop(0) if self.statuses else "204 No Content"
        writer.write(f"HTTP/1.1 {status}\r\nLocation: {self.url}/elsewhere\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        self.came.set()


@asynccontextmanager
async def receiver(*statuses: str) -> AsyncIterator[Receiver]:
    started = Receiver(statuses=list(statuses))
    server = await asyncio.start_server(started.serve, "127.0.0.1", 0)
    async with server:
        started.url = f"http://localhost:{server.sockets[0].getsockname()[1]}"
        yield started


async def create(gateway: Gateway, url: str) -> dict[str, Any]:
    form = [("files", ("a.png", make_picture(), "image/png")), ("webhook_url", (None, url))]
    response = await gateway.http.post("/v1/jobs", files=form)
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(webhooks, "_POLL_INTERVAL_S", 0.02)
    monkeypatch.setattr(webhooks, "_RETRY_DELAYS_S", (0.02, 0.02))


def settings(**changed: Any) -> GatewaySettings:
    return GatewaySettings(webhook_secret=SECRET, **{"webhook_private_addresses": True} | changed)


async def test_a_job_that_is_done_is_told_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with receiver() as there, run_gateway(settings()) as gateway:
        job = await create(gateway, f"{there.url}/hook?a=1")
        async with asyncio.timeout(20):
            await there.came.wait()
        now = (await gateway.http.get(f"/v1/jobs/{job['id']}")).json()
    ((line, headers, body),) = there.requests
    assert line == "POST /hook?a=1 HTTP/1.1"
    assert headers["host"] == there.url.removeprefix("http://")
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == now
    assert now["state"] == "done"
    assert headers["webhook-id"] == job["id"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}".lower()  # the receiver above lowers all headers


async def test_a_webhook_is_sent_again_until_it_is_taken_and_follows_nobody() -> None:
    async with (
        receiver("500 Oh", "302 Found", "204 No Content", "204 No Content") as there,
        run_gateway(settings()) as gw,
    ):
        await create(gw, f"{there.url}/hook")
        async with asyncio.timeout(20):
            while len(there.requests) < 3:
                there.came.clear()
                await there.came.wait()
        await asyncio.sleep(0.3)
    assert [line for line, _, _ in there.requests] == ["POST /hook HTTP/1.1"] * 3
    assert len({headers["webhook-id"] for _, headers, _ in there.requests}) == 1


async def test_a_webhook_is_given_up_in_the_end() -> None:
    async with receiver(*["500 Oh"] * 9) as there, run_gateway(settings()) as gateway:
        await create(gateway, there.url)
        await asyncio.sleep(1.5)
    assert len(there.requests) == 3


async def test_a_name_that_turns_out_private_is_not_sent_to() -> None:
    async with receiver() as there, run_gateway(settings(webhook_private_addresses=False)) as gateway:
        await create(gateway, there.url)  # localhost, which only a look-up tells
        await asyncio.sleep(1)
    assert there.requests == []


async def test_a_job_that_is_deleted_tells_nobody() -> None:
    async with receiver() as there, run_gateway(settings()) as gateway:
        gateway.detector.delay_s = 0.3
        job = await create(gateway, there.url)
        assert (await gateway.http.delete(f"/v1/jobs/{job['id']}")).status_code == 204
        await asyncio.sleep(0.8)
    assert there.requests == []


async def test_webhooks_that_cannot_be_sent_are_refused_at_once() -> None:
    form = [("files", ("a.png", make_picture(), "image/png")), ("webhook_url", (None, "https://example.com"))]
    async with run_gateway(GatewaySettings()) as gateway:
        assert_problem(await gateway.http.post("/v1/jobs", files=form), 422, "webhooks-off")
    form[1] = ("webhook_url", (None, "http://127.0.0.1:1"))
    async with run_gateway(settings(webhook_private_addresses=False)) as gateway:
        assert_problem(await gateway.http.post("/v1/jobs", files=form), 422, "webhook-url-invalid")
