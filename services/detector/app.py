"""The detector as a service: a picture goes in, text segments come out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request

from services.detector.predictor import Detection, Predictor
from services.detector.preparation import PreparedPage
from services.detector.settings import DetectorSettings
from shared.contracts import DetectResponse, Orientation, Page, Segment
from shared.geometry import round_quad
from shared.pictures.memory import decode_once
from shared.problems import problem_responses
from shared.service.app import create_service_app, serve_batches
from shared.service.batching import DynamicBatcher
from shared.service.uploads import OrientationQuery, read_upload, upload_openapi

_DESCRIPTION = """\
Finds text segments on the picture of a receipt with a CTPN. A segment is one run of text without a wide gap; its quad
runs clockwise from the top left of its text in pixels of the picture as sent, whichever way that is turned. A blank
page has no segments.
"""
#: Decimals of coordinates in answers: a tenth of a pixel is finer than the network knows.
_DECIMALS = 1


def create_app(settings: DetectorSettings | None = None) -> FastAPI:
    """Make the application of the detector.

    Args:
        settings: Read from the environment if left out.

    Returns:
        The application; its lifespan loads the weights, and raises WeightsError if they cannot be used.
    """
    settings = settings or DetectorSettings.from_environment()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[str]:
        predictor = await asyncio.to_thread(_load, settings)
        async with serve_batches(app, predictor.detect, settings, group=predictor.group):
            app.state.predictor = predictor
            yield predictor.version

    return create_service_app(
        name="detector",
        title="Quittance detector",
        description=_DESCRIPTION,
        settings=settings,
        lifespan=lifespan,
        routers=[_router(settings)],
    )


def _load(settings: DetectorSettings) -> Predictor:
    predictor = Predictor.load(settings)
    predictor.warm_up()
    return predictor


def _router(settings: DetectorSettings) -> APIRouter:
    router = APIRouter(tags=["detector"])

    @router.post(
        "/v1/detect",
        operation_id="detectSegments",
        summary="Find text segments",
        responses=problem_responses(400, 413, 415, 422, 500, 503),
        openapi_extra=upload_openapi(),
    )
    async def detect(request: Request, orientation: OrientationQuery = None) -> DetectResponse:
        """Finds the text segments of one picture, sent as the file of a form or as the body itself."""
        upload = await read_upload(request, settings.upload_limits)
        predictor: Predictor = request.app.state.predictor
        batcher: DynamicBatcher[PreparedPage, Detection] = request.app.state.batcher
        (width, height), page = await asyncio.to_thread(_prepare, upload.data, predictor, settings, orientation)
        detection = Detection.empty() if page is None else await batcher.submit(page)
        return to_response(detection, width, height, request.app.state.health.model)

    return router


def _prepare(
    data: bytes, predictor: Predictor, settings: DetectorSettings, orientation: Orientation | None
) -> tuple[tuple[int, int], PreparedPage | None]:
    """Decode, set straight and scale the picture; takes long enough to need a thread. Also gives its size."""
    picture = decode_once(data, settings.picture_limits)
    return (picture.width, picture.height), predictor.prepare(picture.pixels, orientation)


def to_response(detection: Detection, width: int, height: int, model: str) -> DetectResponse:
    """The answer of the service for one page of `width` x `height` pixels."""
    segments = []
    for quad, score in zip(detection.quads, detection.scores.tolist(), strict=True):
        segments.append(Segment(quad=round_quad(quad, _DECIMALS), score=min(max(round(score, 4), 0.0), 1.0)))
    page = Page.model_validate({"width": width, "height": height, "rotation": detection.rotation})
    return DetectResponse(page=page, segments=segments, model=model)
