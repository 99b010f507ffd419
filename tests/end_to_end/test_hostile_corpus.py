"""A part of the hostile corpus against running apps; `python -m benchmarks.hostile` sends all of it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import httpx2
import pytest

from benchmarks.hostile import calls, documents, pictures
from benchmarks.hostile.case import Call
from benchmarks.hostile.mutations import generate_mutations
from benchmarks.hostile.sending import Answer, build_uploads, find_fault, send_all
from tests.support.deployment import Deployment

FILES = (*pictures.FILES, *documents.FILES)
# Cases that take more than a second are left to the full run.
SLOW = ("1 GiB", "256 MiB", "70,000", "nested zips", "858", "10^9", "10^12", "million", "100,000", "30,000 x 30,000")
MAX_RESPONSE_S = 30.0  # on a machine that is busy with other tests


async def find_faults(deployment: Deployment, sent: list[Call]) -> list[str]:
    urls = {name: getattr(deployment, name).url for name in ("gateway", "detector", "recognizer", "extractor")}
    answers: list[Answer] = [answer async for answer in send_all(sent, urls, at_once=4, max_s=MAX_RESPONSE_S)]
    assert len(answers) == len(sent)
    for url in urls.values():
        assert httpx2.get(f"{url}/readyz", timeout=10).status_code == 200
    return [f"{answer.name}: {answer.fault}" for answer in answers if answer.fault]


def is_quick(name: str) -> bool:
    return not any(word in name for word in SLOW)


def test_corpus_is_complete_and_names_are_unique() -> None:
    assert len(FILES) >= 60
    names = [(file.name, "") for file in FILES] + [(call.name, call.app) for call in calls.CALLS]
    assert len(set(names)) == len(names)


async def test_hostile_files(deployment: Deployment) -> None:
    # The recognizer decodes pictures as the detector does.
    sent = [call for file in FILES if is_quick(file.name) for call in build_uploads(file) if call.app != "recognizer"]
    assert len(sent) > 200
    assert await find_faults(deployment, sent) == []


async def test_hostile_requests(deployment: Deployment) -> None:
    assert await find_faults(deployment, [call for call in calls.CALLS if is_quick(call.name)]) == []


async def test_mutated_pictures(deployment: Deployment, repository: Path) -> None:
    damaged = list(generate_mutations(repository / "tests" / "samples", 40, seed=7))
    assert damaged == list(generate_mutations(repository / "tests" / "samples", 40, seed=7))
    headers = {"Content-Type": "application/octet-stream"}
    sent = [Call(name, "gateway", "/v1/receipts", partial(bytes, data), headers) for name, data in damaged]
    assert await find_faults(deployment, sent) == []


@pytest.mark.parametrize(
    ("status", "kind", "body", "outcome", "fault"),
    [
        (200, "application/json", {}, "either", None),
        (200, "application/json", {}, "rejected", "should have been rejected"),
        (
            500,
            "application/problem+json",
            {"title": "t", "status": 500, "detail": "d", "request_id": "1"},
            "either",
            "500",
        ),
        (
            422,
            "application/problem+json",
            {"title": "t", "status": 422, "detail": "d", "request_id": "1"},
            "rejected",
            None,
        ),
        (
            422,
            "application/problem+json",
            {"title": "t", "status": 422, "detail": "d", "request_id": "1"},
            "read",
            "rejected as",
        ),
        (
            422,
            "application/problem+json",
            {"title": "t", "status": 400, "detail": "d", "request_id": "1"},
            "rejected",
            "contradicts",
        ),
        (
            422,
            "application/problem+json",
            {"title": "t", "status": 422, "detail": "d", "request_id": "2"},
            "rejected",
            "contradicts",
        ),
        (400, "text/plain", {}, "rejected", "without a problem"),
        (400, "application/problem+json", {}, "rejected", "invalid problem"),
    ],
)
def test_judges_responses_strictly(
    status: int, kind: str, body: dict[str, object], outcome: str, fault: str | None
) -> None:
    headers = {"Content-Type": kind, "X-Request-ID": "1"}
    found = find_fault(httpx2.Response(status, headers=headers, content=json.dumps(body)), outcome)  # type: ignore[arg-type]
    assert (found is None) if fault is None else (found is not None and fault in found)
