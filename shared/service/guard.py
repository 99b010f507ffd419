"""Middleware that limits size and time of requests and turns errors into problems.

Plain ASGI, because Starlette's BaseHTTPMiddleware hides disconnects of the client from the application.
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

from shared.problem_responses import problem_response
from shared.problems import ProblemError, internal_problem
from shared.service.deadline import Deadline, deadline_problem, requested_timeout_s
from shared.service.health import PROBES, Health
from shared.service.request_context import use_deadline
from shared.service.uploads import UploadLimits, upload_too_large_problem

_log = logging.getLogger(__name__)

# Many clients read no response before they have sent everything, so the rest of an oversized body is read and dropped,
# within these limits.
_MAX_DISCARDED = 8  # times the limit of the body
_DISCARD_S = 5.0
_BUDGET_RETRY_AFTER_S = 2


class UploadBudget:
    """Limits the bytes of all bodies in memory at once.

    Args:
        max_bytes: Maximum size of all bodies together. A single body is accepted even if it is larger.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._used_bytes = 0

    def reserve(self, size: int, *, own: int = 0) -> None:
        """Count bytes of a body.

        Args:
            size: Bytes to add.
            own: Bytes that this body has reserved before.

        Raises:
            ProblemError: 503 `overloaded`; nothing is counted then.
        """
        if self._used_bytes > own and self._used_bytes + size > self._max_bytes:
            raise ProblemError(
                503,
                "overloaded",
                "The service is overloaded",
                f"Other uploads fill the memory for them. Try again in {_BUDGET_RETRY_AFTER_S} s.",
                headers={"Retry-After": str(_BUDGET_RETRY_AFTER_S)},
            )
        self._used_bytes += size

    def release(self, size: int) -> None:
        """Give bytes back."""
        self._used_bytes -= size


@dataclass(frozen=True)
class RouteLimits:
    """Limits of requests to one route, where they differ from the settings.

    Attributes:
        method: HTTP method.
        path: Pattern that matches whole paths.
        upload: Limits of the body; None for those of the settings.
        timeout_s: Seconds allowed for the request, its body included, and for each further part of the response; None
            for an endless stream.
        is_spooled: Whether bodies go to the disk as they arrive, so that they do not count as memory.
    """

    method: str
    path: re.Pattern[str]
    upload: UploadLimits | None
    timeout_s: float | None
    is_spooled: bool = False

    def match(self, scope: Scope) -> bool:
        """Return whether the limits apply to a request."""
        return bool(scope["method"] == self.method and self.path.fullmatch(scope["path"]))


