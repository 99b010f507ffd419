"""Readiness of a gateway whose stages are other processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from gateway.app import create_app
from gateway.settings import GatewaySettings, StageSettings
from gateway.stages.stages import Stages
from tests.support.gateway import assert_problem, open_client

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
    async with open_client(app) as http:
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
