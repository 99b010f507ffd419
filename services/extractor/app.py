"""The extractor as a service: text of a receipt in, fields out."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, FastAPI

from services.extractor.predictor import Predictor
from services.extractor.settings import ExtractorSettings
from shared.contracts import CorrectRequest, Extracted, ExtractRequest, ExtractResponse
from shared.problem_responses import problem_responses
from shared.problems import ProblemError
from shared.service.model_app import Model, create_model_app

_DESCRIPTION = """\
Finds everything printed on a receipt in its text: fields, line items, taxes, country. Send the text segments with
their quads, in any order. A field that is not on the receipt is null.
"""
_MAX_COORDINATE_PX = 1e6
# Receipts of similar length share a batch, because each is padded to the longest. Below this length, all do.
_MIN_GROUP_CHARACTERS = 256

ExtractorModel = Model[Predictor, ExtractRequest, Extracted]


def create_app(settings: ExtractorSettings | None = None) -> FastAPI:
    """Create the application of the extractor.

    Args:
        settings: Read from the environment by default.

    Returns:
        The application. Its lifespan raises StartupError if the weights cannot be loaded.
    """
    settings = settings or ExtractorSettings.from_environment()
    model = ExtractorModel(
        lambda: Predictor.load(settings), Predictor.extract, lambda _, request: group_by_length(request)
    )
    return create_model_app(model, _build_router(model, settings), description=_DESCRIPTION, settings=settings)


def group_by_length(request: ExtractRequest) -> int:
    """Return a key that receipts share if their lengths differ by less than a factor of two."""
    return max(count_characters(request), _MIN_GROUP_CHARACTERS).bit_length()


def count_characters(request: ExtractRequest) -> int:
    """Count the characters of a receipt, plus one per line."""
    return sum(len(line.text) + 1 for line in request.lines)


def _build_router(model: ExtractorModel, settings: ExtractorSettings) -> APIRouter:
    router = APIRouter(tags=["extractor"])

    @router.post(
        "/v1/extract",
        operation_id="extractFields",
        summary="Find the fields of a receipt in its text",
        responses=problem_responses(400, 413, 415, 422, 500, 503),
    )
    async def extract(body: ExtractRequest) -> ExtractResponse:
        """Find everything in the text of one receipt; its lines may come in any order."""
        check_request(body, settings)
        found = await model.batcher.submit(body)
        return ExtractResponse(**dict(found), model=model.predictor.version)

    @router.post(
        "/v1/correct",
        operation_id="correctFields",
        summary="Apply corrections of other receipts to the fields of a receipt",
        responses=problem_responses(400, 413, 415, 422, 500, 503),
    )
    async def correct(body: CorrectRequest) -> ExtractResponse:
        """Replace a company or an address that people corrected on other receipts; other fields stay.

        No network is run. Nothing is stored: the corrections come with each request, so that all extractors give the
        same answer.
        """
        predictor = model.predictor
        fields = await asyncio.to_thread(predictor.correct, body)
        return ExtractResponse(fields=fields, model=predictor.version)

    return router


def check_request(body: ExtractRequest, settings: ExtractorSettings) -> None:
    """Reject a text that is too long, and lines on missing pages or at impossible positions.

    Raises:
        ProblemError: 413 `text-too-long`, 422 `no-such-page` or 422 `no-such-place`.
    """
    length = count_characters(body)
    if length > settings.max_characters:
        raise ProblemError(
            413,
            "text-too-long",
            "The text is too long",
            f"The lines have {length:,} characters; the maximum per request is {settings.max_characters:,}.",
            extra={"max_characters": settings.max_characters},
        )
    for index, line in enumerate(body.lines):
        if line.page >= len(body.pages):
            raise ProblemError(
                422,
                "no-such-page",
                "A line is on a page that does not exist",
                f"Line {index} (counted from 0) is on page {line.page}, but there are {len(body.pages)} pages, counted "
                "from 0. Send the size of every page, or correct the line's `page`.",
            )
        if any(not abs(number) <= _MAX_COORDINATE_PX for point in line.quad for number in point):
            raise ProblemError(
                422,
                "no-such-place",
                "A line has no valid position",
                f"The quad of line {index} (counted from 0) has a coordinate that is not a number or is beyond "
                f"{_MAX_COORDINATE_PX:,.0f} pixels. Send the corners in pixels of the page.",
            )