class RequestGuard:
    """Middleware that rejects requests that are too large (413) or too slow (504) and answers failures (500).

    When the client disconnects before the response is complete, the task of the request is cancelled, and its items
    are dropped from queues. While the service is starting, everything except probes gets a 503.

    Args:
        app: The application.
        limits: Limits of the body.
        budget_bytes: Maximum size of all bodies in memory.
        stall_s: Seconds without any part of a body after which it is given up (408).
        timeout_s: Seconds allowed for a request, its body included, and then for each further part of a response that
            is sent in parts. A caller can ask for less, for the whole response, see `shared.service.deadline`.
        health: Health of the application.
        routes: Routes with other limits.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: UploadLimits,
        budget_bytes: int,
        stall_s: float,
        timeout_s: float,
        health: Health,
        routes: Sequence[RouteLimits] = (),
    ) -> None:
        self._app = app
        self._limits = limits
        self._budget = UploadBudget(budget_bytes)
        self._stall_s = stall_s
        self._timeout_s = timeout_s
        self._health = health
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limits: UploadLimits = self._limits
        max_s: float | None = self._timeout_s
        budget: UploadBudget | None = self._budget
        for route in self._routes:
            if route.match(scope):
                limits, max_s = route.upload or limits, route.timeout_s
                budget = None if route.is_spooled else budget
        request = _GuardedRequest(scope, receive, send, limits, budget, self._stall_s)
        try:
            _check_framing(Headers(scope=scope))
            if scope["path"] not in PROBES and self._health.is_starting:
                self._health.require_ready()
            requested_s = requested_timeout_s(Headers(scope=scope))
            timeout_s = min((s for s in (requested_s, max_s) if s is not None), default=None)
            deadline = None if timeout_s is None else Deadline(timeout_s)
            with use_deadline(deadline):
                async with asyncio.timeout(timeout_s) as timer:
                    await request.run(self._app, timer, renewable=deadline if requested_s is None else None)
        except ProblemError as error:
            await request.discard_body()
            await request.fail(error)
        except Exception as error:
            if isinstance(error, TimeoutError) and timeout_s is not None and timer.expired():
                is_uploading = request.is_waiting_for_body and timeout_s == max_s
                await request.fail(_slow_upload_problem(timeout_s) if is_uploading else deadline_problem(timeout_s))
                return
            _log.exception("Request failed", extra={"path": scope["path"]})
            await request.fail(internal_problem())
        finally:
            request.release_budget()


class _GuardedRequest:
    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        limits: UploadLimits,
        budget: UploadBudget | None,
        stall_s: float,
    ) -> None:
        self._scope = scope
        self._receive_next = receive
        self._send_on = send
        self._limits = limits
        self._budget = budget
        self._stall_s = stall_s
        self._reserved_bytes = 0
        self._received_bytes = 0
        self._is_started = False
        self._is_finished = False
        self._disconnected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._timer: asyncio.Timeout | None = None
        self._renewable: Deadline | None = None
        self.is_body_read = False
        self.is_waiting_for_body = False

    async def run(self, app: ASGIApp, timer: asyncio.Timeout, *, renewable: Deadline | None) -> None:
        """Run the application; `renewable` is the deadline if it starts again with each part of the response."""
        self._timer, self._renewable = timer, renewable
        self._task = asyncio.current_task()
        other_cancellations = self._task.cancelling() if self._task else 0
        try:
            await app(self._scope, self._receive, self._send)
        except asyncio.CancelledError:
            # Swallow it only if it came from the watcher and nothing else cancelled the task as well.
            if self._task is None or not self._disconnected.is_set() or self._task.uncancel() > other_cancellations:
                raise
        finally:
            self._timer = None  # a response that reports a failure is not subject to it
            if self._watcher:
                self._watcher.cancel()

    async def fail(self, error: ProblemError) -> None:
        """Respond with the problem, or abort the response if it has started."""
        if self._disconnected.is_set():
            return
        if self._is_started:
            raise error
        await problem_response(error, path=self._scope["path"])(self._scope, self._receive, self._send)

    async def _receive(self) -> Message:
        if self.is_body_read:
            await self._disconnected.wait()
            return {"type": "http.disconnect"}
        headers = Headers(scope=self._scope)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limits.max_body_bytes:
            await self.discard_body()
            raise upload_too_large_problem(self._limits.max_bytes)
        if declared.isdecimal():
            self._reserve(int(declared))
        message = await self._receive_part()
        if message["type"] == "http.disconnect":
            self._disconnected.set()
            return message
        self._received_bytes += len(message.get("body", b""))
        if self._received_bytes > self._limits.max_body_bytes:
            if message.get("more_body"):
                await self.discard_body()
            self.is_body_read = True
            raise upload_too_large_problem(self._limits.max_bytes)
        self._reserve(self._received_bytes)
        if not message.get("more_body"):
            self.is_body_read = True
            self._watcher = asyncio.create_task(self._watch())
        return message

    async def _receive_part(self) -> Message:
        self.is_waiting_for_body = True
        try:
            # Not at the deadline of the request, which the caller may have set.
            async with asyncio.timeout(self._stall_s) as timer:
                message = await self._receive_next()
        except TimeoutError as error:
            if not timer.expired():
                raise
            self.is_body_read = True  # there is nothing to discard
            raise _slow_upload_problem(self._stall_s) from error
        # Not in a `finally`: when the time of the request is over, it tells what the request was waiting for.
        self.is_waiting_for_body = False
        return message

    def _reserve(self, total_bytes: int) -> None:
        """Reserve memory for a body of so many bytes."""
        more = total_bytes - self._reserved_bytes
        if self._budget is not None and more > 0:
            self._budget.reserve(more, own=self._reserved_bytes)
            self._reserved_bytes = total_bytes

    def release_budget(self) -> None:
        """Give the memory of the body back."""
        if self._budget is not None:
            self._budget.release(self._reserved_bytes)
            self._reserved_bytes = 0

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._stop_timer(message)
            self._is_started = True
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self._is_finished = True
        await self._send_on(message)
        if message["type"] == "http.response.body" and message.get("more_body"):
            self._restart_timer()

    def _restart_timer(self) -> None:
        """Allow the same time for the next part of a response: cut off, the parts before it would be worthless."""
        if self._renewable is not None and self._timer is not None and not self._timer.expired():
            self._renewable.restart()
            self._timer.reschedule(asyncio.get_running_loop().time() + self._renewable.seconds)

    def _stop_timer(self, start: Message) -> None:
        """Lift the timeout from a response with a length: its body is complete and only has to be sent."""
        has_length = "content-length" in Headers(raw=list(start.get("headers", [])))
        if has_length and self._timer is not None and not self._timer.expired():
            self._timer.reschedule(None)

    async def _watch(self) -> None:
        """Cancel the request when the client disconnects; after the body, nothing else can be received."""
        while (await self._receive_next())["type"] != "http.disconnect":
            pass
        self._disconnected.set()
        if self._task and not self._is_finished:
            self._task.cancel()

    async def discard_body(self) -> None:
        """Read and drop the rest of the body, so that the client gets to read the response."""
        # A client that sent `Expect` has sent no body yet.
        is_asking = "expect" in Headers(scope=self._scope) and not self._received_bytes
        if self.is_body_read or self._is_started or is_asking:
            return
        self.is_body_read = True
        budget_bytes = self._limits.max_body_bytes * _MAX_DISCARDED
        with suppress(TimeoutError):
            async with asyncio.timeout(_DISCARD_S):
                while budget_bytes > 0:
                    message = await self._receive_next()
                    budget_bytes -= len(message.get("body", b""))
                    if message["type"] == "http.disconnect":
                        self._disconnected.set()
                        return
                    if not message.get("more_body"):
                        return


def _check_framing(headers: Headers) -> None:
    """Reject a request with two lengths, which a proxy in front may have understood differently (RFC 9112, 6.1)."""
    if "content-length" in headers and "transfer-encoding" in headers:
        raise ProblemError(
            400,
            "ambiguous-length",
            "The length of the body is ambiguous",
            "The request has both Content-Length and Transfer-Encoding. Send one of them.",
            headers={"Connection": "close"},
        )


def _slow_upload_problem(timeout_s: float) -> ProblemError:
    return ProblemError(
        408,
        "upload-too-slow",
        "The upload took too long",
        f"Nothing more of the body had arrived after {timeout_s:g} s. Send the request again.",
    )
