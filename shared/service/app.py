"""The scaffold of every service: one factory that gives an application its operational face.

The application works on its own under `run`, or inside another process through `httpx2.ASGITransport`; then whoever
owns the process enters `app.router.lifespan_context(app)` first. Several applications may share a process.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import APIRouter, FastAPI, Response
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware import Middleware

from shared.contracts import Liveness, Readiness
from shared.problems import problem_responses
from shared.service.batching import DynamicBatcher, Item, Result
from shared.service.guard import RequestGuard, RouteLimits
from shared.service.headers import SecurityHeaders
from shared.service.health import Health
from shared.service.logs import REQUEST_ID_HEADER
from shared.service.metrics import ServiceMetrics
from shared.service.observer import RequestObserver
from shared.service.openapi import completed
from shared.service.problem_handlers import add_problem_handlers
from shared.service.server import run
from shared.service.settings import ServiceSettings
from shared.service.tracing import TraceMiddleware, Tracing, tracing_wanted

__all__ = ["Lifespan", "create_service_app", "run", "serve_batches"]

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[str | None]]
_METRICS_EXAMPLE = 'quittance_ready{service="detector"} 1.0\n'
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def create_service_app(
    *,
    name: str,
    title: str,
    description: str,
    settings: ServiceSettings,
    lifespan: Lifespan,
    routers: Sequence[APIRouter],
    route_limits: Sequence[RouteLimits] = (),
    outside: Sequence[Middleware] = (),
    inside: Sequence[Middleware] = (),
    document: Callable[[dict[str, Any]], None] = lambda _: None,
) -> FastAPI:
    """Makes the application of a service.

    It has `/healthz`, `/readyz`, `/metrics`, `/docs`, `/openapi.json`; problem details for every error; a request id on
    every answer and log line; limits on size and time of a request. `app.state.health` is its
    `shared.service.health.Health`
    (`health.model` the version of the weights), `app.state.metrics` its `shared.service.metrics.ServiceMetrics`,
    `app.state.settings` the settings given.

    Args:
        name: For logs, for example `detector`.
        title: Title of the OpenAPI document.
        description: Markdown for the OpenAPI document.
        settings: Limits and times.
        lifespan: Loads and warms up what the service needs, yields the version of its weights (None if it has none),
            and releases it. Slow loading belongs in a thread, as probes are answered meanwhile.
        routers: The routes of the service, with their whole paths.
        route_limits: Where requests may be larger or longer than the settings allow for the rest.
        outside: More layers around the guard, the outermost first: they see every answer.
        inside: More layers inside of it, the outermost first: they may raise `ProblemError`.
        document: Adds to the OpenAPI schema, in place, what the layers can be asked and can answer.

    Returns:
        The application.
    """
    health, metrics = Health(), ServiceMetrics(name)
    tracing = Tracing(name) if tracing_wanted() else None
    metrics.show_ready(lambda: health.is_ready)

    @asynccontextmanager
    async def whole_life(app: FastAPI) -> AsyncIterator[None]:
        health.start()
        async with tracing.exporting() if tracing else nullcontext(), lifespan(app) as model:
            health.ready(model)
            try:
                yield
            finally:
                health.drain()

    # FastAPI's own /docs loads its scripts from elsewhere, which fails in a closed network.
    app = FastAPIOffline(
        title=title,
        description=description,
        version=_package_version(),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=whole_life,
    )
    _complete_schema_of(app, document)
    app.state.health, app.state.metrics, app.state.settings = health, metrics, settings
    app.include_router(_operations(health, metrics))
    for router in routers:
        app.include_router(router)
    add_problem_handlers(app)
    # The last one added is the outermost.
    for layer in reversed(inside):
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    app.add_middleware(
        RequestGuard,
        limits=settings.upload_limits,
        timeout_s=settings.request_timeout_s,
        health=health,
        routes=route_limits,
    )
    for layer in reversed(outside):
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    app.add_middleware(RequestObserver, name=name, metrics=metrics)
    app.add_middleware(SecurityHeaders, health=health)
    if tracing:
        app.add_middleware(TraceMiddleware, tracing=tracing)
    app.add_middleware(
        CorrelationIdMiddleware,
        header_name=REQUEST_ID_HEADER,
        validator=lambda value: _REQUEST_ID.fullmatch(value) is not None,
    )
    return app


def _complete_schema_of(app: FastAPI, document: Callable[[dict[str, Any]], None]) -> None:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            document(schema)
            app.openapi_schema = completed(schema)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # the way FastAPI documents to extend a schema


@asynccontextmanager
async def serve_batches(
    app: FastAPI,
    process: Callable[[list[Item]], Sequence[Result | Exception]],
    settings: ServiceSettings,
    *,
    group: Callable[[Item], Hashable] = lambda _: None,
) -> AsyncIterator[None]:
    """Runs the batcher of a model's service for as long as the block does.

    `app.state.batcher` is the `shared.service.batching.DynamicBatcher`; the service is ready only while its worker
    lives.

    Args:
        app: Made by `create_service_app`.
        process: Computes a batch, see `DynamicBatcher`.
        settings: Of the service: its name and the limits of batch, wait and queue.
        group: Key of an item; only items with the same key share a batch. All do if left out.
    """
    batcher = DynamicBatcher[Item, Result](
        process,
        max_batch=settings.max_batch,
        max_wait_ms=settings.max_wait_ms,
        max_queue=settings.max_queue,
        group=group,
        name=settings.service,
        metrics=app.state.metrics.batcher(settings.service),
    )
    async with batcher:
        app.state.batcher = batcher
        app.state.health.require("batcher", lambda: batcher.alive)
        yield


def _operations(health: Health, metrics: ServiceMetrics) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", operation_id="getHealth", summary="Whether the process lives")
    async def healthz() -> Liveness:
        return Liveness(status="ok")

    @router.get(
        "/readyz",
        operation_id="getReadiness",
        summary="Whether the service takes work",
        responses=problem_responses(503),
    )
    async def readyz() -> Readiness:
        return health.check()

    @router.get(
        "/metrics",
        operation_id="getMetrics",
        summary="Metrics in the text format of Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _METRICS_EXAMPLE}}}},
    )
    async def exposition() -> Response:
        return Response(metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router


def _package_version() -> str:
    try:
        return version("quittance")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0"
