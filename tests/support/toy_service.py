"""A service without a model, to test what every application has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

import httpx2
from fastapi import APIRouter, FastAPI, Query, Request
from pydantic import BaseModel

from shared.problem_responses import problem_responses
from shared.problems import ProblemError
from shared.service.app import create_service_app
from shared.service.components import get_components
from shared.service.settings import ServiceSettings
from shared.service.uploads import read_upload, upload_openapi

MAX_UPLOAD_BYTES = 100_000
VERSION = "ctpn-2026-11-22-1a2b3c4d"


class Order(BaseModel):
    """A JSON body."""

    count: int
    names: list[str]


class SlowRequest:
    """Progress of a request to `/v1/slow`."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.is_cancelled = False


@asynccontextmanager
async def load_nothing(_: FastAPI) -> AsyncIterator[str | None]:
    """Be ready at once."""
    yield VERSION


def create_toy_app(
    slow: SlowRequest | None = None,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[str | None]] = load_nothing,
    **settings: Any,
) -> FastAPI:
    """Create the application."""
    return create_service_app(
        name="toy",
        title="Toy",
        description="For tests.",
        settings=ServiceSettings(max_upload_bytes=MAX_UPLOAD_BYTES, **settings),
        lifespan=lifespan,
        routers=[_build_router(slow or SlowRequest())],
    )


@asynccontextmanager
async def open_client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Run the application and open a client to it."""
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://toy") as client,
    ):
        yield client


def assert_full_problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """Check all members that every problem has, and return it."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:quittance:problem:{code}"
    assert body["status"] == status
    assert body["instance"] == response.request.url.path
    assert body["request_id"] == response.headers["x-request-id"]
    return body


def _build_router(slow: SlowRequest) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/upload", openapi_extra=upload_openapi(), responses=problem_responses(413, 415, 422))
    async def upload(request: Request) -> dict[str, Any]:
        sent = await read_upload(request, get_components(request.app).settings.upload_limits)
        return {"bytes": len(sent.data), "form": sent.form}

    @router.post("/v1/order")
    async def create_order(order: Order, fast: Annotated[bool, Query()] = False) -> Order:
        return order

    @router.get("/v1/things/{name}")
    async def get_thing(name: str) -> dict[str, str]:
        return {"name": name}

    @router.delete("/v1/things/{name}")
    async def delete_thing(name: str) -> None:
        return None

    @router.get("/v1/fault")
    async def fail() -> None:
        raise RuntimeError("the secret of the receipt")

    @router.get("/v1/problem")
    async def raise_problem() -> None:
        raise ProblemError(409, "too-late", "It is too late", "Come earlier.", headers={"Retry-After": "7"})

    @router.post("/v1/slow")
    async def wait(request: Request) -> dict[str, str]:
        await request.body()
        slow.started.set()
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            slow.is_cancelled = True
            raise
        return {}

    return router
