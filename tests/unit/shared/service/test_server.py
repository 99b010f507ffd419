"""Tests of a service in a process: startup, shutdown and failure."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from benchmarks.processes import find_free_port
from shared.service.server import _AcceptErrors, _choose_max_connections
from tests.support.toy_service import assert_full_problem

PROGRAM = """
import asyncio, gc, sys, time
sys.path.insert(0, {root!r})
from contextlib import asynccontextmanager
from fastapi import APIRouter, Request
from shared.service.app import create_service_app
from shared.service.components import get_components
from shared.service.server import run
from shared.service.settings import ServiceSettings
from shared.startup import StartupError

router = APIRouter()

@router.get("/caller")
async def caller(request: Request):
    return {{"address": request.client.host, "scheme": request.url.scheme}}

@router.get("/collected")
async def collected():
    return {{"frozen": gc.get_freeze_count(), "collected": len(gc.get_objects())}}

@router.get("/slow")
async def slow():
    await asyncio.sleep(0.5)
    return {{"done": True}}

@router.get("/stuck")
async def stuck():
    await asyncio.to_thread(time.sleep, 300)

@router.post("/read")
async def read(request: Request):
    await request.body()
    await asyncio.sleep(30)

@asynccontextmanager
async def lifespan(app):
    await asyncio.sleep({warm_up_s})
    {statement}
    yield "toy-1"

settings = ServiceSettings(
    drain_delay_s=2, max_upload_bytes=100_000, max_connections={max_connections}, trusted_proxies={proxies!r}
)
app = create_service_app(
    name="toy", title="Toy", description="", settings=settings, lifespan=lifespan, routers=[router]
)
run(app, host="127.0.0.1", port={port}, settings=settings)
"""
StartServer = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Return a function that starts the service and returns its process and address."""
    processes: list[subprocess.Popen[str]] = []

    def start(
        warm_up_s: float = 0.0, statement: str = "", max_connections: int | None = None, proxies: str | None = None
    ) -> tuple[subprocess.Popen[str], str]:
        port = find_free_port()
        root = str(Path(__file__).resolve().parents[4])
        code = PROGRAM.format(
            root=root,
            warm_up_s=warm_up_s,
            statement=statement,
            port=port,
            max_connections=max_connections,
            proxies=proxies,
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={key: value for key, value in os.environ.items() if not key.startswith("QUITTANCE_")},
        )
        processes.append(process)
        return process, f"http://127.0.0.1:{port}"

    yield start
    for process in processes:
        process.kill()
        process.communicate()


async def wait_for_status(client: httpx2.AsyncClient, path: str, status: int) -> None:
    for _ in range(1500):
        try:
            if (await client.get(path)).status_code == status:
                return
        except httpx2.TransportError:
            pass
        await asyncio.sleep(0.02)
    raise AssertionError(f"{path} never returned {status}")


async def test_server_starts_serves_and_drains(start_server: StartServer) -> None:
    process, url = start_server(warm_up_s=0.3)
    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        await wait_for_status(client, "/healthz", 200)  # alive while it warms up
        assert_full_problem(await client.get("/slow"), 503, "starting")
        await wait_for_status(client, "/readyz", 200)

        # The response to an oversized body must arrive although the client is still sending.
        assert_full_problem(await client.post("/read", content=b"x" * 8_000_000), 413, "upload-too-large")

        with pytest.raises(httpx2.ReadTimeout):
            await client.post("/read", content=b"leaves", timeout=httpx2.Timeout(10, read=1))

        in_flight = asyncio.create_task(client.get("/slow"))
        await asyncio.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        await wait_for_status(client, "/readyz", 503)
        assert (await in_flight).json() == {"done": True}
    _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 0
    lines = [json.loads(line) for line in errors.splitlines()]
    assert [line["status"] for line in lines if line.get("path") == "/read"] == [413, 499]
    (slow,) = [line for line in lines if line.get("path") == "/slow" and line["status"] == 200]
    assert slow["message"] == "Request"
    assert slow["method"] == "GET"
    assert slow["ms"] >= 500
    assert len(slow["request_id"]) == 32
    assert slow["level"] == "info"
    assert slow["service"] == "toy"


async def test_objects_of_the_start_are_not_collected_again(start_server: StartServer) -> None:
    _, url = start_server()
    async with httpx2.AsyncClient(base_url=url) as http:
        await wait_for_status(http, "/readyz", 200)
        counts = (await http.get("/collected")).json()
    assert counts["frozen"] > 10 * counts["collected"]


