"""Calls of a stage: retries, timeouts, and a stage that fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest

from gateway.stages.client import Stage
from shared.contracts import DetectResponse
from shared.problems import ProblemError
from shared.service.deadline import TIMEOUT_HEADER, Deadline

GOOD = {"page": {"width": 1, "height": 1, "rotation": 0}, "segments": [], "model": "ctpn-1"}


def build_refusal(status: int, code: str, **headers: str) -> httpx2.Response:
    body = {"type": f"urn:quittance:problem:{code}", "title": "Title", "status": status, "detail": "Detail."}
    return httpx2.Response(status, json=body, headers=headers)


class Script:
    """The answers of a stage, one per attempt, the last one repeated; records the requests."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def build_answer() -> httpx2.Response:
    return httpx2.Response(200, json=GOOD)


@asynccontextmanager
async def open_stage(
    answers: Callable[[httpx2.Request], httpx2.Response], timeout_s: float = 5
) -> AsyncIterator[Stage[DetectResponse]]:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answers), base_url="http://detector")
    client = Stage("detector", http, DetectResponse, timeout_s=timeout_s)
    yield client
    await client.aclose()


@pytest.mark.parametrize(
    "failure",
    [
        httpx2.ConnectError("refused"),
        httpx2.ReadError("reset"),
        httpx2.RemoteProtocolError("closed"),
        build_refusal(503, "draining"),
        build_refusal(503, "starting"),
        httpx2.Response(502),
    ],
)
async def test_retries_a_stage_that_is_briefly_down(failure: httpx2.Response | Exception) -> None:
    script = Script(failure, build_answer())
    async with open_stage(script) as client:
        assert (await client.call("/v1/detect", Deadline(5), content=b"x")).model == "ctpn-1"
    assert len(script.requests) == 2
    assert [request.content for request in script.requests] == [b"x", b"x"]


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (build_refusal(503, "overloaded", **{"Retry-After": "7"}), 503),
        (build_refusal(422, "picture-damaged"), 422),
        (build_refusal(500, "internal-error"), 502),
        (httpx2.Response(200, json={"nonsense": 1}), 502),
        (httpx2.ReadTimeout("slow"), 503),
    ],
)
async def test_does_not_retry_final_failures(failure: httpx2.Response | Exception, status: int) -> None:
    script = Script(failure)
    async with open_stage(script) as client:
        with pytest.raises(ProblemError) as caught:
            await client.call("/v1/detect", Deadline(5))
    assert caught.value.status == status
    assert len(script.requests) == 1


async def test_does_not_retry_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.stages.resilience.retry_pause_s", lambda retry: 60.0)
    script = Script(httpx2.ConnectError("refused"))
    async with open_stage(script) as client:
        start = time.monotonic()
        with pytest.raises(ProblemError, match="stage-unavailable"):
            await client.call("/v1/detect", Deadline(30))
        assert time.monotonic() - start < 20
    assert len(script.requests) == 1


async def test_tells_the_stage_the_remaining_time() -> None:
    script = Script(build_answer())
    async with open_stage(script) as client:
        await client.call("/v1/detect", Deadline(2))
        await client.call("/v1/detect", Deadline(60))
    granted = [int(request.headers[TIMEOUT_HEADER]) for request in script.requests]
    assert 1000 < granted[0] <= 2000
    # The timeout of one call.
    assert granted[1] == 5000


async def test_sends_again_only_if_the_deadline_was_extended() -> None:
    script = Script(build_refusal(504, "deadline-exceeded"), build_answer())
    async with open_stage(script) as client:
        deadline = Deadline(0.2)
        deadline.extend_to(Deadline(5))
        assert (await client.call("/v1/detect", deadline)).model == "ctpn-1"
    late = Script(build_refusal(504, "deadline-exceeded"))

    async def slowly(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0.3)
        return late(request)

    async with open_stage(slowly) as client:  # type: ignore[arg-type]
        with pytest.raises(ProblemError) as caught:
            await client.call("/v1/detect", Deadline(0.2))
    assert (caught.value.status, caught.value.extra) == (504, {"stage": "detector"})


async def test_retries_add_at_most_a_fifth_to_the_load() -> None:
    script = Script(build_refusal(503, "broken"))
    async with open_stage(script) as client:
        results = await asyncio.gather(
            *(client.call("/v1/detect", Deadline(5)) for _ in range(200)), return_exceptions=True
        )
        assert {result.status for result in results if isinstance(result, ProblemError)} == {503}
        assert len(script.requests) <= 1.2 * 200
        asked = len(script.requests)
        # The breaker is open.
        with pytest.raises(ProblemError, match="does not answer"):
            await client.call("/v1/detect", Deadline(5))
        assert len(script.requests) == asked


async def test_check_that_succeeds_closes_the_breaker() -> None:
    script = Script(*[httpx2.ConnectError("refused")] * 6, build_answer())
    ready = httpx2.Response(200, json={"status": "ready", "model": "ctpn-1"})

    def answers(request: httpx2.Request) -> httpx2.Response:
        return ready if request.url.path == "/readyz" else script(request)

    async with open_stage(answers) as client:
        for _ in range(3):
            with pytest.raises(ProblemError):
                await client.call("/v1/detect", Deadline(5))
        await client.check()
        script.answers = [build_answer()]
        assert (await client.call("/v1/detect", Deadline(5))).model == "ctpn-1"


async def test_canceled_calls_do_not_open_the_breaker() -> None:
    waiting = asyncio.Event()

    async def never(request: httpx2.Request) -> httpx2.Response:
        if waiting.is_set():
            return build_answer()
        await asyncio.sleep(60)
        raise AssertionError

    async with open_stage(never) as client:  # type: ignore[arg-type]
        calls = [asyncio.create_task(client.call("/v1/detect", Deadline(60))) for _ in range(20)]
        await asyncio.sleep(0.02)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        waiting.set()
        assert (await client.call("/v1/detect", Deadline(5))).model == "ctpn-1"
