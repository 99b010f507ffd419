"""The detector as a service: picture in, text segments out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

import numpy as np
from fastapi import APIRouter, FastAPI, Query, Request
from pydantic import BeforeValidator

from services.detector.predictor import Detection, Predictor
from services.detector.preparation import PreparedPage
from services.detector.quality import Scores, score_empty_page
from services.detector.settings import DetectorSettings
from shared.arrays import Floats
from shared.contracts import CutEdges, DetectResponse, PictureQuality, ReceiptArea, Rotation, Segment, TurnedPage
from shared.geometry import round_quad
from shared.pictures.memory import decode_once
from shared.problem_responses import problem_responses
from shared.service.model_app import Model, create_model_app
from shared.service.uploads import OrientationQuery, read_upload, upload_openapi

_DESCRIPTION = """\
Finds text segments in the picture of a receipt with a CTPN. A segment is one run of text without a wide gap. Its quad
runs clockwise from the top left of its text, in pixels of the picture as sent, whichever way the picture is turned. A
blank page has no segments. `quality` says what makes the picture hard to read, and `receipts` where separate receipts
are, if there seem to be several.
"""
_QUAD_DECIMALS = 1  # a tenth of a pixel is finer than the network
_SCORE_DECIMALS = 4
_QUALITY_DECIMALS = 2

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
_AreaQuery = Annotated[
    str | None,
    Query(
        pattern=r"^-?\d+(\.\d+)?(,-?\d+(\.\d+)?){7}$",
        max_length=200,
        description="The only part of the picture to look at, which is one receipt: x and y of its four corners in "
        "pixels, clockwise, separated by commas. Default: the whole picture.",
        examples=["10,10,300,10,300,800,10,800"],
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
        request: Request,
        orientation: OrientationQuery = None,
        rotation: _RotationQuery = None,
        area: _AreaQuery = None,
    ) -> DetectResponse:
        """Find the text segments of one picture, sent as the file of a form or as the body."""
        upload = await read_upload(request, settings.upload_limits)
        picture = await decode_once(upload.data, settings.picture_limits)
        corners = None if area is None else _parse_area(area)
        page = await asyncio.to_thread(model.predictor.prepare, picture.pixels, orientation, rotation, corners)
        if page is None:
            quality = await asyncio.to_thread(score_empty_page, picture.pixels)
            detection = replace(Detection.empty(), quality=quality)
        else:
            detection = await model.batcher.submit(page)
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
    page = TurnedPage.model_validate({"width": width, "height": height, "rotation": detection.rotation})
    areas = [
        ReceiptArea(outline=round_quad(outline, _QUAD_DECIMALS), score=score) for outline, score in detection.areas
    ]
    quality = None if detection.quality is None else _describe_quality(detection.quality)
    return DetectResponse(page=page, segments=segments, receipts=areas, quality=quality, model=model)


def _describe_quality(scores: Scores) -> PictureQuality:
    left, top, right, bottom = (round(score, _QUALITY_DECIMALS) for score in scores.cut)
    return PictureQuality(
        blur=round(scores.blur, _QUALITY_DECIMALS),
        darkness=round(scores.darkness, _QUALITY_DECIMALS),
        glare=round(scores.glare, _QUALITY_DECIMALS),
        low_resolution=round(scores.low_resolution, _QUALITY_DECIMALS),
        cut_off=CutEdges(left=left, top=top, right=right, bottom=bottom),
    )


def _parse_area(text: str) -> Floats:
    """Return the corners `(4, 2)` of an area as the query gives them."""
    return np.array([float(number) for number in text.split(",")], np.float32).reshape(4, 2)