async def test_unexpected_startup_failure_is_logged_with_a_traceback(start_server: StartServer) -> None:
    process, _ = start_server(statement="raise RuntimeError('no weights in here')")
    output, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 3
    assert output == ""
    assert any("no weights in here" in json.loads(line).get("exception", "") for line in errors.splitlines())


async def test_startup_error_is_logged_without_a_traceback(start_server: StartServer) -> None:
    process, _ = start_server(statement="raise StartupError('x.safetensors is missing. Get it again.')")
    _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 3
    (record,) = (record for line in errors.splitlines() if (record := json.loads(line))["level"] == "critical")
    assert record["message"] == "Service cannot start: x.safetensors is missing. Get it again."
    assert "exception" not in record


async def test_server_with_a_broken_part_stops(start_server: StartServer) -> None:
    process, _ = start_server(statement="get_components(app).health.require('worker', lambda: False)")
    _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 3
    assert "Service broke" in errors


async def test_server_exits_in_time_although_a_thread_is_stuck(start_server: StartServer) -> None:
    process, url = start_server(statement="import shared.service.server as s; s._MAX_SHUTDOWN_S = 3")
    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        await wait_for_status(client, "/readyz", 200)
        request = asyncio.create_task(client.get("/stuck"))
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx2.TransportError):
            await request
    _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 1
    assert "time.sleep" in errors or "in stuck" in errors or "thread.py" in errors


async def test_connections_are_limited_and_need_a_head(start_server: StartServer) -> None:
    limits = "import shared.service.server as s; s._HEAD_TIMEOUT_S = 1.0;"
    _, url = start_server(statement=limits)
    async with httpx2.AsyncClient(base_url=url) as client:
        await wait_for_status(client, "/readyz", 200)
    host, port = url.removeprefix("http://").split(":")

    async def connect(data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(data)
        try:
            return await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()

    kept = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /sl"  # then half a head on a kept connection
    half = b"GET /slow HTTP/1.1\r\nHo"
    answers = await asyncio.gather(*(connect(data) for data in (b"", half, kept)))
    assert [answer[:12] for answer in answers] == [b"", b"", b"HTTP/1.1 200"]


async def test_connections_beyond_the_limit_are_refused(start_server: StartServer) -> None:
    _, url = start_server(max_connections=3)
    async with httpx2.AsyncClient(base_url=url) as client:
        await wait_for_status(client, "/readyz", 200)
    host, port = url.removeprefix("http://").split(":")
    await asyncio.sleep(0.2)
    open_connections = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
    reader, writer = await asyncio.open_connection(host, int(port))
    assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 503")
    for _, one in open_connections:
        one.close()
    writer.close()


async def test_lengths_that_contradict_each_other_are_rejected(start_server: StartServer) -> None:
    _, url = start_server()
    async with httpx2.AsyncClient(base_url=url) as client:
        await wait_for_status(client, "/readyz", 200)
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head + b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)  # to the end: the connection is closed
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"ambiguous-length" in answer
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("proxies", "callers"),
    [
        (None, {"203.0.113.9": ("127.0.0.1", "http")}),
        (
            "127.0.0.0/8, 10.0.0.0/8",
            {
                "203.0.113.9": ("203.0.113.9", "https"),
                # What the caller itself sent is to the left of what the proxies added.
                "198.51.100.1, 203.0.113.9, 10.0.0.7": ("203.0.113.9", "https"),
            },
        ),
    ],
)
async def test_only_trusted_proxies_name_the_caller(
    start_server: StartServer, proxies: str | None, callers: dict[str, tuple[str, str]]
) -> None:
    _, url = start_server(proxies=proxies)
    async with httpx2.AsyncClient(base_url=url) as client:
        await wait_for_status(client, "/readyz", 200)
        for forwarded, (address, scheme) in callers.items():
            headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
            assert (await client.get("/caller", headers=headers)).json() == {"address": address, "scheme": scheme}


def test_accept_errors_are_logged_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    loop, errors = asyncio.new_event_loop(), _AcceptErrors()
    for _ in range(5_000):
        errors.handle(loop, {"message": "socket.accept()", "exception": OSError(errno.EMFILE, "Too many open files")})
    errors.handle(loop, {"message": "another"})
    loop.close()
    assert [record.getMessage() for record in caplog.records] == ["Connections cannot be accepted", "another"]


def test_connections_stay_below_the_limit_on_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, expected in ((1024, 768), (20_000, 4096), (300, 75), (resource.RLIM_INFINITY, 4096)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert _choose_max_connections() == expected
