"""The three stages as the gateway calls them: typed clients over HTTP.

One code path for both ways of running: a stage in another process is reached over the network, one in this process over
ASGI, by the same requests. What goes wrong with a stage becomes a problem that names it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from gateway.stage_problems import answered_wrongly, deadline_passed, refused, unreachable
from shared.contracts import (
    CorrectRequest,
    DetectResponse,
    ExtractRequest,
    ExtractResponse,
    Models,
    Orientation,
    Quad,
    Readiness,
    RecognizeResponse,
)
from shared.logs import request_id_headers
from shared.problems import ProblemError

StageName = Literal["detector", "recognizer", "extractor"]
Answer = TypeVar("Answer", bound=DetectResponse | RecognizeResponse | ExtractResponse)
AnyModel = TypeVar("AnyModel", bound=BaseModel)

_CHECK_TIMEOUT_S = 2.0

_log = logging.getLogger(__name__)


class Deadline:
    """The time by which an answer must be there.

    Args:
        seconds: From now on.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, not below 0."""
        return max(0.0, self._end - time.monotonic())


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

    async def check(self) -> str:
        """Asks the stage whether it is ready and for the version of its model; raises `ProblemError`."""
        response = await self._send("GET", "/readyz", Deadline(_CHECK_TIMEOUT_S), timeout_s=_CHECK_TIMEOUT_S)
        if response.status_code != httpx2.codes.OK:
            raise refused(self.name, response)
        model = self._parse(Readiness, response).model
        if model is None:
            raise answered_wrongly(self.name, "it does not tell the version of its model")
        self._heard(model)
        return model

    async def call(self, path: str, deadline: Deadline, **request: Any) -> Answer:
        """Posts a request and gives the answer; raises `ProblemError` that names the stage."""
        try:
            response = await self._send("POST", path, deadline, timeout_s=self._timeout_s, **request)
            if response.status_code != httpx2.codes.OK:
                raise refused(self.name, response)
            answer = self._parse(self._answer, response)
        except ProblemError as error:
            _log.warning("A stage did not do its part", extra=reason(error))
            raise
        self._heard(answer.model)
        return answer

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _send(
        self, method: str, path: str, deadline: Deadline, *, timeout_s: float, **request: Any
    ) -> httpx2.Response:
        headers = request.pop("headers", {}) | request_id_headers()
        remaining = deadline.remaining()
        if remaining <= 0:
            raise deadline_passed(self.name, deadline.seconds)
        try:
            # Not left to the client's own time-outs: they bound single reads, and do nothing inside the process.
            async with asyncio.timeout(min(remaining, timeout_s)):
                return await self._http.request(method, path, headers=headers, **request)
        except TimeoutError as error:
            if deadline.remaining() <= 0 and remaining < timeout_s:
                raise deadline_passed(self.name, deadline.seconds) from error
            raise unreachable(self.name, f"did not answer within {timeout_s:g} seconds") from error
        except httpx2.ConnectTimeout as error:
            raise unreachable(self.name, "could not be connected to in time") from error
        except httpx2.TimeoutException as error:  # of the pool: all connections are in use
            raise unreachable(self.name, "has too much to do") from error
        except httpx2.TransportError as error:
            raise unreachable(self.name, "cannot be reached") from error

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


class Stages:
    """The three stages of the chain.

    Args:
        detector: Client with the base URL of the detector.
        recognizer: Client with the base URL of the recognizer.
        extractor: Client with the base URL of the extractor.
        timeout_s: Longest time for one call of a stage.
    """

    def __init__(
        self,
        *,
        detector: httpx2.AsyncClient,
        recognizer: httpx2.AsyncClient,
        extractor: httpx2.AsyncClient,
        timeout_s: float,
    ) -> None:
        self.detector = Stage("detector", detector, DetectResponse, timeout_s=timeout_s)
        self.recognizer = Stage("recognizer", recognizer, RecognizeResponse, timeout_s=timeout_s)
        self.extractor = Stage("extractor", extractor, ExtractResponse, timeout_s=timeout_s)

    async def detect(
        self, data: bytes, media_type: str, deadline: Deadline, orientation: Orientation | None = None
    ) -> DetectResponse:
        """Finds the text segments of a picture; how it treats a turned one is up to the detector if left out."""
        return await self.detector.call(
            "/v1/detect",
            deadline,
            content=data,
            headers={"Content-Type": media_type},
            params={} if orientation is None else {"orientation": orientation},
        )

    async def recognize(
        self, data: bytes, media_type: str, quads: Sequence[Quad], deadline: Deadline
    ) -> RecognizeResponse:
        """Reads segments of a picture; as many texts as quads, in their order."""
        answer = await self.recognizer.call(
            "/v1/recognize",
            deadline,
            files={"file": ("page", data, media_type)},
            data={"quads": json.dumps(quads)},
        )
        if len(answer.texts) != len(quads):
            raise answered_wrongly("recognizer", f"it read {len(answer.texts)} of {len(quads)} segments")
        return answer

    async def extract(self, request: ExtractRequest, deadline: Deadline) -> ExtractResponse:
        """Finds the fields in the text of a receipt."""
        answer = await self.extractor.call(
            "/v1/extract",
            deadline,
            content=request.model_dump_json().encode(),
            headers={"Content-Type": "application/json"},
        )
        _check_lines(answer, len(request.lines))
        return answer

    async def correct(self, request: CorrectRequest, deadline: Deadline) -> ExtractResponse:
        """Corrects the fields of a receipt as people corrected those of others."""
        answer = await self.extractor.call(
            "/v1/correct",
            deadline,
            content=request.model_dump_json().encode(),
            headers={"Content-Type": "application/json"},
        )
        _check_lines(answer, len(request.lines))
        return answer

    async def models(self) -> Models:
        """Gives the models' versions as last heard, asks those stages that were not heard of yet.

        Raises:
            ProblemError: 503 if a stage that was never heard of cannot be reached or is not ready.
        """
        versions = await asyncio.gather(*(_version(stage) for stage in self._all()))
        return Models(detector=versions[0], recognizer=versions[1], extractor=versions[2])

    async def check(self) -> list[ProblemError]:
        """Asks all stages for their models' versions; gives what is wrong with those that did not tell."""
        results = await asyncio.gather(*(stage.check() for stage in self._all()), return_exceptions=True)
        problems: list[ProblemError] = []
        for result in results:
            if isinstance(result, ProblemError):
                problems.append(result)
            elif isinstance(result, BaseException):
                raise result
        return problems

    async def aclose(self) -> None:
        """Closes the connections to all stages."""
        await asyncio.gather(*(stage.aclose() for stage in self._all()))

    def _all(self) -> tuple[Stage[DetectResponse], Stage[RecognizeResponse], Stage[ExtractResponse]]:
        return self.detector, self.recognizer, self.extractor


def reason(error: ProblemError) -> dict[str, str]:
    """For logs: which stage, what callers are told, and what is behind it; nothing of the receipt."""
    behind = error.__cause__
    # An error of validation quotes the answer, and so the receipt.
    known = behind is not None and not isinstance(behind, ValidationError)
    cause = f"{type(behind).__name__}: {behind}" if known else ""
    return {"stage": str(error.extra.get("stage", "")), "code": error.code, "told": error.detail, "cause": cause}


def _check_lines(answer: ExtractResponse, count: int) -> None:
    fields = [field for _, field in answer.fields if field is not None]
    if any(index not in range(count) for field in fields for index in field.lines):
        raise answered_wrongly("extractor", "a field refers to a line that there is not")


async def _version(stage: Stage[Any]) -> str:
    return stage.model if stage.model is not None else await stage.check()
