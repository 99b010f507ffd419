"""Stand-ins for the three services: the real app, batcher and contracts, with a pause instead of the network.

    python -m benchmarks.reliability.stand_ins detector --seconds 0.05

Their reading of a picture is the hash of its bytes, so that an answer to the wrong caller is noticed. `GET /computed`
returns how many items were computed and how many are queued.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
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
from shared.pictures.decoding import decode_picture
from shared.service.app import create_service_app, run, serve_batches
from shared.service.settings import ServiceSettings
from shared.service.uploads import read_upload

QUAD = ((1.0, 1.0), (20.0, 1.0), (20.0, 9.0), (1.0, 9.0))


def reading_of(data: bytes) -> str:
    """Return what a stand-in reads from a picture."""
    return hashlib.sha256(data).hexdigest()


class _Worker:
    """Returns its items after a pause, and counts them."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.computed = 0

    def __call__(self, items: list[Any]) -> list[Any]:
        self.computed += len(items)
        time.sleep(self.seconds * len(items))
        return items


def create_app(name: str, settings: ServiceSettings, seconds: float) -> FastAPI:
    """Create a stand-in.

    Args:
        name: detector, recognizer or extractor.
        settings: Settings of a service.
        seconds: Time per item; a batch takes as long as its items one after the other.
    """
    worker = _Worker(seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[str]:
        async with serve_batches(app, worker, settings, group=lambda _: None):
            yield f"{name}-stand-in"

    router = APIRouter()

    @router.get("/computed")
    async def computed(request: Request) -> dict[str, int]:
        return {"computed": worker.computed, "queued": request.app.state.batcher.queued}

    path, answer = _ANSWERS[name]

    @router.post(path, response_model=None)
    async def respond(request: Request) -> Any:
        return await answer(request, settings)

    return create_service_app(
        name=name, title=name, description=name, settings=settings, lifespan=lifespan, routers=[router]
    )


async def _detect(request: Request, settings: ServiceSettings) -> DetectResponse:
    upload = await read_upload(request, settings.upload_limits)
    picture = await asyncio.to_thread(decode_picture, upload.data, settings.picture_limits)
    await request.app.state.batcher.submit(upload.data)
    page = Page(width=picture.width, height=picture.height, rotation=0)
    return DetectResponse(page=page, segments=[Segment(quad=QUAD, score=0.9)], model="detector-stand-in")


async def _recognize(request: Request, settings: ServiceSettings) -> RecognizeResponse:
    upload = await read_upload(request, settings.upload_limits)
    data = await request.app.state.batcher.submit(upload.data)
    texts = [RecognizedText(text=reading_of(data), confidence=0.9) for _ in json.loads(upload.form["quads"])]
    return RecognizeResponse(texts=texts, model="recognizer-stand-in")


async def _extract(request: Request, _: ServiceSettings) -> ExtractResponse:
    content = ExtractRequest.model_validate_json(await request.body())
    await request.app.state.batcher.submit(content)
    line = content.lines[0]
    total = AmountField(
        value=line.text, confidence=0.9, page=0, quad=line.quad, lines=[0], corrected=False, amount=None, currency=None
    )
    return ExtractResponse(fields=Fields(total=total), model="extractor-stand-in")


_ANSWERS: dict[str, tuple[str, Callable[[Request, ServiceSettings], Any]]] = {
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
