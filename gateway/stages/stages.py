"""The three stages as the gateway calls them.

One code path for both ways of running: a stage in another process is reached over the network, one in this process over
ASGI, by the same requests. What goes wrong with a stage becomes a problem that names it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx2

from gateway.stages.client import Stage, reason
from gateway.stages.problems import answered_wrongly
from shared.contracts import (
    CorrectRequest,
    DetectResponse,
    ExtractRequest,
    ExtractResponse,
    Models,
    Orientation,
    Quad,
    RecognizeResponse,
)
from shared.problems import ProblemError
from shared.service.deadline import Deadline

__all__ = ["Stages", "reason"]


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


def _check_lines(answer: ExtractResponse, count: int) -> None:
    fields = [field for _, field in answer.fields if field is not None]
    if any(index not in range(count) for field in fields for index in field.lines):
        raise answered_wrongly("extractor", "a field refers to a line that there is not")


async def _version(stage: Stage[Any]) -> str:
    return stage.model if stage.model is not None else await stage.check()
