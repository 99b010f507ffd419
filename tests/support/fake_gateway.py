"""A gateway with prepared replies and a clock that does not wait, for the tests of the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from quittance_client import AsyncClient, Client

JOB_ID = "0f3a6c1e9d2b4857a1c0e4f6b8d2a395"
RECEIPT_ID = "b1946ac92492d2347c6235b4d2611184"
RECEIPT = {
    "id": RECEIPT_ID,
    "pages": [{"width": 100, "height": 200, "rotation": 0}],
    "fields": {"company": None, "date": None, "address": None, "total": None},
    "lines": [],
    "models": {"detector": "ctpn-1", "recognizer": "crnn-1", "extractor": "charlstm-1"},
    "timings_ms": {"decode": 1, "detect": 2, "recognize": 3, "extract": 4},
    "cached": False,
    "corrections": None,
}

Reply = httpx2.Response | Exception
MakeReply = Callable[[httpx2.Request], Reply]


def receipt(**changes: Any) -> httpx2.Response:
    return httpx2.Response(200, json=RECEIPT | changes)


def problem(status: int, code: str = "overloaded", *, headers: dict[str, str] | None = None) -> httpx2.Response:
    content = {
        "type": f"urn:quittance:problem:{code}",
        "title": "It failed",
        "status": status,
        "detail": "Try this instead.",
        "request_id": "5f0c",
    }
    return httpx2.Response(status, content=json.dumps(content), headers=headers)


def job(state: str = "running", **counts: int) -> dict[str, Any]:
    moment = "2026-11-25T09:30:00Z"
    return {
        "id": JOB_ID,
        "state": state,
        "created": moment,
        "finished": None,
        "expires": moment,
        "counts": {"total": 2, "queued": 0, "running": 0, "done": 0, "failed": 0} | counts,
        "files": [],
    }


@dataclass
class FakeGateway:
    """Answers requests with the next reply; the last one is repeated.

    Attributes:
        replies: Responses, or errors of the transport.
        requests: The requests received.
    """

    replies: list[Reply | MakeReply] = field(default_factory=list)
    requests: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        return self(request)

    def client(self, **options: Any) -> Client:
        return Client("http://gateway", transport=httpx2.MockTransport(self), **options)

    def async_client(self, **options: Any) -> AsyncClient:
        return AsyncClient("http://gateway", transport=httpx2.MockTransport(self.answer), **options)

    def sent(self, header: str) -> list[str | None]:
        """Return the values of one header in all requests."""
        return [request.headers.get(header) for request in self.requests]


@dataclass
class Clock:
    """Time that passes only by sleeping.

    Attributes:
        now: Seconds since the start.
        sleeps: How long each sleep was, in seconds.
    """

    now: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
