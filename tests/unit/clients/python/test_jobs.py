"""Jobs: what is sent, following the event stream, polling, and giving up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from quittance_client import (
    NO_RETRIES,
    APIConnectionError,
    APIResponseError,
    AsyncClient,
    Client,
    JobTimeoutError,
    NotFoundError,
    RetryPolicy,
)
from quittance_client.models import Counts, FileState, Job
from tests.support.fake_gateway import JOB_ID, RECEIPT, Clock, FakeGateway, MakeReply, job, problem

QUEUED = job("queued", queued=2)
HALF = job("running", running=1, done=1)
DONE = job("done", done=1, failed=1)
FILE = {"index": 0, "name": "a.jpg", "state": "done"}


def event(name: str, content: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"


def stream(*parts: str) -> httpx2.Response:
    return httpx2.Response(200, content="".join(parts).encode(), headers={"Content-Type": "text/event-stream"})


def state(content: dict[str, Any], status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json=content)


WHOLE_STREAM = (
    event("file", FILE),
    event("progress", QUEUED["counts"]),
    ": keepalive\n\n",
    event("news", {"unknown": 1}),
    event("progress", HALF["counts"]),
    event("done", DONE),
)


def finished(counts: list[Counts]) -> list[int]:
    return [one.finished for one in counts]


def test_create_sends_files_and_options(gateway: FakeGateway) -> None:
    gateway.replies = [state(QUEUED, 202)]
    handle = gateway.client().jobs.create(
        [("a.jpg", b"1"), b"2"],
        orientation="auto",
        split="pages",
        cache_control="no-store",
        webhook_url="https://example.com/hook",
    )
    (request,) = gateway.requests
    assert (request.method, request.url.path) == ("POST", "/v1/jobs")
    assert dict(request.url.params) == {"orientation": "auto", "split": "pages"}
    assert request.headers["Cache-Control"] == "no-store"
    body = request.content.decode()
    assert body.count('name="files"') == 2
    assert 'filename="a.jpg"' in body
    assert 'filename="file-2"' in body
    assert "https://example.com/hook" in body
    assert (handle.id, handle.state, handle.counts.queued, handle.files) == (JOB_ID, "queued", 2, [])
    assert repr(handle) == f"<JobHandle {JOB_ID} queued, 0 of 2 files finished>"


def test_wait_follows_the_stream(gateway: FakeGateway) -> None:
    gateway.replies = [state(QUEUED, 202), stream(*WHOLE_STREAM)]
    seen: list[Counts] = []
    handle = gateway.client().jobs.create([b"1", b"2"]).wait(on_progress=seen.append)
    assert handle.state == "done"
    assert (handle.counts.done, handle.counts.failed) == (1, 1)
    assert finished(seen) == [0, 1, 2]
    assert [request.url.path for request in gateway.requests] == ["/v1/jobs", f"/v1/jobs/{JOB_ID}/events"]
    assert gateway.requests[1].extensions["timeout"]["read"] == 60
    assert "X-Timeout-Ms" not in gateway.requests[1].headers


async def test_async_wait_follows_the_stream(gateway: FakeGateway) -> None:
    gateway.replies = [state(QUEUED, 202), stream(*WHOLE_STREAM)]
    seen: list[Counts] = []

    async def keep(counts: Counts) -> None:
        seen.append(counts)

    async with gateway.async_client() as client:
        handle = await (await client.jobs.create([b"1", b"2"])).wait(on_progress=keep)
    assert handle.state == "done"
    assert finished(seen) == [0, 1, 2]


def test_events_are_typed(gateway: FakeGateway) -> None:
    gateway.replies = [stream(*WHOLE_STREAM)]
    events = list(gateway.client().jobs.events(JOB_ID))
    assert [type(one) for one in events] == [FileState, Counts, Counts, Job]


async def test_async_events_are_typed(gateway: FakeGateway) -> None:
    gateway.replies = [stream(*WHOLE_STREAM)]
    async with gateway.async_client() as client:
        events = [one async for one in client.jobs.events(JOB_ID)]
    assert [type(one) for one in events] == [FileState, Counts, Counts, Job]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (lambda _: stream(event("progress", HALF["counts"])), APIConnectionError),
        (lambda _: problem(404, "job-not-found"), NotFoundError),
        (lambda _: httpx2.ReadError("reset"), APIConnectionError),
        (lambda _: stream(event("progress", {"total": "many"})), APIResponseError),
    ],
)
async def test_events_that_end_early_raise(gateway: FakeGateway, reply: MakeReply, error: type[Exception]) -> None:
    gateway.replies = [reply]
    with pytest.raises(error):
        list(gateway.client().jobs.events(JOB_ID))
    with pytest.raises(error):
        _ = [one async for one in gateway.async_client().jobs.events(JOB_ID)]


def test_wait_polls_if_asked(gateway: FakeGateway, clock: Clock) -> None:
    gateway.replies = [state(QUEUED), state(QUEUED), state(HALF), state(DONE)]
    seen: list[Counts] = []
    done = gateway.client().jobs.wait(JOB_ID, poll_s=3, on_progress=seen.append)
    assert done.state == "done"
    assert finished(seen) == [0, 1, 2]
    assert clock.sleeps == [3, 3, 3]
    assert {request.url.path for request in gateway.requests} == {f"/v1/jobs/{JOB_ID}"}


BROKEN = [
    lambda _: stream(event("progress", QUEUED["counts"])),
    lambda _: httpx2.ReadTimeout(""),
    lambda _: problem(503, "draining"),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_wait_polls_once_the_stream_has_failed(gateway: FakeGateway, clock: Clock, broken: MakeReply) -> None:
    gateway.replies = [broken, state(HALF), httpx2.ConnectError("refused"), state(DONE)]
    assert gateway.client().jobs.wait(JOB_ID).state == "done"
    paths = [request.url.path.removeprefix(f"/v1/jobs/{JOB_ID}") for request in gateway.requests]
    assert paths == ["/events", "", "", ""]
    assert clock.sleeps


@pytest.mark.parametrize("broken", BROKEN)
async def test_async_wait_polls_once_the_stream_has_failed(
    gateway: FakeGateway, clock: Clock, broken: MakeReply
) -> None:
    gateway.replies = [broken, state(HALF), httpx2.ConnectError("refused"), state(DONE)]
    async with gateway.async_client() as client:
        assert (await client.jobs.wait(JOB_ID)).state == "done"
    assert clock.sleeps


def test_wait_survives_a_restart_of_the_gateway(gateway: FakeGateway, clock: Clock) -> None:
    gateway.replies = [stream(), *[httpx2.ConnectError("refused")] * 12, state(DONE)]
    assert gateway.client().jobs.wait(JOB_ID).state == "done"
    assert clock.now < 60


def test_wait_gives_up_on_a_gateway_that_stays_away(gateway: FakeGateway, clock: Clock) -> None:
    gateway.replies = [httpx2.ConnectError("refused")]
    with pytest.raises(APIConnectionError):
        gateway.client(retries=RetryPolicy(max_elapsed_s=20)).jobs.wait(JOB_ID)
    assert 20 < clock.now < 60
    gateway.requests.clear()
    with pytest.raises(APIConnectionError):
        gateway.client(retries=NO_RETRIES).jobs.wait(JOB_ID)
    assert len(gateway.requests) == 1


def test_wait_ends_with_its_timeout(gateway: FakeGateway, clock: Clock) -> None:
    gateway.replies = [state(HALF)]
    with pytest.raises(JobTimeoutError, match=r"did not finish within 5 s"):
        gateway.client().jobs.wait(JOB_ID, timeout_s=5)
    assert clock.now == pytest.approx(5)


def test_a_poll_takes_no_longer_than_the_wait(gateway: FakeGateway, clock: Clock) -> None:
    gateway.replies = [state(HALF)]
    with pytest.raises(JobTimeoutError):
        gateway.client().jobs.wait(JOB_ID, timeout_s=2.2)
    assert gateway.sent("X-Timeout-Ms") == ["2200", "1200", "500", "500"]


class SlowStream(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A stream that is silent but for a comment every ten seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b": keepalive\n\n"
            self._clock.now += 10

    async def __aiter__(self) -> Any:
        for part in self:
            yield part

    def close(self) -> None:
        self.is_closed = True

    async def aclose(self) -> None:
        self.is_closed = True


def test_wait_on_a_silent_stream_ends_with_its_timeout(gateway: FakeGateway, clock: Clock) -> None:
    silent = SlowStream(clock)
    gateway.replies = [httpx2.Response(200, stream=silent), state(HALF)]
    with pytest.raises(JobTimeoutError):
        gateway.client().jobs.wait(JOB_ID, timeout_s=32)
    assert clock.now == pytest.approx(32)
    assert silent.is_closed


async def test_async_wait_on_a_silent_stream_ends_with_its_timeout(gateway: FakeGateway, clock: Clock) -> None:
    silent = SlowStream(clock)
    gateway.replies = [httpx2.Response(200, stream=silent), state(HALF)]
    async with gateway.async_client() as client:
        with pytest.raises(JobTimeoutError):
            await client.jobs.wait(JOB_ID, timeout_s=32)
    assert clock.now == pytest.approx(32)
    assert silent.is_closed


def test_wait_returns_a_cancelled_job(gateway: FakeGateway) -> None:
    gateway.replies = [stream(event("done", job("cancelled", done=1, queued=1)))]
    assert gateway.client().jobs.wait(JOB_ID).state == "cancelled"


def test_error_in_a_callback_ends_the_wait(gateway: FakeGateway) -> None:
    gateway.replies = [stream(*WHOLE_STREAM)]

    def fail(_: Counts) -> None:
        raise APIConnectionError("of another client")

    with pytest.raises(APIConnectionError, match="of another client"):
        gateway.client().jobs.wait(JOB_ID, on_progress=fail)
    assert len(gateway.requests) == 1


def answers_of_a_job(request: httpx2.Request) -> httpx2.Response:
    rows = [FILE | {"receipt": RECEIPT}, FILE | {"index": 1, "state": "failed"}]
    if request.method == "DELETE":
        return httpx2.Response(204)
    if request.url.path.endswith("/events"):
        return stream(*WHOLE_STREAM)
    if not request.url.path.endswith("/results"):
        return state(DONE)
    return httpx2.Response(200, json=rows) if request.url.params["format"] == "json" else httpx2.Response(200, text="x")


def test_handle_has_all_operations() -> None:
    with Client(transport=httpx2.MockTransport(answers_of_a_job)) as client:
        handle = client.jobs.get(JOB_ID)
        assert handle.refresh() is handle
        assert len(list(handle.events())) == 4
        assert [(row.state, row.receipt is not None) for row in handle.results()] == [("done", True), ("failed", False)]
        assert handle.export("csv") == b"x"
        handle.delete()


async def test_async_handle_has_all_operations() -> None:
    async with AsyncClient(transport=httpx2.MockTransport(answers_of_a_job)) as client:
        handle = await client.jobs.get(JOB_ID)
        assert await handle.refresh() is handle
        assert len([one async for one in handle.events()]) == 4
        assert [row.state for row in await handle.results()] == ["done", "failed"]
        assert await handle.export("csv") == b"x"
        await handle.delete()
