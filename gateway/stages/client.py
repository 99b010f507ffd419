"""The client of one stage, over HTTP or ASGI: typed answers, deadlines, retries and a circuit breaker."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Generic, Literal, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from gateway.stages.problems import (
    BrieflyDownError,
    describe_failure,
    is_deadline_exceeded,
    stage_deadline_problem,
    stage_down_problem,
    stage_failed_problem,
    translate_refusal,
)
from gateway.stages.resilience import CallGuard
from shared.contracts import DetectResponse, ExtractResponse, Readiness, RecognizeResponse
from shared.problems import ProblemError
from shared.service.deadline import Deadline, timeout_headers

StageName = Literal["detector", "recognizer", "extractor"]
Answer = TypeVar("Answer", bound=DetectResponse | RecognizeResponse | ExtractResponse)
AnyModel = TypeVar("AnyModel", bound=BaseModel)

_CHECK_TIMEOUT_S = 2.0
_MAX_RETRIES = 2

_log = logging.getLogger(__name__)


class Stage(Generic[Answer]):
    """The client of one stage.

    Args:
        name: Name of the stage, for problems and logs.
        http: Client with the stage's base URL; closed by `aclose`.
        answer: Type of the stage's answers.
        timeout_s: Timeout of one call in seconds, including the wait for a connection.

    Attributes:
        model: Version of the stage's model as last reported, None before the first report.
    """

    def __init__(self, name: StageName, http: httpx2.AsyncClient, answer: type[Answer], *, timeout_s: float) -> None:
        self.name = name
        self.model: str | None = None
        self._http = http
        self._answer = answer
        self._timeout_s = timeout_s
        self._guard = CallGuard(name)

    async def check(self) -> str:
        """Return the version of the stage's model if the stage is ready; raise `ProblemError` if it is not."""
        response = await self._send("GET", "/readyz", Deadline(_CHECK_TIMEOUT_S), timeout_s=_CHECK_TIMEOUT_S)
        model = self._parse(Readiness, response).model
        if model is None:
            raise stage_failed_problem(self.name, "it does not report the version of its model")
        self._guard.record_success()
        self._note_model(model)
        return model

    async def call(self, path: str, deadline: Deadline, **request: Any) -> Answer:
        """Post a request and return the answer.

        The request is sent again if the stage is briefly down, which is safe: a stage computes and changes nothing. A
        refusal, overload or timeout is final.

        Args:
            path: Path of the endpoint.
            deadline: Of the call; it may be extended meanwhile.
            request: Arguments of the HTTP client.

        Raises:
            ProblemError: Names the stage; 504 if the deadline passed.
        """
        failure: ProblemError | None = None
        try:
            for retry in range(_MAX_RETRIES + 1):
                try:
                    async with self._guard.attempt(retry, deadline) as allowed:
                        if not allowed:
                            break
                        response = await self._send("POST", path, deadline, timeout_s=self._timeout_s, **request)
                        answer = self._parse(self._answer, response)
                except BrieflyDownError as error:
                    failure = error
                else:
                    self._note_model(answer.model)
                    return answer
            raise failure or stage_down_problem(self.name, "does not answer")
        except ProblemError as error:
            _log.warning("Stage call failed", extra=describe_failure(error))
            raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(
        self, method: str, path: str, deadline: Deadline, *, timeout_s: float, **request: Any
    ) -> httpx2.Response:
        """Return the response to one request, with status 200.

        If time runs out, but the deadline has been extended meanwhile, the request is sent again.
        """
        headers = request.pop("headers", {})
        while (limit_s := min(deadline.remaining(), timeout_s)) > 0:
            cause: TimeoutError | None = None
            try:
                # The client's own timeouts bound single reads, and have no effect inside the process.
                async with asyncio.timeout(limit_s):
                    response = await self._http.request(
                        method, path, headers=headers | timeout_headers(limit_s), **request
                    )
                if response.status_code == httpx2.codes.OK:
                    return response
                if not is_deadline_exceeded(response):
                    raise translate_refusal(self.name, response)
            except TimeoutError as error:
                cause = error
            except httpx2.ConnectTimeout as error:
                raise stage_down_problem(self.name, "could not be connected to in time") from error
            # Of the connection pool: all connections are in use.
            except httpx2.TimeoutException as error:
                raise stage_down_problem(self.name, "has too much to do") from error
            except httpx2.TransportError as error:
                raise stage_down_problem(self.name, "cannot be reached", briefly=True) from error
            if limit_s >= timeout_s:
                raise stage_down_problem(self.name, f"did not answer within {timeout_s:g} seconds") from cause
        raise stage_deadline_problem(self.name, deadline.seconds)

    def _parse(self, model: type[AnyModel], response: httpx2.Response) -> AnyModel:
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            where = ", ".join(".".join(map(str, e["loc"])) for e in error.errors()[:3]) or "the whole answer"
            raise stage_failed_problem(self.name, f"its answer violates the contract ({where})") from error

    def _note_model(self, model: str) -> None:
        if model != self.model:
            _log.info("Stage model changed", extra={"stage": self.name, "model": model, "before": self.model})
            self.model = model
