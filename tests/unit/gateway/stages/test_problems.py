"""What callers see when a stage fails."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.settings import GatewaySettings
from shared.problems import ProblemError
from tests.support.gateway import SEGMENTS, Gateway, assert_problem, make_picture, run_gateway


@pytest.mark.parametrize("stage", ["detector", "recognizer", "extractor"])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ProblemError(503, "overloaded", "The service is overloaded", "The queue is full."), 503, "stage-unavailable"),
        (ProblemError(429, "too-many-requests", "Too many requests", "Wait."), 503, "stage-unavailable"),
        (ProblemError(422, "picture-damaged", "The picture is damaged", "It is cut off."), 422, "picture-damaged"),
        (ProblemError(422, "quads-invalid", "The quads are not valid", "They are wrong."), 502, "stage-failed"),
        (ProblemError(413, "text-too-long", "The text is too long", "At most 9."), 413, "too-much-text"),
        (ProblemError(404, "not-found", "There is nothing here", "Look elsewhere."), 502, "stage-failed"),
        (ProblemError(500, "internal-error", "Something went wrong", "It was logged."), 502, "stage-failed"),
    ],
)
async def test_problem_names_the_stage_that_failed(
    gateway: Gateway, stage: str, error: ProblemError, status: int, code: str
) -> None:
    getattr(gateway, stage).fails_with = error
    problem = assert_problem(await gateway.post(make_picture()), status, code)
    assert (problem.model_extra or {})["stage"] == stage
    if status == 503:
        assert stage in problem.title
    getattr(gateway, stage).fails_with = None
    assert (await gateway.post(make_picture())).json()["cached"] is False


async def test_passes_on_retry_after(gateway: Gateway) -> None:
    gateway.detector.fails_with = ProblemError(
        503, "overloaded", "Full", "The queue is full.", headers={"Retry-After": "17"}
    )
    assert (await gateway.post(make_picture())).headers["retry-after"] == "17"


async def test_gives_up_on_a_slow_stage() -> None:
    async with run_gateway(GatewaySettings(stage_timeout_s=1)) as gateway:
        gateway.recognizer.delay_s = 10
        response = await gateway.post(make_picture())
        problem = assert_problem(response, 503, "stage-unavailable")
        assert "recognizer did not answer within 1 seconds" in problem.detail
        assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("detector", {"segments": []}),
        ("detector", {"page": {"width": 99, "height": 200}, "segments": [], "model": "ctpn-1"}),
        ("recognizer", {"texts": [], "model": "crnn-1"}),
        ("recognizer", []),
        (
            "extractor",
            {
                "fields": {"company": {"value": "A", "confidence": 1, "quad": SEGMENTS[0][0], "lines": [3]}},
                "model": "charlstm-1",
            },
        ),
    ],
)
async def test_rejects_stage_answers_that_break_the_contract(gateway: Gateway, stage: str, answer: Any) -> None:
    getattr(gateway, stage).answer = answer
    problem = assert_problem(await gateway.post(make_picture()), 502, "stage-failed")
    assert stage in problem.title
