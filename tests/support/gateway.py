"""A gateway in this process, in front of stand-ins for the three services."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from fastapi import APIRouter, FastAPI, Request, Response
from PIL import Image

from gateway.settings import GatewaySettings
from quittance.assembly import create_embedded_gateway
from shared.contracts import ExtractRequest, Problem
from shared.problems import ProblemError
from shared.service.app import create_service_app
from shared.service.settings import ServiceSettings
from shared.service.uploads import read_upload

# Not in reading order: the gateway has to sort them.
SEGMENTS = [
    ([[20, 60], [60, 60], [60, 70], [20, 70]], "TOTAL"),
    ([[20, 10], [90, 10], [90, 20], [20, 20]], "BOOK SHOP"),
    ([[70, 59], [95, 59], [95, 71], [70, 71]], "9.00"),
]


@dataclass
class FakeService:
    """A stand-in for one service: how it answers, and the requests it received.

    Attributes:
        segments: Quads to detect, and the text to recognize in each.
        areas: Outlines to detect as separate receipts.
        size: Width and height of every page, in pixels.
        fails_with: The problem to answer with, if any.
        answer: The JSON content to answer with instead of a regular response.
        delay_s: Seconds to wait before answering.
        requests: The payload of each request.
        queries: The query parameters of each request to the detector.
        request_ids: The `X-Request-ID` header of each request.
    """

    model: str
    segments: list[tuple[list[list[int]], str]] = field(default_factory=list)
    areas: list[list[list[int]]] = field(default_factory=list)
    size: tuple[int, int] = (100, 200)
    fails_with: ProblemError | None = None
    answer: Any = None
    delay_s: float = 0.0
    requests: list[Any] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    request_ids: list[str | None] = field(default_factory=list)

    async def respond(self, request: Request, payload: Any, answer: Any) -> Response:
        """Record a request and answer it, or fail as configured."""
        self.requests.append(payload)
        self.request_ids.append(request.headers.get("x-request-id"))
        await asyncio.sleep(self.delay_s)
        if self.fails_with is not None:
            raise self.fails_with
        content = answer if self.answer is None else self.answer
        return Response(json.dumps(content), media_type="application/json")

    async def wait_for_requests(self, count: int = 1) -> None:
        """Wait until this many requests have arrived."""
        async with asyncio.timeout(10):
            while len(self.requests) < count:  # noqa: ASYNC110 - the requests are a plain list
                await asyncio.sleep(0.005)


@dataclass
class Gateway:
    """A gateway under test: an HTTP client, and the stand-ins behind it."""

    http: httpx2.AsyncClient
    app: FastAPI
    detector: FakeService
    recognizer: FakeService
    extractor: FakeService

    async def post(self, data: bytes, content_type: str = "application/octet-stream") -> httpx2.Response:
        """Upload a picture or document."""
        return await self.http.post("/v1/receipts", content=data, headers={"Content-Type": content_type})


@asynccontextmanager
async def run_gateway(settings: GatewaySettings, *, read_codes: bool = False) -> AsyncIterator[Gateway]:
    """Start a gateway in front of stand-ins, and stop it at the end; processes that read codes take time to start."""
    settings = settings.replaced(read_codes=read_codes)
    fakes = {
        "detector": FakeService("ctpn-1", segments=list(SEGMENTS)),
        "recognizer": FakeService("crnn-1", segments=list(SEGMENTS)),
        "extractor": FakeService("charlstm-1"),
    }
    routers = {
        "detector": _build_detector_router(fakes["detector"]),
        "recognizer": _build_recognizer_router(fakes["recognizer"]),
        "extractor": _build_extractor_router(fakes["extractor"]),
    }
    services = {name: create_fake_service(name, routers[name], fake.model) for name, fake in fakes.items()}
    app = create_embedded_gateway(services, settings)
    async with open_client(app) as http:
        yield Gateway(http, app, **fakes)


@asynccontextmanager
async def open_client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Start an app in this process and open an HTTP client of it."""
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield http


def create_fake_service(name: str, router: APIRouter, model: str) -> FastAPI:
    """Create a service that is ready at once and says that it runs `model`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[str]:
        yield model

    return create_service_app(
        name=name, title=name, description=name, settings=ServiceSettings(), lifespan=lifespan, routers=[router]
    )


def make_picture(kind: str = "PNG", shade: int = 255, size: tuple[int, int] = (100, 200)) -> bytes:
    """Encode a plain gray picture; `shade` is 0 (black) to 255 (white)."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, shade, shade)).save(buffer, kind)
    return buffer.getvalue()


def assert_problem(response: httpx2.Response, status: int, code: str) -> Problem:
    """Check that a response is this problem, and return it."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(response.content)
    assert (response.status_code, problem.status, problem.type) == (status, status, f"urn:quittance:problem:{code}")
    return problem


def _build_detector_router(fake: FakeService) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/detect")
    async def detect(request: Request) -> Response:
        await request.body()
        width, height = fake.size
        area = request.query_params.get("area")
        segments = [{"quad": quad, "score": 0.9} for quad, _ in fake.segments if _is_in_area(quad, area)]
        areas = [{"outline": outline, "score": 0.95} for outline in fake.areas]
        page = {"width": width, "height": height, "rotation": 180}
        content_type = request.headers["content-type"]
        fake.queries.append(dict(request.query_params))
        answer = {"page": page, "segments": segments, "receipts": areas, "model": fake.model}
        return await fake.respond(request, content_type, answer)

    return router


def _is_in_area(quad: list[list[int]], area: str | None) -> bool:
    if area is None:
        return True
    numbers = [float(number) for number in area.split(",")]
    x, y = quad[0]
    return min(numbers[::2]) <= x <= max(numbers[::2]) and min(numbers[1::2]) <= y <= max(numbers[1::2])


def _build_recognizer_router(fake: FakeService) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/recognize")
    async def recognize(request: Request) -> Response:
        upload = await read_upload(request, ServiceSettings().upload_limits)
        quads = json.loads(upload.form["quads"])
        texts = {json.dumps(quad): text for quad, text in fake.segments}
        readings = [{"text": texts[json.dumps([[int(x), int(y)] for x, y in q])], "confidence": 0.8} for q in quads]
        return await fake.respond(request, quads, {"texts": readings, "model": fake.model})

    return router


def _build_extractor_router(fake: FakeService) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/extract")
    async def extract(request: Request) -> Response:
        payload = ExtractRequest.model_validate_json(await request.body())
        total = {
            "value": payload.lines[-1].text,
            "confidence": 0.7,
            "quad": payload.lines[-1].quad,
            "lines": [len(payload.lines) - 1],
            "amount": "9.00",
            "currency": None,
        }
        return await fake.respond(request, payload, {"fields": {"total": total}, "model": fake.model})

    return router
