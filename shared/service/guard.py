"""The guard around every request: how large, how long, for whom, and what happens when the unforeseen does.

Pure ASGI, as Starlette's BaseHTTPMiddleware hides it from an application that its client has gone.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.problems import ProblemError, problem_response, unforeseen_problem
from shared.service.deadline import Deadline, asked_seconds, deadline_exceeded, working_until
from shared.service.health import PROBES, Health
from shared.service.uploads import UploadLimits, too_large

_log = logging.getLogger(__name__)
# Many clients read no answer before they have sent everything, so the rest of a body that is too large is read, but
# not for ever.
_MOST_DISCARDED = 8  # times the limit
_DISCARD_S = 5.0


@dataclass(frozen=True)
class RouteLimits:
    """What a request to one route may cost, where that is other than for the rest.

    Attributes:
        method: Of the requests meant.
        path: Matches their paths whole.
        upload: Limits of the body; as for the rest if None.
        timeout_s: Longest time in seconds, the body included; None for a stream without an end.
    """

    method: str
    path: re.Pattern[str]
    upload: UploadLimits | None
    timeout_s: float | None

    def meets(self, scope: Scope) -> bool:
        """Whether they hold for the request."""
        return bool(scope["method"] == self.method and self.path.fullmatch(scope["path"]))


class RequestGuard:
    """Middleware that ends a request which is too large (413), too slow (504) or unwanted, and answers faults (500).

    When the client goes away before it has its answer, the task of the request is cancelled; what it still has in a
    queue is dropped there. While the service is starting, everything but the probes gets 503.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: UploadLimits,
        timeout_s: float,
        health: Health,
        routes: Sequence[RouteLimits] = (),
    ) -> None:
        """Guards `app`; `timeout_s` is the longest time in seconds for a request, its body included.

        What `routes` says goes before `limits` and `timeout_s`. A caller may ask for less, see
        `shared.service.deadline`.
        """
        self._app = app
        self._limits = limits
        self._timeout_s = timeout_s
        self._health = health
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limits: UploadLimits = self._limits
        timeout_s: float | None = self._timeout_s
        for route in self._routes:
            if route.meets(scope):
                limits, timeout_s = route.upload or limits, route.timeout_s
        request = _GuardedRequest(scope, receive, send, limits)
        try:
            if scope["path"] not in PROBES and self._health.starting:
                self._health.check()
            asked_s = asked_seconds(Headers(scope=scope))
            granted_s = min((s for s in (asked_s, timeout_s) if s is not None), default=None)
            with working_until(None if granted_s is None else Deadline(granted_s)):
                async with asyncio.timeout(granted_s) as deadline:
                    await request.run(self._app, deadline)
        except ProblemError as error:
            await request.discard_body()
            await request.fail(error)
        except Exception as error:
            if isinstance(error, TimeoutError) and granted_s is not None and deadline.expired():
                await request.fail(_too_slow(granted_s, uploading=not request.body_read and granted_s == timeout_s))
                return
            _log.exception("unforeseen error", extra={"path": scope["path"]})
            await request.fail(unforeseen_problem())


class _GuardedRequest:
    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: UploadLimits) -> None:
        self._scope = scope
        self._receive_next = receive
        self._send_on = send
        self._limits = limits
        self._received = 0
        self._started = False
        self._finished = False
        self._left = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._deadline: asyncio.Timeout | None = None
        self.body_read = False

    async def run(self, app: ASGIApp, deadline: asyncio.Timeout) -> None:
        self._deadline = deadline
        self._task = asyncio.current_task()
        others = self._task.cancelling() if self._task else 0
        try:
            await app(self._scope, self._receive, self._send)
        except asyncio.CancelledError:
            # Ours to swallow only if it came from the watcher, and nobody else cancelled the task as well.
            if self._task is None or not self._left.is_set() or self._task.uncancel() > others:
                raise
        finally:
            self._deadline = None  # what says that something failed is not under it
            if self._watcher:
                self._watcher.cancel()

    async def fail(self, error: ProblemError) -> None:
        """Answers with the problem, or breaks the answer off if it has begun."""
        if self._left.is_set():
            return
        if self._started:
            raise error
        await problem_response(error, path=self._scope["path"])(self._scope, self._receive, self._send)

    async def _receive(self) -> Message:
        if self.body_read:
            await self._left.wait()
            return {"type": "http.disconnect"}
        headers = Headers(scope=self._scope)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limits.max_body_bytes:
            await self.discard_body()
            raise too_large(self._limits.max_bytes)
        message = await self._receive_next()
        if message["type"] == "http.disconnect":
            self._left.set()
            return message
        self._received += len(message.get("body", b""))
        if self._received > self._limits.max_body_bytes:
            if message.get("more_body"):
                await self.discard_body()
            self.body_read = True
            raise too_large(self._limits.max_bytes)
        if not message.get("more_body"):
            self.body_read = True
            self._watcher = asyncio.create_task(self._watch())
        return message

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._keep_whole(message)
            self._started = True
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self._finished = True
        await self._send_on(message)

    def _keep_whole(self, start: Message) -> None:
        """Lifts the deadline from an answer that tells its length: it is there, and its body must follow its head."""
        told = "content-length" in Headers(raw=list(start.get("headers", [])))
        if told and self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(None)

    async def _watch(self) -> None:
        """Cancels the request when the client goes away; after the body, only that can be received."""
        while (await self._receive_next())["type"] != "http.disconnect":
            pass
        self._left.set()
        if self._task and not self._finished:
            self._task.cancel()

    async def discard_body(self) -> None:
        """Reads what has not been read of the body, and forgets it, so that the client comes to reading the answer."""
        # A client that asks whether to send has sent nothing yet.
        if self.body_read or self._started or ("expect" in Headers(scope=self._scope) and not self._received):
            return
        self.body_read = True
        budget = self._limits.max_body_bytes * _MOST_DISCARDED
        with suppress(TimeoutError):
            async with asyncio.timeout(_DISCARD_S):
                while budget > 0:
                    message = await self._receive_next()
                    budget -= len(message.get("body", b""))
                    if message["type"] == "http.disconnect":
                        self._left.set()
                        return
                    if not message.get("more_body"):
                        return


def _too_slow(granted_s: float, *, uploading: bool) -> ProblemError:
    if not uploading:
        return deadline_exceeded(granted_s)
    return ProblemError(
        408, "upload-too-slow", "The upload took too long", f"The body had not arrived after {granted_s:g} s."
    )
