"""Readiness of a gateway whose stages are other processes."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from gateway.app import create_app
from gateway.settings import GatewaySettings, StageSettings
from gateway.stages.connection import open_client
from gateway.stages.stages import Stages
from tests.support.gateway import assert_problem
from tests.support.gateway import open_client as open_gateway

STAGES = ("detector", "recognizer", "extractor")


class Processes:
    """Stages that are ready or not; nothing else of them can be called."""

    def __init__(self) -> None:
        self.ready: set[str] = set()

    @asynccontextmanager
    async def open(self, settings: StageSettings) -> AsyncIterator[Stages]:
        clients = {
            name: httpx2.AsyncClient(transport=httpx2.MockTransport(self._build_handler(name)), base_url="http://stage")
            for name in STAGES
        }
        stages = Stages(**clients, timeout_s=settings.stage_timeout_s)
        yield stages
        await stages.aclose()

    def _build_handler(self, name: str) -> Callable[[httpx2.Request], httpx2.Response]:
        def answer(_: httpx2.Request) -> httpx2.Response:
            if name not in self.ready:
                raise httpx2.ConnectError("refused")
            return httpx2.Response(200, json={"status": "ready", "model": f"{name}-1"})

        return answer


@pytest.fixture
def processes() -> Processes:
    return Processes()


@pytest.fixture
async def client(processes: Processes) -> AsyncIterator[httpx2.AsyncClient]:
    urls: dict[str, Any] = {f"{name}_url": f"http://{name}:1" for name in STAGES}
    app = create_app(GatewaySettings(stage_check_s=0.02, **urls), processes.open)
    async with open_gateway(app) as http:
        yield http


async def wait_until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - the condition is in another process
            await asyncio.sleep(0.01)


async def test_gateway_is_starting_until_every_stage_has_been_ready_once(
    client: httpx2.AsyncClient, processes: Processes
) -> None:
    async def is_ready() -> bool:
        return (await client.get("/readyz")).status_code == 200

    async def waits_for_the_recognizer_alone() -> bool:
        return "yet: recognizer." in (await client.get("/readyz")).text

    problem = assert_problem(await client.get("/readyz"), 503, "starting")
    assert "detector, recognizer, extractor" in problem.detail
    assert 'quittance_ready{service="gateway"} 0.0' in (await client.get("/metrics")).text
    # What needs no stage works meanwhile.
    assert (await client.get("/healthz")).status_code == 200
    assert_problem(await client.get(f"/v1/jobs/{'0' * 32}"), 404, "job-not-found")
    processes.ready = {"detector", "extractor"}
    await wait_until(waits_for_the_recognizer_alone)
    processes.ready = set(STAGES)
    await wait_until(is_ready)
    # From then on, a stage that is down makes no gateway unready: it answers what it can.
    processes.ready = set()
    await asyncio.sleep(0.1)
    assert await is_ready()


async def test_connections_are_renewed_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in counts connections; a balancer would spread them over its replicas."""
    connections, chances = 0, itertools.cycle(number / 50 for number in range(50))
    monkeypatch.setattr(random, "random", lambda: next(chances))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while (head := await reader.readuntil(b"\r\n\r\n")) and b"connection: close" not in head.lower():
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = open_client(f"http://127.0.0.1:{port}", httpx2.AsyncHTTPTransport())
        for _ in range(251):
            assert (await client.get("/")).status_code == 200
        await client.aclose()
    assert connections == 6
