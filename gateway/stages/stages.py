"""The three stages as the gateway calls them.

There is one code path for both ways of running: a stage in another process is reached over the network, one in this
process over ASGI, with the same requests. If a stage fails, the caller sees a problem that names it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2

from gateway.stages.client import Stage
from gateway.stages.problems import stage_failed_problem
from shared.contracts import (
    CorrectRequest,
    DetectResponse,
    ExtractRequest,
    ExtractResponse,
    Models,
    Orientation,
    Quad,
    RecognizeResponse,
    Rotation,
)
from shared.problems import ProblemError
from shared.service.deadline import Deadline

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Look:
    """How the detector looks at a picture.

    Attributes:
        orientation: Whether to find out how the page is turned; None for the detector's own setting.
        rotation: Degrees clockwise by which the text is turned, if they are known.
        area: The only part of the picture to look at, which is one receipt; None for all of it.
    """

    orientation: Orientation | None = None
    rotation: Rotation | None = None
    area: Quad | None = None


class Stages:
    """The three stages of the chain.

    Args:
        detector: Client with the base URL of the detector.
        recognizer: Client with the base URL of the recognizer.
        extractor: Client with the base URL of the extractor.
        timeout_s: Timeout of one stage call, in seconds.
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

    async def detect(self, data: bytes, media_type: str, deadline: Deadline, look: Look) -> DetectResponse:
        """Find the text segments of a picture.

        Args:
            data: The picture.
            media_type: Its content type.
            deadline: When the answer must have come.
            look: How to look at it.
        """
        corners = None if look.area is None else ",".join(f"{number:.1f}" for point in look.area for number in point)
        options = {"orientation": look.orientation, "rotation": look.rotation, "area": corners}
        return await self.detector.call(
            "/v1/detect",
            deadline,
            content=data,
            headers={"Content-Type": media_type},
            params={name: value for name, value in options.items() if value is not None},
        )

    async def recognize(
        self, data: bytes, media_type: str, quads: Sequence[Quad], deadline: Deadline
    ) -> RecognizeResponse:
        """Read segments of a picture; there are as many texts as quads, in the same order."""
        answer = await self.recognizer.call(
            "/v1/recognize",
            deadline,
            files={"file": ("page", data, media_type)},
            data={"quads": json.dumps(quads)},
        )
        if len(answer.texts) != len(quads):
            raise stage_failed_problem("recognizer", f"it read {len(answer.texts)} of {len(quads)} segments")
        return answer

    async def extract(self, request: ExtractRequest, deadline: Deadline) -> ExtractResponse:
        """Find the fields in the text of a receipt."""
        content = request.model_dump_json().encode()
        answer = await self.extractor.call("/v1/extract", deadline, content=content, headers=_JSON)
        _check_lines(answer, len(request.lines))
        return answer

    async def correct(self, request: CorrectRequest, deadline: Deadline) -> ExtractResponse:
        """Correct the fields of a receipt with what people corrected on others."""
        content = request.model_dump_json().encode()
        answer = await self.extractor.call("/v1/correct", deadline, content=content, headers=_JSON)
        _check_lines(answer, len(request.lines))
        return answer

    async def models(self) -> Models:
        """Return the versions of the models as last reported, after asking stages that have not reported yet.

        Raises:
            ProblemError: 503 if a stage that never reported cannot be reached or is not ready.
        """
        unknown = self._find_unknown()
        if unknown:
            await asyncio.gather(*(stage.check() for stage in unknown))
        return Models.model_validate({stage.name: stage.model for stage in self._all()})

    def find_never_ready(self) -> list[str]:
        """Return the names of the stages that have not been ready yet."""
        return [stage.name for stage in self._find_unknown()]

    async def check(self) -> list[ProblemError]:
        """Ask all stages for the versions of their models, and return the problems of those that failed."""
        results = await asyncio.gather(*(stage.check() for stage in self._all()), return_exceptions=True)
        problems: list[ProblemError] = []
        for result in results:
            if isinstance(result, ProblemError):
                problems.append(result)
            elif isinstance(result, BaseException):
                raise result
        return problems

    async def aclose(self) -> None:
        """Close the connections to all stages."""
        await asyncio.gather(*(stage.aclose() for stage in self._all()))

    def _find_unknown(self) -> list[Stage[DetectResponse] | Stage[RecognizeResponse] | Stage[ExtractResponse]]:
        return [stage for stage in self._all() if stage.model is None]

    def _all(self) -> tuple[Stage[DetectResponse], Stage[RecognizeResponse], Stage[ExtractResponse]]:
        return self.detector, self.recognizer, self.extractor


def _check_lines(answer: ExtractResponse, count: int) -> None:
    if any(index not in range(count) for field in answer.printed() for index in field.lines):
        raise stage_failed_problem("extractor", "a field refers to a line that does not exist")
