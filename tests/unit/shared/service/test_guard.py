"""Tests of the limits on size and time of requests, and of disconnecting clients."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2
import pytest
from starlette.types import Message, Receive, Scope, Send

from shared.problems import ProblemError
from shared.service.request_context import current_deadline
from tests.support.toy_service import MAX_UPLOAD_BYTES, SlowRequest, assert_full_problem, create_toy_app, open_client

TOO_LARGE = MAX_UPLOAD_BYTES + 3 * 1024 * 1024


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with open_client(create_toy_app()) as client:
        yield client


async def stream(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 10_000):
        yield b"x" * min(10_000, size - start)


@pytest.mark.parametrize("has_length", [True, False], ids=["content-length", "chunked"])
async def test_rejects_oversized_bodies(client: httpx2.AsyncClient, has_length: bool) -> None:
    content = b"x" * TOO_LARGE if has_length else stream(TOO_LARGE)
    response = await client.post("/v1/upload", content=content, headers={"content-type": "image/png"})
    body = assert_full_problem(response, 413, "upload-too-large")
    assert "100,000 bytes" in body["detail"]
    assert body["max_bytes"] == MAX_UPLOAD_BYTES


async def test_rejects_oversized_json(client: httpx2.AsyncClient) -> None:
    content = json.dumps({"count": 1, "names": ["x" * TOO_LARGE]})
    response = await client.post("/v1/order", content=content, headers={"content-type": "application/json"})
    assert_full_problem(response, 413, "upload-too-large")


async def test_slow_request_ends_at_the_deadline() -> None:
    slow = SlowRequest()
    async with open_client(create_toy_app(slow, request_timeout_s=0.5)) as client:
        start = time.monotonic()
        response = await client.post("/v1/slow", content=b"x")
        assert time.monotonic() - start < 4  # the route takes 5 s
    assert "0.5 s" in assert_full_problem(response, 504, "deadline-exceeded")["detail"]
    assert slow.is_cancelled


async def test_caller_can_shorten_the_timeout(client: httpx2.AsyncClient) -> None:
    response = await client.post("/v1/slow", content=b"x", headers={"X-Timeout-Ms": "50"})
    assert "0.05 s" in assert_full_problem(response, 504, "deadline-exceeded")["detail"]


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "1000000000"])
async def test_rejects_invalid_timeouts(client: httpx2.AsyncClient, value: str) -> None:
    response = await client.get("/v1/things/a", headers={"X-Timeout-Ms": value})
    assert "whole number" in assert_full_problem(response, 400, "timeout-invalid")["detail"]


async def test_started_response_is_completed_after_the_deadline() -> None:
    async def respond(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await asyncio.sleep(1.2)
        await send({"type": "http.response.body", "body": b"whole"})

    app = create_toy_app(request_timeout_s=1)
    app.mount("/raw", respond)
    async with open_client(app) as client:
        assert (await client.get("/raw/")).text == "whole"


@asynccontextmanager
async def stream_slowly(pauses_s: Sequence[float]) -> AsyncIterator[tuple[httpx2.AsyncClient, list[float]]]:
    """Run an application with a timeout of half a second that sends a part of its response after each pause.

    Yields a client, and the seconds that the deadline leaves before each part.
    """
    remaining: list[float] = []

    async def respond(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for pause_s in pauses_s:
            await asyncio.sleep(pause_s)
            deadline = current_deadline()
            assert deadline is not None
            remaining.append(deadline.remaining())
            await send({"type": "http.response.body", "body": b"part ", "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})

    app = create_toy_app(request_timeout_s=0.5)
    app.mount("/raw", respond)
    async with open_client(app) as client:
        yield client, remaining


async def test_long_response_is_complete_as_long_as_parts_follow() -> None:
    async with stream_slowly([0.2] * 6) as (client, remaining):
        assert (await client.get("/raw/")).text == "part " * 6 + "end"
        # So that what the next part needs is not out of time either.
        assert min(remaining) > 0


@pytest.mark.parametrize(("pauses_s", "headers"), [([0.2, 5.0], {}), ([0.2] * 6, {"X-Timeout-Ms": "500"})])
async def test_response_whose_next_part_takes_too_long_is_cut_off(
    pauses_s: list[float], headers: dict[str, str]
) -> None:
    async with stream_slowly(pauses_s) as (client, remaining):
        start = time.monotonic()
        with pytest.raises(ProblemError, match="deadline-exceeded"):
            await client.get("/raw/", headers=headers)
        assert time.monotonic() - start < 4
        assert len(remaining) < 6


async def test_slow_upload_is_not_reported_as_a_slow_response() -> None:
    async def stall() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)

    async with open_client(create_toy_app(request_timeout_s=0.1)) as client:
        assert_full_problem(await client.post("/v1/slow", content=stall()), 408, "upload-too-slow")


async def test_stalled_upload_is_given_up() -> None:
    async def stall() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)

    async with open_client(create_toy_app(upload_stall_s=0.1)) as client:
        assert_full_problem(await client.post("/v1/slow", content=stall()), 408, "upload-too-slow")


async def test_request_that_waits_before_it_reads_its_body_is_not_a_slow_upload() -> None:
    async def wait(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.sleep(5)

    app = create_toy_app(request_timeout_s=0.1)
    app.mount("/waiting", wait)
    async with open_client(app) as client:
        assert_full_problem(await client.get("/waiting/"), 504, "deadline-exceeded")
        assert_full_problem(await client.post("/waiting/", content=b"x" * 1000), 504, "deadline-exceeded")


@pytest.mark.parametrize("has_length", [True, False], ids=["content-length", "chunked"])
async def test_uploads_in_memory_are_limited_together(has_length: bool) -> None:
    async with open_client(create_toy_app(upload_memory_bytes=100_000, request_timeout_s=1.5)) as client:

        async def send() -> httpx2.Response:
            content = b"x" * 40_000 if has_length else stream(40_000)
            return await client.post("/v1/slow", content=content)

        responses = await asyncio.gather(*(send() for _ in range(6)))
        assert sorted(response.status_code for response in responses) == [503] * 4 + [504] * 2
        refused = next(response for response in responses if response.status_code == 503)
        assert_full_problem(refused, 503, "overloaded")
        assert int(refused.headers["retry-after"]) > 0
        # All memory was given back, and a single larger body still fits.
        response = await client.post("/v1/upload", content=b"x" * 100_000, headers={"content-type": "image/png"})
        assert response.status_code != 503


async def test_disconnect_cancels_the_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    slow = SlowRequest()
    app = create_toy_app(slow)
    sent: list[Message] = []
    disconnected = asyncio.Event()
    messages = iter([{"type": "http.request", "body": b"x", "more_body": False}])

    async def receive() -> Message:
        if (message := next(messages, None)) is not None:
            return message
        await disconnected.wait()
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
        await asyncio.wait_for(slow.started.wait(), 10)
        disconnected.set()
        await asyncio.wait_for(call, 10)
    assert slow.is_cancelled
    assert sent == []
    assert [r.__dict__["status"] for r in caplog.records if r.name == "shared.request"] == [499]


async def test_cancelling_the_caller_of_an_embedded_application_cancels_its_work() -> None:
    slow = SlowRequest()
    async with open_client(create_toy_app(slow)) as client:
        call = asyncio.create_task(client.post("/v1/slow", content=b"x"))
        await asyncio.wait_for(slow.started.wait(), 10)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert slow.is_cancelled
