"""A stage in trouble: retries, their budget, the breaker; and a gateway with too much to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

import httpx2
import pytest

from gateway.reading.capacity import Admission
from gateway.settings import GatewaySettings
from gateway.stages.client import Stage
from gateway.stages.resilience import Breaker, RetryBudget, pause_before
from shared.contracts import DetectResponse
from shared.problems import ProblemError
from shared.service.deadline import HEADER, Deadline
from tests.support.clock import FakeClock
from tests.support.gateway import assert_problem, make_picture, run_gateway

GOOD = {"page": {"width": 1, "height": 1, "rotation": 0}, "segments": [], "model": "ctpn-1"}


def refusal(status: int, code: str, **headers: str) -> httpx2.Response:
    body = {"type": f"urn:quittance:problem:{code}", "title": "Title", "status": status, "detail": "Detail."}
    return httpx2.Response(status, json=body, headers=headers)


class Script:
    """Answers of a stage, one an attempt; the last one from then on. Keeps the requests."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def good() -> httpx2.Response:
    return httpx2.Response(200, json=GOOD)


@asynccontextmanager
async def stage(answers: Callable[[httpx2.Request], httpx2.Response], timeout_s: float = 5) -> AsyncIterator[Stage]:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answers), base_url="http://detector")
    client = Stage("detector", http, DetectResponse, timeout_s=timeout_s)
    yield client
    await client.aclose()


@pytest.mark.parametrize(
    "passing",
    [
        httpx2.ConnectError("refused"),
        httpx2.ReadError("reset"),
        httpx2.RemoteProtocolError("closed"),
        refusal(503, "draining"),
        refusal(503, "starting"),
        httpx2.Response(502),
    ],
)
async def test_a_stage_that_is_away_for_a_moment_is_asked_again(passing: httpx2.Response | Exception) -> None:
    script = Script(passing, good())
    async with stage(script) as client:
        assert (await client.call("/v1/detect", Deadline(5), content=b"x")).model == "ctpn-1"
    assert len(script.requests) == 2
    assert [request.content for request in script.requests] == [b"x", b"x"]


@pytest.mark.parametrize(
    ("final", "status"),
    [
        (refusal(503, "overloaded", **{"Retry-After": "7"}), 503),
        (refusal(422, "picture-damaged"), 422),
        (refusal(500, "internal-error"), 502),
        (httpx2.Response(200, json={"nonsense": 1}), 502),
        (httpx2.ReadTimeout("slow"), 503),
    ],
)
async def test_what_trying_again_would_not_mend_is_not_tried_again(
    final: httpx2.Response | Exception, status: int
) -> None:
    script = Script(final)
    async with stage(script) as client:
        with pytest.raises(ProblemError) as caught:
            await client.call("/v1/detect", Deadline(5))
    assert caught.value.status == status
    assert len(script.requests) == 1


async def test_who_has_no_time_left_does_not_try_again() -> None:
    script = Script(httpx2.ConnectError("refused"))
    async with stage(script) as client:
        start = time.monotonic()
        with pytest.raises(ProblemError, match="stage-unavailable"):
            await client.call("/v1/detect", Deadline(0.04))
        assert time.monotonic() - start < 2
    assert len(script.requests) == 1


async def test_the_stage_is_told_how_much_time_is_left() -> None:
    script = Script(good())
    async with stage(script) as client:
        await client.call("/v1/detect", Deadline(2))
        await client.call("/v1/detect", Deadline(60))
    granted = [int(request.headers[HEADER]) for request in script.requests]
    assert 1000 < granted[0] <= 2000
    assert granted[1] == 5000  # the longest time for one call


async def test_a_stage_that_runs_out_of_time_is_asked_again_only_for_who_has_more() -> None:
    script = Script(refusal(504, "deadline-exceeded"), good())
    async with stage(script) as client:
        deadline = Deadline(0.2)
        deadline.put_off(Deadline(5))  # somebody joined
        assert (await client.call("/v1/detect", deadline)).model == "ctpn-1"
    late = Script(refusal(504, "deadline-exceeded"))

    async def slowly(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0.3)
        return late(request)

    async with stage(slowly) as client:  # type: ignore[arg-type]
        with pytest.raises(ProblemError) as caught:
            await client.call("/v1/detect", Deadline(0.2))
    assert (caught.value.status, caught.value.extra) == (504, {"stage": "detector"})


async def test_of_a_stage_that_only_fails_hardly_more_is_asked_than_was_offered() -> None:
    script = Script(refusal(503, "broken"))
    async with stage(script) as client:
        results = await asyncio.gather(
            *(client.call("/v1/detect", Deadline(5)) for _ in range(200)), return_exceptions=True
        )
        assert {result.status for result in results if isinstance(result, ProblemError)} == {503}
        assert len(script.requests) <= 1.2 * 200
        asked = len(script.requests)
        with pytest.raises(ProblemError, match="does not answer"):  # the breaker is open: at once, without asking
            await client.call("/v1/detect", Deadline(5))
        assert len(script.requests) == asked


async def test_a_stage_that_is_back_is_used_again_as_soon_as_a_check_finds_it() -> None:
    script = Script(*[httpx2.ConnectError("refused")] * 6, good())
    ready = httpx2.Response(200, json={"status": "ready", "model": "ctpn-1"})

    def answers(request: httpx2.Request) -> httpx2.Response:
        return ready if request.url.path == "/readyz" else script(request)

    async with stage(answers) as client:
        for _ in range(3):
            with pytest.raises(ProblemError):
                await client.call("/v1/detect", Deadline(5))
        await client.check()
        script.answers = [good()]
        assert (await client.call("/v1/detect", Deadline(5))).model == "ctpn-1"


