"""Stand-ins for the three services: the real app, batcher and contracts, with a pause instead of the network.

    python -m benchmarks.reliability.stand_ins detector --seconds 0.05

Their reading of a picture is the hash of its bytes, so that an answer to the wrong caller is noticed. `GET /computed`
returns how many items were computed and how many are queued.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI, Request

from shared.contracts import (
    AmountField,
    DetectResponse,
    ExtractRequest,
    ExtractResponse,
    Fields,
    Page,
    RecognizedText,
    RecognizeResponse,
    Segment,
)
from shared.pictures.memory import decode_once
from shared.service.model_app import Model, create_model_app
from shared.service.server import run
from shared.service.settings import ServiceSettings
from shared.service.uploads import read_upload

QUAD = ((1.0, 1.0), (20.0, 1.0), (20.0, 9.0), (1.0, 9.0))


def reading_of(data: bytes) -> str:
    """Return what a stand-in reads from a picture."""
    return hashlib.sha256(data).hexdigest()


class _Worker:
    """Sleeps instead of running a network.

    Args:
        name: detector, recognizer or extractor.
        seconds: Seconds per item; the items of a batch are computed one after the other.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self.version = f"{name}-stand-in"
        self.seconds = seconds
        self.computed = 0

    def warm_up(self) -> None:
        """Do nothing."""

    def process(self, items: list[Any]) -> list[Any]:
        """Return the items unchanged, after a while."""
        self.computed += len(items)
        time.sleep(self.seconds * len(items))
        return items


_StandIn = Model[_Worker, Any, Any]


def create_app(name: str, settings: ServiceSettings, seconds: float) -> FastAPI:
    """Create a stand-in.

    Args:
        name: detector, recognizer or extractor.
        settings: Settings of the service.
        seconds: Seconds per item; the items of a batch are computed one after the other.
    """
    model = _StandIn(lambda: _Worker(name, seconds), _Worker.process)
    router = APIRouter()

    @router.get("/computed")
    async def get_computed() -> dict[str, int]:
        return {"computed": model.predictor.computed, "queued": model.batcher.queue_length}

    path, answer = _ANSWERS[name]

    @router.post(path, response_model=None)
    async def respond(request: Request) -> Any:
        return await answer(request, settings, model)

    return create_model_app(
        model, router, description=name, settings=settings, name=name, has_pictures=name == "detector"
    )


async def _detect(request: Request, settings: ServiceSettings, model: _StandIn) -> DetectResponse:
    upload = await read_upload(request, settings.upload_limits)
    picture = await decode_once(upload.data, settings.picture_limits)
    await model.batcher.submit(upload.data)
    page = Page(width=picture.width, height=picture.height, rotation=0)
    return DetectResponse(page=page, segments=[Segment(quad=QUAD, score=0.9)], model=model.predictor.version)


async def _recognize(request: Request, settings: ServiceSettings, model: _StandIn) -> RecognizeResponse:
    upload = await read_upload(request, settings.upload_limits)
    data = await model.batcher.submit(upload.data)
    texts = [RecognizedText(text=reading_of(data), confidence=0.9) for _ in json.loads(upload.form["quads"])]
    return RecognizeResponse(texts=texts, model=model.predictor.version)


async def _extract(request: Request, _: ServiceSettings, model: _StandIn) -> ExtractResponse:
    asked = ExtractRequest.model_validate_json(await request.body())
    await model.batcher.submit(asked)
    line = asked.lines[0]
    total = AmountField(
        value=line.text, confidence=0.9, page=0, quad=line.quad, lines=[0], corrected=False, amount=None, currency=None
    )
    return ExtractResponse(fields=Fields(total=total), model=model.predictor.version)


_ANSWERS: dict[str, tuple[str, Callable[[Request, ServiceSettings, _StandIn], Any]]] = {
    "detector": ("/v1/detect", _detect),
    "recognizer": ("/v1/recognize", _recognize),
    "extractor": ("/v1/extract", _extract),
}


def main() -> None:
    """Serve one stand-in; settings come from the environment, as for a service."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=_ANSWERS)
    parser.add_argument("--seconds", type=float, default=0.0)
    options = parser.parse_args()
    settings = ServiceSettings.from_environment()
    app = create_app(options.name, settings, options.seconds)
    run(app, host=settings.host, port=settings.port, settings=settings)


if __name__ == "__main__":
    main()
