"""The detector as a service: picture in, text segments out."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request
from pydantic import BeforeValidator

from services.detector.predictor import Detection, Predictor
from services.detector.preparation import PreparedPage
from services.detector.settings import DetectorSettings
from shared.contracts import DetectResponse, Page, Rotation, Segment
from shared.geometry import round_quad
from shared.pictures.memory import decode_once
from shared.problems import problem_responses
from shared.service.model_app import Model, create_model_app
from shared.service.uploads import OrientationQuery, read_upload, upload_openapi

_DESCRIPTION = """\
Finds text segments in the picture of a receipt with a CTPN. A segment is one run of text without a wide gap. Its quad
runs clockwise from the top left of its text, in pixels of the picture as sent, whichever way the picture is turned. A
blank page has no segments.
"""
_QUAD_DECIMALS = 1  # a tenth of a pixel is finer than the network
_SCORE_DECIMALS = 4

_ROTATIONS: dict[object, Rotation] = {"0": 0, "90": 90, "180": 180, "270": 270}
_RotationQuery = Annotated[
    Rotation | None,
    # Pydantic does not convert text to the numbers of a literal type.
    BeforeValidator(lambda value: _ROTATIONS.get(value, value)),
    Query(
        description="Degrees clockwise by which the text is turned, if they are known: 0, 90, 180 or 270. Default: as "
        "detected."
    ),
]
DetectorModel = Model[Predictor, PreparedPage, Detection]


def create_app(settings: DetectorSettings | None = None) -> FastAPI:
    """Create the application of the detector.

    Args:
        settings: Read from the environment by default.

    Returns:
        The application. Its lifespan raises StartupError if the weights cannot be loaded.
    """
    settings = settings or DetectorSettings.from_environment()
    model = DetectorModel(lambda: Predictor.load(settings), Predictor.detect, Predictor.group)
    return create_model_app(
        model, _build_router(model, settings), description=_DESCRIPTION, settings=settings, has_pictures=True
    )


def _build_router(model: DetectorModel, settings: DetectorSettings) -> APIRouter:
    router = APIRouter(tags=["detector"])

    @router.post(
        "/v1/detect",
        operation_id="detectSegments",
        summary="Find text segments",
        responses=problem_responses(400, 413, 415, 422, 500, 503),
        openapi_extra=upload_openapi(),
    )
    async def detect(
        request: Request, orientation: OrientationQuery = None, rotation: _RotationQuery = None
    ) -> DetectResponse:
        """Find the text segments of one picture, sent as the file of a form or as the body."""
        upload = await read_upload(request, settings.upload_limits)
        picture = await decode_once(upload.data, settings.picture_limits)
        page = await asyncio.to_thread(model.predictor.prepare, picture.pixels, orientation, rotation)
        detection = Detection.empty() if page is None else await model.batcher.submit(page)
        response = to_response(detection, picture.width, picture.height, model.predictor.version)
        return response.model_copy(update={"orientation": orientation or settings.orientation})

    return router


def to_response(detection: Detection, width: int, height: int, model: str) -> DetectResponse:
    """Turn the segments of a page into a response.

    Args:
        detection: Segments of the page.
        width: Width of the page in pixels.
        height: Height of the page in pixels.
        model: Version of the model.
    """
    segments = [
        Segment(quad=round_quad(quad, _QUAD_DECIMALS), score=min(max(round(score, _SCORE_DECIMALS), 0.0), 1.0))
        for quad, score in zip(detection.quads, detection.scores.tolist(), strict=True)
    ]
    page = Page.model_validate({"width": width, "height": height, "rotation": detection.rotation})
    return DetectResponse(page=page, segments=segments, model=model)
