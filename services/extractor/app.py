"""The extractor as a service: the text of a receipt goes in, its fields come out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request

from services.extractor.predictor import Predictor
from services.extractor.settings import ExtractorSettings
from shared.contracts import CorrectRequest, ExtractRequest, ExtractResponse, Fields
from shared.problems import ProblemError, problem_responses
from shared.service.app import create_service_app, serve_batches
from shared.service.batching import DynamicBatcher

# Pixels beyond which no page reaches.
_FARTHEST = 1e6
_DESCRIPTION = """\
Finds company, date, address and total in the text of a receipt with a character-wise LSTM. Send the text segments with
their quads, in any order. A field that is not there is null.
"""
# Receipts of similar length share a batch; the network computes as many characters for each as the longest has.
_SMALLEST_GROUP = 256


def create_app(settings: ExtractorSettings | None = None) -> FastAPI:
    """Make the application of the extractor.

    Args:
        settings: Read from the environment if left out.

    Returns:
        The application; its lifespan loads the weights, and raises WeightsError if they cannot be used.
    """
    settings = settings or ExtractorSettings.from_environment()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[str]:
        predictor = await asyncio.to_thread(_load, settings)
        async with serve_batches(app, predictor.extract, settings, group=length_group):
            app.state.predictor = predictor
            yield predictor.version

    return create_service_app(
        name="extractor",
        title="Quittance extractor",
        description=_DESCRIPTION,
        settings=settings,
        lifespan=lifespan,
        routers=[_router(settings)],
    )


def length_group(request: ExtractRequest) -> int:
    """Groups receipts whose lengths differ by a factor of two at most."""
    return max(characters(request), _SMALLEST_GROUP).bit_length()


def characters(request: ExtractRequest) -> int:
    """Characters in the text of a receipt, one more for each line."""
    return sum(len(line.text) + 1 for line in request.lines)


def _load(settings: ExtractorSettings) -> Predictor:
    predictor = Predictor.load(settings)
    predictor.warm_up()
    return predictor


def _router(settings: ExtractorSettings) -> APIRouter:
    router = APIRouter(tags=["extractor"])

    @router.post(
        "/v1/extract",
        operation_id="extractFields",
        summary="Find the fields of a receipt in its text",
        responses=problem_responses(400, 413, 415, 422, 500, 503),
    )
    async def extract(body: ExtractRequest, request: Request) -> ExtractResponse:
        """Finds the four fields in the text of one receipt; its lines may come in any order."""
        check(body, settings)
        batcher: DynamicBatcher[ExtractRequest, Fields] = request.app.state.batcher
        return ExtractResponse(fields=await batcher.submit(body), model=request.app.state.health.model)

    @router.post(
        "/v1/correct",
        operation_id="correctFields",
        summary="Correct the fields of a receipt as people corrected those of others",
        responses=problem_responses(400, 413, 415, 422, 500, 503),
    )
    async def correct(body: CorrectRequest, request: Request) -> ExtractResponse:
        """Puts in a company or an address that people taught; the other fields stay. No network is run.

        Nothing is kept: what is to count comes with each request, so that all extractors answer alike.
        """
        predictor: Predictor = request.app.state.predictor
        fields = await asyncio.to_thread(predictor.correct, body)
        return ExtractResponse(fields=fields, model=request.app.state.health.model)

    return router


def check(body: ExtractRequest, settings: ExtractorSettings) -> None:
    """Refuse a text that is too long, and lines on pages or in places that are not there.

    Raises:
        ProblemError: 413 `text-too-long`, 422 `no-such-page` or 422 `no-such-place`.
    """
    length = characters(body)
    if length > settings.max_characters:
        raise ProblemError(
            413,
            "text-too-long",
            "The text is too long",
            f"The lines hold {length:,} characters; at most {settings.max_characters:,} are accepted in one request.",
            extra={"max_characters": settings.max_characters},
        )
    for index, line in enumerate(body.lines):
        if line.page >= len(body.pages):
            raise ProblemError(
                422,
                "no-such-page",
                "A line is on a page that is not there",
                f"The line with the index {index} is on page {line.page}, but there are {len(body.pages)} pages, "
                "counted from 0. Give the size of every page, or set the line's `page` right.",
            )
        if any(not abs(number) <= _FARTHEST for point in line.quad for number in point):
            raise ProblemError(
                422,
                "no-such-place",
                "A line has no place on its page",
                f"The quad of the line with the index {index} has a coordinate that is no number, or farther out than "
                "any page reaches. Give the corners in pixels of the page.",
            )
