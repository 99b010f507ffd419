"""A gateway in front of services that read the text in a picture's metadata, and correct as the real extractor does."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from fastapi import APIRouter, FastAPI, Request
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gateway.settings import GatewaySettings
from quittance.assembly import create_embedded_gateway
from services.extractor.merchants import Directory
from services.extractor.teaching import Teaching
from shared.contracts import CorrectRequest, ExtractRequest
from shared.problems import ProblemError
from shared.service.settings import ServiceSettings
from shared.service.uploads import read_upload
from tests.support.gateway import create_fake_service, open_client

SHOP, MISREAD_SHOP = "BENGKEL CEMERLANG SDN BHD", "BENGKEL GEMERLANG"
STREET = "NO. 187, JALAN USJ 11/4, 28025 TEMERLOH"
TEXT = (MISREAD_SHOP, STREET, "16-08-2021", "TOTAL RM", "60.55")


@dataclass
class TextServices:
    """The three services.

    The extractor takes the first two lines for the company and the address, and the last for the total.

    Attributes:
        correct_requests: The requests to correct fields that the extractor received.
        fails: Whether requests to correct fail.
    """

    correct_requests: list[CorrectRequest] = field(default_factory=list)
    fails: bool = False

    def create_apps(self) -> dict[str, FastAPI]:
        routers = {
            "detector": _build_detector_router(),
            "recognizer": _build_recognizer_router(),
            "extractor": self._build_extractor_router(),
        }
        return {name: create_fake_service(name, router, f"{name}-1") for name, router in routers.items()}

    def _build_extractor_router(self) -> APIRouter:
        router = APIRouter()

        @router.post("/v1/extract")
        async def extract(body: ExtractRequest) -> dict[str, Any]:
            company, address, *_, total = body.lines
            fields: dict[str, Any] = {
                name: {"value": line.text, "confidence": 0.7, "quad": line.quad, "lines": [index]}
                for name, line, index in (("company", company, 0), ("address", address, 1))
            }
            place = {"confidence": 0.7, "quad": total.quad, "lines": [len(body.lines) - 1]}
            fields["total"] = {"value": total.text, "amount": total.text, "currency": None, **place}
            return {"fields": fields, "model": "charlstm-1"}

        @router.post("/v1/correct")
        async def correct(body: CorrectRequest) -> dict[str, Any]:
            self.correct_requests.append(body)
            if self.fails:
                raise ProblemError(503, "overloaded", "The service is overloaded", "The queue is full.")
            fields = Teaching(body.corrections, Directory()).apply(body.fields, body.lines)
            return {"fields": fields, "model": "charlstm-1"}

        return router


@dataclass
class TextGateway:
    """A gateway under test: an HTTP client, and the services behind it."""

    http: httpx2.AsyncClient
    services: TextServices

    async def post(self, picture: bytes) -> httpx2.Response:
        return await self.http.post("/v1/receipts", content=picture, headers={"Content-Type": "image/png"})

    async def read(self, *text: str) -> dict[str, Any]:
        """Read a receipt with these lines, or with `TEXT`."""
        response = await self.post(make_text_picture(*text))
        assert response.status_code == 200, response.text
        receipt: dict[str, Any] = response.json()
        return receipt

    async def correct(self, receipt: dict[str, Any], author: str | None = None, **fields: Any) -> httpx2.Response:
        """Correct fields, each given as its value or as a whole change."""
        body = {"fields": {name: {"value": one} if isinstance(one, str) else one for name, one in fields.items()}}
        return await self.http.put(corrections_url(receipt), json=body | ({"author": author} if author else {}))


@asynccontextmanager
async def run_text_gateway(folder: Path, **settings: Any) -> AsyncIterator[TextGateway]:
    """Start a gateway with this state directory, and stop it at the end. The pictures have no codes to read."""
    services = TextServices()
    chosen: dict[str, Any] = {"state_directory": folder, "read_codes": False} | settings
    app = create_embedded_gateway(services.create_apps(), GatewaySettings(**chosen))
    async with open_client(app) as http:
        yield TextGateway(http, services)


def corrections_url(receipt: dict[str, Any]) -> str:
    return f"/v1/receipts/{receipt['id']}/corrections"


def make_text_picture(*text: str) -> bytes:
    """Encode a picture with these lines, or with `TEXT`, in its metadata."""
    metadata, buffer = PngInfo(), io.BytesIO()
    metadata.add_text("receipt", json.dumps(text or TEXT))
    Image.new("RGB", (100, 200), "white").save(buffer, "PNG", pnginfo=metadata)
    return buffer.getvalue()


def _read_text(data: bytes) -> list[str]:
    with Image.open(io.BytesIO(data)) as image:
        texts: list[str] = json.loads(image.info["receipt"])
    return texts


def _build_detector_router() -> APIRouter:
    router = APIRouter()

    @router.post("/v1/detect")
    async def detect(request: Request) -> dict[str, Any]:
        count = len(_read_text(await request.body()))
        quads = [[[10, y], [90, y], [90, y + 8], [10, y + 8]] for y in range(0, 10 * count, 10)]
        page = {"width": 100, "height": 200, "rotation": 0}
        return {"page": page, "segments": [{"quad": quad, "score": 0.9} for quad in quads], "model": "ctpn-1"}

    return router


def _build_recognizer_router() -> APIRouter:
    router = APIRouter()

    @router.post("/v1/recognize")
    async def recognize(request: Request) -> dict[str, Any]:
        upload = await read_upload(request, ServiceSettings().upload_limits)
        readings = [{"text": text, "confidence": 0.9} for text in _read_text(upload.data)]
        return {"texts": readings, "model": "crnn-1"}

    return router
