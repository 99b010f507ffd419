"""The recognizer as a service: a picture and quads go in, texts come out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request

from services.recognizer.crops import cut, quad_fault
from services.recognizer.decoding import Recognition
from services.recognizer.predictor import Predictor
from services.recognizer.settings import RecognizerSettings
from shared.arrays import Pixels
from shared.contracts import RecognizedText, RecognizeResponse
from shared.pictures.memory import decode_once
from shared.problems import ProblemError, problem_responses
from shared.service.app import create_service_app, serve_batches
from shared.service.batching import DynamicBatcher
from shared.service.uploads import read_upload, upload_openapi

_DESCRIPTION = """\
Reads text segments of a picture with a CRNN. Send the picture as `file` of a form and the segments' corners as `quads`,
or the picture alone: then it is one segment. Texts come in the order of the quads.
"""
_QUADS_SCHEMA: dict[str, Any] = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "JSON list of quads: four corners `[x, y]` each, in pixels, clockwise from the top left of the "
    "text. Left out: the whole picture is one segment.",
    "example": "[[[72, 25], [326, 25], [326, 64], [72, 64]]]",
}
_MOST_FAULTS_LISTED = 20


def create_app(settings: RecognizerSettings | None = None) -> FastAPI:
    """Make the application of the recognizer.

    Args:
        settings: read from the environment if left out.

    Returns:
        The application; its lifespan loads the weights, and raises WeightsError if they cannot be used.
    """
    settings = settings or RecognizerSettings.from_environment()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[str]:
        predictor = await asyncio.to_thread(_load, settings)
        async with serve_batches(app, predictor.recognize, settings):
            yield predictor.version

    return create_service_app(
        name="recognizer",
        title="Quittance recognizer",
        description=_DESCRIPTION,
        settings=settings,
        lifespan=lifespan,
        routers=[_router(settings)],
    )


def _load(settings: RecognizerSettings) -> Predictor:
    predictor = Predictor.load(settings)
    predictor.warm_up()
    return predictor


def _router(settings: RecognizerSettings) -> APIRouter:
    router = APIRouter(tags=["recognizer"])

    @router.post(
        "/v1/recognize",
        operation_id="recognizeSegments",
        summary="Read text segments",
        responses=problem_responses(400, 413, 415, 422, 500, 503),
        openapi_extra=upload_openapi({"quads": _QUADS_SCHEMA}),
    )
    async def recognize(request: Request) -> RecognizeResponse:
        """Reads the segments that `quads` encloses; without it, the whole picture as one segment."""
        upload = await read_upload(request, settings.upload_limits)
        quads = parse_quads(upload.form["quads"], settings.max_quads) if "quads" in upload.form else None
        crops = await asyncio.to_thread(_crops, upload.data, quads, settings)
        batcher: DynamicBatcher[Pixels, Recognition] = request.app.state.batcher
        texts = await batcher.submit_many(crops)
        return RecognizeResponse(
            texts=[RecognizedText(text=one.text, confidence=one.confidence) for one in texts],
            model=request.app.state.health.model,
        )

    return router


def parse_quads(text: str, most: int) -> list[Any]:
    """Read the form field `quads`.

    Args:
        text: JSON, a list of quads.
        most: how many quads are accepted.

    Returns:
        The list; of its items only their shape has been checked.

    Raises:
        ProblemError: 422 `quads-invalid`, naming the quads at fault by their index from 0; 413 `too-many-quads`.
    """
    try:
        quads = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = error if isinstance(error, ValueError) else "it is nested too deeply"
        raise _invalid(f"The field `quads` is no JSON: {reason}.", []) from error
    if not isinstance(quads, list):
        raise _invalid(f"The field `quads` holds a {_json_type(quads)}, not a list of quads.", [])
    if len(quads) > most:
        raise ProblemError(
            413,
            "too-many-quads",
            "There are too many quads",
            f"The field `quads` holds {len(quads):,} quads; at most {most:,} are accepted in one request.",
            extra={"max_quads": most},
        )
    _raise_faults([(index, fault) for index, quad in enumerate(quads) if (fault := _shape_fault(quad))])
    return quads


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _json_type(value: object) -> str:
    names = {dict: "object", str: "string", bool: "truth value", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _shape_fault(quad: object) -> str | None:
    if not isinstance(quad, list) or len(quad) != 4:
        return "it is not a list of four corners"
    for corner in quad:
        if not isinstance(corner, list) or len(corner) != 2:
            return "a corner is not a list of x and y"
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in corner):
            return "a coordinate is no number"
        if not all(abs(value) < 1e9 for value in corner):
            return "a coordinate is not finite or beyond a thousand million pixels"
    return None


def _crops(data: bytes, quads: Sequence[Any] | None, settings: RecognizerSettings) -> list[Pixels]:
    """Decode the picture and cut its segments; takes long enough to need a thread."""
    picture = decode_once(data, settings.picture_limits)
    if quads is None:
        return [picture.pixels]
    faults = [(i, fault) for i, quad in enumerate(quads) if (fault := quad_fault(quad, picture.width, picture.height))]
    _raise_faults(faults)
    return cut(picture.pixels, quads)


def _raise_faults(faults: Sequence[tuple[int, str]]) -> None:
    if not faults:
        return
    index, fault = faults[0]
    more = f" So are {len(faults) - 1} more." if len(faults) > 1 else ""
    raise _invalid(f"The quad with the index {index} is wrong: {fault}.{more}", faults)


def _invalid(detail: str, faults: Sequence[tuple[int, str]]) -> ProblemError:
    listed = [{"quad": index, "message": fault} for index, fault in faults[:_MOST_FAULTS_LISTED]]
    how = " Send a JSON list of quads, each four corners [x, y] in pixels, clockwise from the top left of the text."
    return ProblemError(
        422, "quads-invalid", "The quads are not valid", detail + how, extra={"errors": listed} if listed else None
    )
