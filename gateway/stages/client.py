"""A client of one stage, over HTTP or ASGI: typed answers, deadlines, retries within a budget, a breaker."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Generic, Literal, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from gateway.stages.problems import (
    BrieflyDownError,
    StageDownError,
    answered_wrongly,
    deadline_passed,
    is_deadline,
    refused,
    unreachable,
)
from gateway.stages.resilience import Breaker, RetryBudget, pause_before
from shared.contracts import DetectResponse, ExtractResponse, Readiness, RecognizeResponse
from shared.problems import ProblemError
from shared.service.deadline import Deadline
from shared.service.logs import request_id_headers

StageName = Literal["detector", "recognizer", "extractor"]
Answer = TypeVar("Answer", bound=DetectResponse | RecognizeResponse | ExtractResponse)
AnyModel = TypeVar("AnyModel", bound=BaseModel)

_CHECK_TIMEOUT_S = 2.0
_MOST_RETRIES = 2

_log = logging.getLogger(__name__)


class Stage(Generic[Answer]):
    """A client of one stage.

    Args:
        name: Of the stage, for problems and logs.
        http: With the stage's base URL; closed by `aclose`.
        answer: What the stage answers with.
        timeout_s: Longest time for one call, waiting for a connection included.

    Attributes:
        model: Version of the stage's model as it was last heard, None before.
    """

    def __init__(self, name: StageName, http: httpx2.AsyncClient, answer: type[Answer], *, timeout_s: float) -> None:
        self.name = name
        self.model: str | None = None
        self._http = http
        self._answer = answer
        self._timeout_s = timeout_s
        self._budget = RetryBudget()
        self._breaker = Breaker()

    async def check(self) -> str:
        """Asks the stage whether it is ready and for the version of its model; raises `ProblemError`."""
        response = await self._send("GET", "/readyz", Deadline(_CHECK_TIMEOUT_S), timeout_s=_CHECK_TIMEOUT_S)
        if response.status_code != httpx2.codes.OK:
            raise refused(self.name, response)
        model = self._parse(Readiness, response).model
        if model is None:
            raise answered_wrongly(self.name, "it does not tell the version of its model")
        self._breaker.succeeded()
        self._heard(model)
        return model

    async def call(self, path: str, deadline: Deadline, **request: Any) -> Answer:
        """Posts a request and gives the answer.

        Tried again if the stage is away for a moment, which is safe: a stage computes, and changes nothing. Its
        refusals, its having too much to do and its being slow are final.

        Raises:
            ProblemError: It names the stage. 504 if the deadline passed, which may be put off meanwhile.
        """
        try:
            with self._budget.call():
                response = await self._answered(path, deadline, request)
            answer = self._parse(self._answer, response)
        except ProblemError as error:
            _log.warning("A stage did not do its part", extra=reason(error))
            raise
        self._heard(answer.model)
        return answer

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _answered(self, path: str, deadline: Deadline, request: dict[str, Any]) -> httpx2.Response:
        try:
            return await self._guarded(path, deadline, request)
        except BrieflyDownError as error:
            failure: ProblemError = error
        for retry in range(1, _MOST_RETRIES + 1):
            pause_s = pause_before(retry)
            with self._budget.retry() as granted:
                if not granted or pause_s >= deadline.remaining():
                    break
                await asyncio.sleep(pause_s)
                try:
                    return await self._guarded(path, deadline, request)
                except BrieflyDownError as error:
                    failure = error
        raise failure

    async def _guarded(self, path: str, deadline: Deadline, request: dict[str, Any]) -> httpx2.Response:
        """One attempt, if the breaker lets it through."""
        wait_s = self._breaker.admit()
        if wait_s is not None:
            raise unreachable(self.name, "does not answer", retry_after=str(wait_s))
        try:
            response = await self._in_time(path, deadline, request)
            if response.status_code != httpx2.codes.OK:
                raise refused(self.name, response)
        except StageDownError:
            self._breaker.failed()
            raise
        except ProblemError:
            self._breaker.succeeded()  # it lives: it refuses, or had too little time
            raise
        self._breaker.succeeded()
        return response

    async def _in_time(self, path: str, deadline: Deadline, request: dict[str, Any]) -> httpx2.Response:
        """One attempt; another one if time ran out, but somebody who has more of it waits as well by now."""
        while True:
            its_own_limit = deadline.remaining() > self._timeout_s
            response = await self._send("POST", path, deadline, timeout_s=self._timeout_s, **request)
            if not is_deadline(response):
                return response
            if its_own_limit:
                raise unreachable(self.name, f"did not answer within {self._timeout_s:g} seconds")
            if deadline.remaining() <= 0:
                raise deadline_passed(self.name, deadline.seconds)

    async def _send(
        self, method: str, path: str, deadline: Deadline, *, timeout_s: float, **request: Any
    ) -> httpx2.Response:
        while (limit_s := min(deadline.remaining(), timeout_s)) > 0:
            headers = request.get("headers", {}) | request_id_headers() | deadline.headers(timeout_s)
            try:
                # Not left to the client's own time-outs: they bound single reads, and do nothing inside the process.
                async with asyncio.timeout(limit_s):
                    return await self._http.request(method, path, **(request | {"headers": headers}))
            except TimeoutError as error:
                if limit_s >= timeout_s:
                    raise unreachable(self.name, f"did not answer within {timeout_s:g} seconds") from error
            except httpx2.ConnectTimeout as error:
                raise unreachable(self.name, "could not be connected to in time") from error
            except httpx2.TimeoutException as error:  # of the pool: all connections are in use
                raise unreachable(self.name, "has too much to do") from error
            except httpx2.TransportError as error:
                raise unreachable(self.name, "cannot be reached", briefly=True) from error
        raise deadline_passed(self.name, deadline.seconds)

    def _parse(self, model: type[AnyModel], response: httpx2.Response) -> AnyModel:
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            where = ", ".join(".".join(map(str, e["loc"])) for e in error.errors()[:3]) or "the whole answer"
            raise answered_wrongly(self.name, f"its answer does not keep to the contract ({where})") from error

    def _heard(self, model: str) -> None:
        if model != self.model:
            _log.info("A stage tells its model", extra={"stage": self.name, "model": model, "before": self.model})
            self.model = model


def reason(error: ProblemError) -> dict[str, str]:
    """For logs: which stage, what callers are told, and what is behind it; nothing of the receipt."""
    behind = error.__cause__
    # An error of validation quotes the answer, and so the receipt.
    known = behind is not None and not isinstance(behind, ValidationError)
    cause = f"{type(behind).__name__}: {behind}" if known else ""
    return {"stage": str(error.extra.get("stage", "")), "code": error.code, "told": error.detail, "cause": cause}