async def test_callers_who_hang_up_do_not_open_the_breaker() -> None:
    waiting = asyncio.Event()

    async def never(request: httpx2.Request) -> httpx2.Response:
        if waiting.is_set():
            return good()
        await asyncio.sleep(60)
        raise AssertionError

    async with stage(never) as client:  # type: ignore[arg-type]
        calls = [asyncio.create_task(client.call("/v1/detect", Deadline(60))) for _ in range(20)]
        await asyncio.sleep(0.02)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        waiting.set()
        assert (await client.call("/v1/detect", Deadline(5))).model == "ctpn-1"


def test_the_breaker_opens_tries_one_at_a_time_and_closes() -> None:
    clock = FakeClock()
    breaker = Breaker(threshold=3, open_s=2.0, clock=clock)
    breaker.failed()
    breaker.failed()
    breaker.succeeded()
    for _ in range(3):
        assert breaker.admit() is None
        breaker.failed()
    assert breaker.state == "open"
    assert breaker.admit() == 2
    clock.now = 1.5
    assert breaker.admit() == 1
    clock.now = 2.0
    assert breaker.admit() is None  # the trial
    assert breaker.admit() == 2
    breaker.failed()
    clock.now = 4.0
    assert breaker.admit() is None
    breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.admit() is None


def test_the_budget_is_three_or_a_fifth() -> None:
    budget = RetryBudget()

    def granted(calls: int) -> int:
        with ExitStack() as stack:
            for _ in range(calls):
                stack.enter_context(budget.call())
            return sum(stack.enter_context(budget.retry()) for _ in range(50))

    assert [granted(calls) for calls in (1, 15, 100, 1)] == [3, 3, 20, 3]


def test_pauses_grow_and_differ() -> None:
    assert 0.05 <= pause_before(1) <= 0.15
    assert 0.1 <= pause_before(2) <= 0.3
    assert len({pause_before(1) for _ in range(10)}) == 10


def test_no_more_are_admitted_than_may_be() -> None:
    admission = Admission(2)
    with admission.enter(), admission.enter():
        with pytest.raises(ProblemError) as caught, admission.enter():
            pass
        assert (caught.value.status, caught.value.code) == (503, "overloaded")
        assert int(caught.value.headers["Retry-After"]) >= 1  # type: ignore[index]
    with admission.enter():
        pass


async def test_too_many_receipts_at_once_are_refused_at_once_and_those_in_the_cache_never() -> None:
    async with run_gateway(GatewaySettings(max_receipts=3)) as gateway:
        assert (await gateway.post(make_picture(shade=99))).status_code == 200
        gateway.detector.delay_s = 2
        reading = [asyncio.create_task(gateway.post(make_picture(shade=shade))) for shade in range(3)]
        await gateway.detector.wait_for_requests(4)
        start = time.monotonic()
        refused = await gateway.post(make_picture(shade=50))
        assert time.monotonic() - start < 1
        assert_problem(refused, 503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await gateway.post(make_picture(shade=99))).json()["cached"] is True
        joined = await gateway.post(make_picture(shade=1))  # one that is being read already
        assert joined.status_code == 200
        assert [(await task).status_code for task in reading] == [200] * 3


async def test_a_caller_may_grant_less_time_and_nothing_is_computed_after_it() -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        gateway.detector.delay_s = 1
        headers = {"Content-Type": "image/png", HEADER: "300"}
        start = time.monotonic()
        response = await gateway.http.post("/v1/receipts", content=make_picture(), headers=headers)
        assert 0.3 <= time.monotonic() - start < 0.95
        assert_problem(response, 504, "deadline-exceeded")
        assert response.headers["retry-after"]
        await asyncio.sleep(1)
        assert gateway.recognizer.requests == []


async def test_who_joins_with_more_time_gets_the_receipt() -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        gateway.detector.delay_s = 1.5
        headers = {"Content-Type": "image/png", HEADER: "1000"}
        short = asyncio.create_task(gateway.http.post("/v1/receipts", content=make_picture(), headers=headers))
        await gateway.detector.wait_for_requests()
        long = asyncio.create_task(gateway.post(make_picture()))
        assert_problem(await short, 504, "deadline-exceeded")
        assert (await long).status_code == 200


@pytest.mark.parametrize("value", ["", "soon", "1.5", "-1", "1" * 10])
async def test_a_timeout_that_is_none(value: str) -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        response = await gateway.http.post("/v1/receipts", content=make_picture(), headers={HEADER: value})
        assert_problem(response, 400, "timeout-invalid")


async def test_a_caller_cannot_grant_more_than_the_gateway_does() -> None:
    async with run_gateway(GatewaySettings(receipt_timeout_s=0.1)) as gateway:
        gateway.extractor.delay_s = 0.3
        headers = {"Content-Type": "image/png", HEADER: "60000"}
        told = assert_problem(
            await gateway.http.post("/v1/receipts", content=make_picture(), headers=headers), 504, "deadline-exceeded"
        )
        assert (told.model_extra or {})["stage"] == "extractor"
