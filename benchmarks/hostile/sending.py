"""Sends hostile files and requests, and judges what comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import httpx2
from pydantic import ValidationError

from benchmarks.hostile.calls import PICTURE_PATHS
from benchmarks.hostile.case import Call, File, Outcome
from shared.contracts import Problem

LONGEST_S = 6.0
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Answer:
    """What came of one request.

    Attributes:
        name: Of the file or request, with the application it was sent to.
        status: Of the answer; 0 if there was none.
        seconds: Until the whole of it was there.
        fault: What is wrong with it; None if it is as it should be.
    """

    name: str
    status: int
    seconds: float
    fault: str | None


def uploads(file: File) -> list[Call]:
    """The requests that send a file to all that take files."""
    data: list[bytes] = []

    def made() -> bytes:
        if not data:  # once for all three
            data.append(file.make())
        return data[0]

    return [Call(file.name, app, path, made, _RAW, _expected(file, app)) for app, path in PICTURE_PATHS]


_RAW = {"Content-Type": "application/octet-stream"}


def _expected(file: File, app: str) -> Outcome:
    return file.outcome if app == "gateway" or file.everywhere else "either"


async def send_all(
    calls: Iterable[Call], urls: dict[str, str], *, at_once: int, longest_s: float = LONGEST_S
) -> AsyncIterator[Answer]:
    """Sends requests, some at once, and yields the answers as they come.

    Args:
        calls: What is sent.
        urls: Of the applications, by name.
        at_once: How many are under way together.
        longest_s: An answer that takes longer is at fault.
    """
    waiting = iter(calls)
    async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
        running: set[asyncio.Task[Answer]] = set()
        while True:
            for call in waiting:
                running.add(asyncio.create_task(_send(client, call, urls, longest_s)))
                if len(running) >= at_once:
                    break
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()


async def _send(client: httpx2.AsyncClient, call: Call, urls: dict[str, str], longest_s: float) -> Answer:
    name = f"{call.name} ({call.app})"
    body = await asyncio.to_thread(call.body)
    headers = {key: value.encode("latin-1") for key, value in call.headers.items()}
    begun = time.monotonic()
    try:
        response = await client.post(urls[call.app] + call.path, content=body, headers=headers)
    except httpx2.HTTPError as error:
        return Answer(name, 0, time.monotonic() - begun, f"no answer: {type(error).__name__}: {error}")
    seconds = time.monotonic() - begun
    fault = fault_of(response, call.outcome)
    if fault is None and seconds > longest_s:
        fault = f"it took {seconds:.1f} s"
    return Answer(name, response.status_code, seconds, fault)


def fault_of(response: httpx2.Response, outcome: Outcome) -> str | None:
    """What is wrong with an answer to something hostile; None if it is as it should be."""
    status = response.status_code
    if status < 400:
        return "it was taken, and should have been refused" if outcome == "refused" else None
    if response.headers.get("content-type") != "application/problem+json":
        return f"a {status} that is no problem: {response.text[:200]}"
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return f"a {status} whose problem is not valid: {response.text[:200]}"
    if status >= 500:
        return f"{status} {problem.type}: {problem.detail}"
    if problem.status != status or problem.request_id != response.headers.get("x-request-id"):
        return "the problem contradicts its answer"
    return f"refused as {problem.type}: {problem.detail}" if outcome == "read" else None
