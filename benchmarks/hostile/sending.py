"""Sends hostile files and requests, and checks the responses."""

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

MAX_RESPONSE_S = 6.0
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Answer:
    """The result of one request.

    Attributes:
        name: Name of the file or request, and the app it was sent to.
        status: HTTP status; 0 if there was no response.
        seconds: Time until the whole response was received.
        fault: What is wrong with the response; None if it is as expected.
    """

    name: str
    status: int
    seconds: float
    fault: str | None


def build_uploads(file: File) -> list[Call]:
    """Return the requests that send a file to every app that accepts files."""
    data: list[bytes] = []

    def make_once() -> bytes:
        if not data:
            data.append(file.make())
        return data[0]

    return [Call(file.name, app, path, make_once, _RAW, _expected(file, app)) for app, path in PICTURE_PATHS]


_RAW = {"Content-Type": "application/octet-stream"}


def _expected(file: File, app: str) -> Outcome:
    return file.outcome if app == "gateway" or file.everywhere else "either"


async def send_all(
    calls: Iterable[Call], urls: dict[str, str], *, at_once: int, max_s: float = MAX_RESPONSE_S
) -> AsyncIterator[Answer]:
    """Send requests, several concurrently, and yield the answers as they arrive.

    Args:
        calls: The requests.
        urls: Base URLs of the apps, by name.
        at_once: Maximum number of concurrent requests.
        max_s: A response that takes longer is a fault.
    """
    waiting = iter(calls)
    async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
        running: set[asyncio.Task[Answer]] = set()
        while True:
            for call in waiting:
                running.add(asyncio.create_task(_send(client, call, urls, max_s)))
                if len(running) >= at_once:
                    break
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()


async def _send(client: httpx2.AsyncClient, call: Call, urls: dict[str, str], max_s: float) -> Answer:
    name = f"{call.name} ({call.app})"
    body = await asyncio.to_thread(call.body)
    headers = [(key.encode(), value.encode("latin-1")) for key, value in call.headers.items()]
    started = time.monotonic()
    try:
        response = await client.post(urls[call.app] + call.path, content=body, headers=headers)
    except httpx2.HTTPError as error:
        return Answer(name, 0, time.monotonic() - started, f"no response: {type(error).__name__}: {error}")
    seconds = time.monotonic() - started
    fault = find_fault(response, call.outcome)
    if fault is None and seconds > max_s:
        fault = f"took {seconds:.1f} s"
    return Answer(name, response.status_code, seconds, fault)


def find_fault(response: httpx2.Response, outcome: Outcome) -> str | None:
    """Return what is wrong with a response to hostile input; None if it is as expected."""
    status = response.status_code
    if status < 400:
        return "accepted, although it should have been rejected" if outcome == "rejected" else None
    if response.headers.get("content-type") != "application/problem+json":
        return f"{status} without a problem: {response.text[:200]}"
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return f"{status} with an invalid problem: {response.text[:200]}"
    if status >= 500:
        return f"{status} {problem.type}: {problem.detail}"
    if problem.status != status or problem.request_id != response.headers.get("x-request-id"):
        return "the problem contradicts its response"
    return f"rejected as {problem.type}: {problem.detail}" if outcome == "read" else None
