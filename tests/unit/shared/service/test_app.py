"""The scaffold of a service, over ASGI and over a socket."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Query, Request
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send

from shared.problems import ProblemError, problem_responses
from shared.service.app import create_service_app
from shared.service.settings import ServiceSettings
from shared.service.uploads import read_upload, upload_openapi

LIMIT = 100_000


class Order(BaseModel):
    count: int
    names: list[str]


class Events:
    """What became of a slow request."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = False


def _routes(events: Events) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/upload", openapi_extra=upload_openapi(), responses=problem_responses(413, 415, 422))
    async def upload(request: Request) -> dict[str, Any]:
        sent = await read_upload(request, request.app.state.settings.upload_limits)
        return {"bytes": len(sent.data), "form": sent.form}

    @router.post("/v1/order")
    async def order(order: Order, fast: Annotated[bool, Query()] = False) -> Order:
        return order

    @router.get("/v1/things/{name}")
    async def thing(name: str) -> dict[str, str]:
        return {"name": name}

    @router.delete("/v1/things/{name}")
    async def no_thing(name: str) -> None:
        return None

    @router.get("/v1/fault")
    async def fault() -> None:
        raise RuntimeError("the secret of the receipt")

    @router.get("/v1/problem")
    async def problem() -> None:
        raise ProblemError(409, "too-late", "It is too late", "Come earlier.", headers={"Retry-After": "7"})

    @router.post("/v1/slow")
    async def slow(request: Request) -> dict[str, str]:
        await request.body()
        events.begun.set()
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            events.cancelled = True
            raise
        return {}

    return router


@asynccontextmanager
async def _loaded(_: FastAPI) -> AsyncIterator[str | None]:
    yield "ctpn-2026-11-22-1a2b3c4d"


def _app(
    events: Events | None = None,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[str | None]] = _loaded,
    **settings: Any,
) -> FastAPI:
    return create_service_app(
        name="toy",
        title="Toy",
        description="For tests.",
        settings=ServiceSettings(max_upload_bytes=LIMIT, **settings),
        lifespan=lifespan,
        routers=[_routes(events or Events())],
    )


@asynccontextmanager
async def _client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://toy") as client,
    ):
        yield client


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with _client(_app()) as client:
        yield client


def _is_problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:quittance:problem:{code}"
    assert body["status"] == status
    assert body["instance"] == answer.request.url.path
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


