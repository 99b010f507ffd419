"""The recognizer as a service: picture and quads in, texts out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request

from services.recognizer.crops import cut_segments
from services.recognizer.decoding import Recognition
from services.recognizer.predictor import Predictor
from services.recognizer.quads import QUADS_SCHEMA, parse_quads, require_quads_on_page
from services.recognizer.settings import RecognizerSettings
from shared.arrays import Pixels
from shared.contracts import RecognizedText, RecognizeResponse
from shared.pictures.memory import decode_once
from shared.problem_responses import problem_responses
from shared.service.model_app import Model, create_model_app
from shared.service.uploads import read_upload, upload_openapi

_DESCRIPTION = """\
Reads text segments of a picture with a CRNN. Send the picture as `file` of a form and the corners of the segments as
`quads`. Without `quads`, the picture is one segment. Texts come in the order of the quads.
"""

RecognizerModel = Model[Predictor, Pixels, Recognition]


def create_app(settings: RecognizerSettings | None = None) -> FastAPI:
    """Create the application of the recognizer.

    Args:
        settings: Read from the environment by default.

    Returns:
        The application. Its lifespan raises StartupError if the weights cannot be loaded.
    """
    settings = settings or RecognizerSettings.from_environment()
    model = RecognizerModel(lambda: Predictor.load(settings), Predictor.recognize)
    return create_model_app(
        model, _build_router(model, settings), description=_DESCRIPTION, settings=settings, has_pictures=True
    )


def _build_router(model: RecognizerModel, settings: RecognizerSettings) -> APIRouter:
    router = APIRouter(tags=["recognizer"])

    @router.post(
        "/v1/recognize",
        operation_id="recognizeSegments",
        summary="Read text segments",
        responses=problem_responses(400, 413, 415, 422, 500, 503),
        openapi_extra=upload_openapi({"quads": QUADS_SCHEMA}),
    )
    async def recognize(request: Request) -> RecognizeResponse:
        """Read the segments inside `quads`; without it, the whole picture as one segment."""
        upload = await read_upload(request, settings.upload_limits)
        quads = parse_quads(upload.form["quads"], settings.max_quads) if "quads" in upload.form else None
        crops = await _cut_crops(upload.data, quads, settings)
        texts = await model.batcher.submit_many(crops)
        return RecognizeResponse(
            texts=[RecognizedText(text=one.text, confidence=one.confidence, gaps=list(one.gaps)) for one in texts],
            model=model.predictor.version,
        )

    return router


async def _cut_crops(data: bytes, quads: Sequence[Any] | None, settings: RecognizerSettings) -> list[Pixels]:
    """Decode the picture and cut out its segments."""
    picture = await decode_once(data, settings.picture_limits)
    if quads is None:
        return [picture.pixels]
    require_quads_on_page(quads, picture.width, picture.height)
    return await asyncio.to_thread(cut_segments, picture.pixels, quads)
