"""Webhooks sent to a local server."""

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
from typing import Any

import httpx2
import pytest

from gateway.jobs.webhooks import webhooks
from gateway.settings import GatewaySettings
from tests.support.gateway import Gateway, assert_problem, make_picture, run_gateway

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiver:
    """A server that receives webhooks: the statuses it answers with, and the requests it received."""

    url: str = ""
    statuses: list[str] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = dict(header.lower().split(": ", 1) for header in lines if header)
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append((line, headers, body))
        status = self.statuses.pop(0) if self.statuses else "204 No Content"
        writer.write(f"HTTP/1.1 {status}\r\nLocation: {self.url}/elsewhere\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def wait_for_requests(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.requests) < count:  # noqa: ASYNC110 - the requests are a plain list
                await asyncio.sleep(0.01)


@asynccontextmanager
async def run_receiver(*statuses: str) -> AsyncIterator[Receiver]:
    receiver = Receiver(statuses=list(statuses))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    async with server:
        receiver.url = f"http://localhost:{server.sockets[0].getsockname()[1]}"
        yield receiver


async def post_job(gateway: Gateway, url: str) -> httpx2.Response:
    files = [("files", ("a.png", make_picture(), "image/png"))]
    return await gateway.http.post("/v1/jobs", files=files, data={"webhook_url": url})


async def create_job(gateway: Gateway, url: str) -> dict[str, Any]:
    response = await post_job(gateway, url)
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


async def wait_for_delivery(gateway: Gateway, job_id: str) -> dict[str, Any]:
    """Return a job when its webhook has arrived or is given up."""
    async with asyncio.timeout(20):
        while True:
            job: dict[str, Any] = (await gateway.http.get(f"/v1/jobs/{job_id}")).json()
            if job["webhook"]["state"] != "pending":
                return job
            await asyncio.sleep(0.02)


def describe(
    state: str = "pending", *, attempts: int, error: str | None = None, delivered: str | None = None
) -> dict[str, Any]:
    return {"state": state, "attempts": attempts, "last_error": error, "delivered": delivered}


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_POLL_INTERVAL_S", 0.02)
    monkeypatch.setattr(webhooks, "_RETRY_DELAYS_S", (0.02, 0.02))


def create_settings(*, allow_private: bool = True) -> GatewaySettings:
    return GatewaySettings.model_validate({"webhook_secret": SECRET, "webhook_private_addresses": allow_private})


async def test_sends_the_finished_job_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with run_receiver() as receiver, run_gateway(create_settings()) as gateway:
        job = await create_job(gateway, f"{receiver.url}/hook?a=1")
        finished = await wait_for_delivery(gateway, job["id"])
    ((line, headers, body),) = receiver.requests
    assert line == "POST /hook?a=1 HTTP/1.1"
    assert headers["host"] == receiver.url.removeprefix("http://")
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == finished | {"webhook": describe(attempts=1)}
    assert finished["state"] == "done"
    assert finished["webhook"] == describe("delivered", attempts=1, delivered=finished["webhook"]["delivered"])
    assert finished["webhook"]["delivered"] >= finished["finished"]
    assert headers["webhook-id"] == job["id"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{signature}".lower()  # the receiver lowercases all headers


async def test_retries_until_accepted_and_follows_no_redirects() -> None:
    statuses = ("500 Oh", "302 Found", "204 No Content", "204 No Content")
    async with run_receiver(*statuses) as receiver, run_gateway(create_settings()) as gateway:
        await create_job(gateway, f"{receiver.url}/hook")
        await receiver.wait_for_requests(3)
        await asyncio.sleep(0.3)
    assert [line for line, _, _ in receiver.requests] == ["POST /hook HTTP/1.1"] * 3
    assert len({headers["webhook-id"] for _, headers, _ in receiver.requests}) == 1


async def test_gives_up_after_the_last_retry() -> None:
    async with run_receiver(*["500 Oh"] * 9) as receiver, run_gateway(create_settings()) as gateway:
        job = await create_job(gateway, receiver.url)
        assert job["webhook"] == describe(attempts=0)
        job = await wait_for_delivery(gateway, job["id"])
        await asyncio.sleep(0.3)
    assert len(receiver.requests) == 3
    assert job["webhook"] == describe("failed", attempts=3, error="The receiver answered with status 500.")


def resolve_to(monkeypatch: pytest.MonkeyPatch, address: str, port: int) -> None:
    """Resolve every name to an address."""

    async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)


async def test_does_not_send_to_a_name_that_resolves_to_a_private_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async with run_receiver() as receiver, run_gateway(create_settings(allow_private=False)) as gateway:
        port = receiver.url.rpartition(":")[2]
        resolve_to(monkeypatch, "127.0.0.1", int(port))
        # Accepted, because only DNS shows that it is private.
        job = await create_job(gateway, f"http://books.example.com:{port}")
        job = await wait_for_delivery(gateway, job["id"])
    assert receiver.requests == []
    assert job["webhook"]["state"] == "failed"
    assert "books.example.com has no address that is public" in job["webhook"]["last_error"]


@asynccontextmanager
async def run_tarpit() -> AsyncIterator[tuple[str, list[asyncio.StreamWriter]]]:
    """Run a server that accepts connections and never answers; yield its URL and the connections."""
    connections: list[asyncio.StreamWriter] = []

    async def keep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", connections
    finally:
        server.close()
        for writer in connections:
            writer.close()


async def test_webhooks_to_a_host_that_never_answers_delay_no_others() -> None:
    async with (
        run_tarpit() as (url, connections),
        run_receiver() as receiver,
        run_gateway(create_settings()) as gateway,
    ):
        for _ in range(10):
            await create_job(gateway, url)
        async with asyncio.timeout(8):
            while len(connections) < 4:  # noqa: ASYNC110 - the connections are a plain list
                await asyncio.sleep(0.01)
            job = await create_job(gateway, receiver.url)  # under another name, and so another host
            await receiver.wait_for_requests(1)  # an attempt at the others takes ten seconds
        await asyncio.sleep(0.5)
        assert len(connections) == 4
    assert receiver.requests[0][1]["webhook-id"] == job["id"]


async def test_deleted_job_sends_no_webhook() -> None:
    async with run_receiver() as receiver, run_gateway(create_settings()) as gateway:
        gateway.detector.delay_s = 0.3
        job = await create_job(gateway, receiver.url)
        assert (await gateway.http.delete(f"/v1/jobs/{job['id']}")).status_code == 204
        await asyncio.sleep(0.8)
    assert receiver.requests == []


async def test_rejects_webhooks_that_cannot_be_sent() -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        assert_problem(await post_job(gateway, "https://example.com"), 422, "webhooks-off")
    async with run_gateway(create_settings(allow_private=False)) as gateway:
        for url in ("http://127.0.0.1:1", "http://localhost:1"):
            assert_problem(await post_job(gateway, url), 422, "webhook-url-invalid")