async def test_probes_when_ready(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ready", "model": "ctpn-2026-11-22-1a2b3c4d"}


async def test_before_the_lifespan_everything_but_liveness_says_starting() -> None:
    app = _app()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://toy") as client:
        assert (await client.get("/healthz")).status_code == 200
        _is_problem(await client.get("/readyz"), 503, "starting")
        answer = await client.get("/v1/things/a")
        _is_problem(answer, 503, "starting")
        assert answer.headers["retry-after"] == "2"


async def test_draining_is_unready_but_serves() -> None:
    app = _app()
    async with _client(app) as client:
        app.state.health.drain()
        _is_problem(await client.get("/readyz"), 503, "draining")
        assert (await client.get("/v1/things/a")).status_code == 200


async def test_told_to_end_while_starting_it_never_gets_ready() -> None:
    @asynccontextmanager
    async def interrupted(app: FastAPI) -> AsyncIterator[str | None]:
        app.state.health.drain()
        yield None

    async with _client(_app(lifespan=interrupted)) as client:
        _is_problem(await client.get("/readyz"), 503, "draining")


async def test_a_part_that_fails_is_named() -> None:
    app = _app()
    works = True
    app.state.health.require("worker", lambda: works)
    async with _client(app) as client:
        assert (await client.get("/readyz")).status_code == 200
        works = False
        assert "worker" in _is_problem(await client.get("/readyz"), 503, "broken")["detail"]


async def test_an_application_can_be_started_again() -> None:
    app = _app()
    for _ in range(2):
        async with _client(app) as client:
            assert (await client.get("/readyz")).status_code == 200


async def test_unknown_paths_and_methods_are_problems(client: httpx2.AsyncClient) -> None:
    assert "/nowhere" in _is_problem(await client.get("/nowhere"), 404, "not-found")["detail"]
    answer = await client.get("/v1/order")
    assert "Use POST" in _is_problem(answer, 405, "method-not-allowed")["detail"]
    assert answer.headers["allow"] == "POST"


async def test_all_methods_of_a_path_are_allowed(client: httpx2.AsyncClient) -> None:
    answer = await client.put("/v1/things/a")
    assert answer.headers["allow"] == "DELETE, GET"
    assert "Use DELETE or GET." in _is_problem(answer, 405, "method-not-allowed")["detail"]


async def test_a_problem_raised_is_answered(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/problem")
    body = _is_problem(answer, 409, "too-late")
    assert (body["title"], body["detail"]) == ("It is too late", "Come earlier.")
    assert answer.headers["retry-after"] == "7"


async def test_validation_lists_the_errors_but_not_the_values(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/order?fast=maybe", json={"count": "private", "names": [1]})
    body = _is_problem(answer, 422, "invalid-request")
    assert [error["where"] for error in body["errors"]] == ["query.fast", "body.count", "body.names.0"]
    assert body["errors"][1]["message"].startswith("Input should be a valid integer")
    assert "body.count: Input should be a valid integer" in body["detail"]
    assert "private" not in answer.text


async def test_json_that_is_none_is_a_problem(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/order", content=b"{", headers={"content-type": "application/json"})
    _is_problem(answer, 422, "invalid-request")


async def test_a_fault_is_logged_and_not_told(client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = await client.get("/v1/fault")
    _is_problem(answer, 500, "internal-error")
    assert "secret" not in answer.text
    (record,) = [record for record in caplog.records if record.name == "shared.service.guard"]
    assert record.exc_info
    assert "secret" in str(record.exc_info[1])


async def test_request_ids_are_kept_made_and_checked(client: httpx2.AsyncClient) -> None:
    kept = await client.get("/healthz", headers={"X-Request-ID": "order-7_b.1"})
    assert kept.headers.get_list("x-request-id") == ["order-7_b.1"]
    made = await client.get("/healthz")
    assert len(made.headers["x-request-id"]) == 32
    forged = await client.get("/healthz", headers={"X-Request-ID": 'x" "level": "fake'})
    assert len(forged.headers["x-request-id"]) == 32


async def test_one_log_line_a_request(client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await client.get("/v1/things/a?token=hidden")
    await client.get("/healthz")
    lines = [record for record in caplog.records if record.name == "shared.request"]
    assert [(line.levelname, line.__dict__["path"], line.__dict__["status"]) for line in lines] == [
        ("INFO", "/v1/things/a", 200),
        ("DEBUG", "/healthz", 200),
    ]
    assert lines[0].__dict__["ms"] > 0


async def test_metrics_count_by_route_and_are_per_app(client: httpx2.AsyncClient) -> None:
    async with _client(_app()) as other:
        await client.get("/v1/things/a")
        await client.get("/v1/things/b")
        await client.get("/nowhere")
        await client.get("/readyz")
        text = (await client.get("/metrics")).text
        assert 'quittance_requests_total{method="GET",route="/v1/things/{name}",service="toy",status="200"} 2.0' in text
        assert 'quittance_requests_total{method="GET",route="unmatched",service="toy",status="404"} 1.0' in text
        assert 'quittance_requests_in_flight{service="toy"} 0.0' in text
        assert "readyz" not in text
        assert "/v1/things" not in (await other.get("/metrics")).text


async def test_metrics_of_an_app_inside_are_shown_with_its_name() -> None:
    outer, inner = _app(), _app()
    inner.state.metrics.service = "inner"
    outer.state.metrics.include(inner.state.metrics)
    async with _client(inner) as client:
        await client.get("/v1/things/a")
        text = outer.state.metrics.exposition().decode()
        assert 'route="/v1/things/{name}",service="inner",status="200"} 1.0' in text
        assert 'quittance_ready{service="toy"} 0.0' in text
        assert 'quittance_ready{service="inner"} 1.0' in text
    assert text.count("# TYPE quittance_requests_total ") == 1
    assert text.count("process_cpu_seconds_total ") == 3  # help, type and one sample
    assert "_created" not in text
    assert 'quittance_ready{service="inner"} 0.0' in outer.state.metrics.exposition().decode()


async def _stream(size: int) -> AsyncIterator[bytes]:
    for begin in range(0, size, 10_000):
        yield b"x" * min(10_000, size - begin)


@pytest.mark.parametrize("counted", [True, False], ids=["content-length", "chunked"])
async def test_too_large_bodies_are_refused(client: httpx2.AsyncClient, counted: bool) -> None:
    size = LIMIT + 3 * 1024 * 1024
    content = b"x" * size if counted else _stream(size)
    answer = await client.post("/v1/upload", content=content, headers={"content-type": "image/png"})
    body = _is_problem(answer, 413, "upload-too-large")
    assert "100,000 bytes" in body["detail"]
    assert body["max_bytes"] == LIMIT


async def test_too_large_json_is_refused(client: httpx2.AsyncClient) -> None:
    content = json.dumps({"count": 1, "names": ["x" * (LIMIT + 3 * 1024 * 1024)]})
    answer = await client.post("/v1/order", content=content, headers={"content-type": "application/json"})
    _is_problem(answer, 413, "upload-too-large")


async def test_slow_requests_end_at_the_deadline() -> None:
    events = Events()
    async with _client(_app(events, request_timeout_s=0.1)) as client:
        begun = time.monotonic()
        answer = await client.post("/v1/slow", content=b"x")
        assert time.monotonic() - begun < 1
    assert "0.1 s" in _is_problem(answer, 504, "deadline-exceeded")["detail"]
    assert events.cancelled


async def test_an_answer_that_has_begun_is_sent_whole_after_the_deadline() -> None:
    async def raw(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"whole"})

    app = _app(request_timeout_s=0.05)
    app.mount("/raw", raw)
    async with _client(app) as client:
        assert (await client.get("/raw/")).text == "whole"


async def test_slow_uploads_are_told_apart_from_slow_answers() -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)

    async with _client(_app(request_timeout_s=0.1)) as client:
        _is_problem(await client.post("/v1/slow", content=stalled()), 408, "upload-too-slow")


async def test_a_client_that_leaves_ends_its_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    events = Events()
    app = _app(events)
    sent: list[Message] = []
    left = asyncio.Event()
    messages = iter([{"type": "http.request", "body": b"x", "more_body": False}])

    async def receive() -> Message:
        if (message := next(messages, None)) is not None:
            return message
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/slow",
        "raw_path": b"/v1/slow",
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "server": ("toy", 80),
    }
    async with app.router.lifespan_context(app):
        call = asyncio.create_task(app(scope, receive, send))
        await asyncio.wait_for(events.begun.wait(), 1)
        left.set()
        await asyncio.wait_for(call, 1)
    assert events.cancelled
    assert sent == []
    assert [r.__dict__["status"] for r in caplog.records if r.name == "shared.request"] == [499]


async def test_cancelling_the_caller_of_an_embedded_app_cancels_its_work() -> None:
    events = Events()
    async with _client(_app(events)) as client:
        call = asyncio.create_task(client.post("/v1/slow", content=b"x"))
        await asyncio.wait_for(events.begun.wait(), 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert events.cancelled


async def test_the_documentation_page_loads_nothing_from_elsewhere(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) >= 3
    for source in sources:
        assert source.startswith("/"), source
        assert (await client.get(source)).status_code == 200


async def test_openapi_describes_errors_as_problems(client: httpx2.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    responses = schema["paths"]["/v1/upload"]["post"]["responses"]
    for status in ("408", "413", "415", "422", "500", "503", "504"):
        content = responses[status]["content"]
        assert list(content) == ["application/problem+json"]
        assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert "application/problem+json" in schema["paths"]["/v1/order"]["post"]["responses"]["422"]["content"]
    assert "Problem" in schema["components"]["schemas"]
    assert "HTTPValidationError" not in json.dumps(schema)
    body = schema["paths"]["/v1/upload"]["post"]["requestBody"]["content"]
    assert body["multipart/form-data"]["schema"]["required"] == ["file"]
    assert "application/octet-stream" in body


SERVER = """
import asyncio, sys, time
sys.path.insert(0, {root!r})
from contextlib import asynccontextmanager
from fastapi import APIRouter, Request
from shared.service.app import create_service_app, run
from shared.service.settings import ServiceSettings

router = APIRouter()

@router.get("/slow")
async def slow():
    await asyncio.sleep(0.5)
    return {{"done": True}}

@router.post("/read")
async def read(request: Request):
    await request.body()
    await asyncio.sleep(30)

@asynccontextmanager
async def lifespan(app):
    await asyncio.sleep({warm_up})
    {failure}
    yield "toy-1"

settings = ServiceSettings(drain_delay_s=0.2, max_upload_bytes=100_000)
app = create_service_app(
    name="toy", title="Toy", description="", settings=settings, lifespan=lifespan, routers=[router]
)
run(app, host="127.0.0.1", port={port}, settings=settings)
"""


@pytest.fixture
def served(tmp_path: Path) -> Any:
    """Starts the toy service as a process; gives a function that returns it and its address."""
    processes: list[subprocess.Popen[str]] = []

    def start(warm_up: float = 0.0, failure: str = "") -> tuple[subprocess.Popen[str], str]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        root = str(Path(__file__).resolve().parents[4])
        code = SERVER.format(root=root, warm_up=warm_up, failure=failure, port=port)
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


async def _until(client: httpx2.AsyncClient, path: str, status: int) -> None:
    for _ in range(1500):
        try:
            if (await client.get(path)).status_code == status:
                return
        except httpx2.TransportError:
            pass
        await asyncio.sleep(0.02)
    raise AssertionError(f"{path} never gave {status}")


async def test_server_starts_serves_and_drains(served: Any) -> None:
    process, url = served(warm_up=0.3)
    async with httpx2.AsyncClient(base_url=url) as client:
        await _until(client, "/healthz", 200)  # lives while it warms up
        _is_problem(await client.get("/slow"), 503, "starting")
        await _until(client, "/readyz", 200)

        # Over a socket, an answer to a body that is too large must arrive although the client is still sending.
        answer = await client.post("/read", content=b"x" * 8_000_000)
        _is_problem(answer, 413, "upload-too-large")

        with pytest.raises(httpx2.ReadTimeout):
            await client.post("/read", content=b"leaves", timeout=0.2)

        in_flight = asyncio.create_task(client.get("/slow"))
        await asyncio.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        await _until(client, "/readyz", 503)
        assert (await in_flight).json() == {"done": True}
    _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 0
    lines = [json.loads(line) for line in errors.splitlines()]
    assert [line["status"] for line in lines if line.get("path") == "/read"] == [413, 499]
    (slow,) = [line for line in lines if line.get("path") == "/slow" and line["status"] == 200]
    assert slow["method"] == "GET"
    assert slow["ms"] >= 500
    assert len(slow["request_id"]) == 32
    assert slow["level"] == "info"
    assert slow["service"] == "toy"


async def test_server_that_cannot_start_says_why_and_ends(served: Any) -> None:
    process, _ = served(failure="raise RuntimeError('no weights in here')")
    output, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 3
    assert output == ""
    assert any("no weights in here" in json.loads(line).get("exception", "") for line in errors.splitlines())


async def test_server_without_weights_says_what_to_do(served: Any) -> None:
    process, _ = served(
        failure="from shared.startup import StartupError; raise StartupError('x.safetensors is missing. Get it again.')"
    )
    _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 3
    (told,) = (record for line in errors.splitlines() if (record := json.loads(line))["level"] == "critical")
    assert told["message"] == "the service cannot start: x.safetensors is missing. Get it again."
    assert "exception" not in told


async def test_server_whose_worker_died_ends(served: Any) -> None:
    process, _ = served(failure="app.state.health.require('worker', lambda: False)")
    _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 3
    assert "the service broke" in errors
