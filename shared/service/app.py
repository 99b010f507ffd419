"""The factory of every application: operational endpoints, errors, limits, logs and metrics.

An application runs on its own under `shared.service.server.run`, or inside another process through
`httpx2.ASGITransport`. In that case the owner of the process enters `app.router.lifespan_context(app)` first. Several
applications may share a process.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import APIRouter, FastAPI, Response
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware import Middleware

from shared.contracts import Liveness, Readiness
from shared.observability.metrics import ServiceMetrics
from shared.observability.observer import RequestObserver
from shared.observability.tracing import TraceMiddleware, Tracing, is_tracing_enabled
from shared.problem_responses import problem_responses
from shared.service.components import ServiceComponents, set_components
from shared.service.guard import RequestGuard, RouteLimits
from shared.service.health import Health
from shared.service.middleware.head_requests import HeadRequests
from shared.service.middleware.security_headers import SecurityHeaders
from shared.service.openapi import complete_schema
from shared.service.problem_handlers import add_problem_handlers
from shared.service.request_context import REQUEST_ID_HEADER
from shared.service.settings import ServiceSettings

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
    """Create the application of a service.

    It has `/healthz`, `/readyz`, `/metrics`, `/docs` and `/openapi.json`, problem details for every error, a request ID
    in every response and log line, and limits on size and time of a request. `get_components` returns its settings,
    health and metrics.

    Args:
        name: Name for logs, for example `detector`.
        title: Title of the OpenAPI document.
        description: Markdown for the OpenAPI document.
        settings: Limits and times.
        lifespan: Loads and warms up what the service needs, yields the version of its weights (None if it has none),
            and releases it. Load in a thread what takes long, because probes are answered meanwhile.
        routers: Routes of the service, with their whole paths.
        route_limits: Routes where requests may be larger or take longer than the settings say.
        outside: Middleware around the guard, outermost first; sees every response.
        inside: Middleware inside the guard, outermost first; may raise `ProblemError`.
        document: Extends the OpenAPI schema, in place, with what the middleware accepts and returns.
    """
    health, metrics = Health(), ServiceMetrics(name)
    tracing = Tracing(name) if is_tracing_enabled() else None
    metrics.report_ready(lambda: health.is_ready)

    @asynccontextmanager
    async def run_lifespan(app: FastAPI) -> AsyncIterator[None]:
        health.start()
        async with tracing.exporting() if tracing else nullcontext(), lifespan(app) as model:
            health.mark_ready(model)
            try:
                yield
            finally:
                health.drain()

    # FastAPI's own /docs loads scripts from a CDN, which fails in a closed network.
    app = FastAPIOffline(
        title=title,
        description=description,
        version=_package_version(),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=run_lifespan,
    )
    _extend_schema(app, document)
    set_components(app, ServiceComponents(settings, health, metrics))
    app.include_router(_build_operations_router(health, metrics))
    for router in routers:
        app.include_router(router)
    add_problem_handlers(app)
    # The last middleware added is the outermost.
    for layer in reversed(inside):
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    app.add_middleware(
        RequestGuard,
        limits=settings.upload_limits,
        budget_bytes=settings.upload_memory_bytes,
        stall_s=settings.upload_stall_s,
        timeout_s=settings.request_timeout_s,
        health=health,
        routes=route_limits,
    )
    app.add_middleware(HeadRequests)
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


def _extend_schema(app: FastAPI, document: Callable[[dict[str, Any]], None]) -> None:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            document(schema)
            app.openapi_schema = complete_schema(schema)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI documents it


def _build_operations_router(health: Health, metrics: ServiceMetrics) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get(
        "/healthz",
        operation_id="getHealth",
        summary="Check that the process is alive and no worker is stuck",
        responses=problem_responses(503),
    )
    async def get_health() -> Liveness:
        return health.require_alive()

    @router.get(
        "/readyz",
        operation_id="getReadiness",
        summary="Check that the service accepts work",
        responses=problem_responses(503),
    )
    async def get_readiness() -> Readiness:
        return health.require_ready()

    @router.get(
        "/metrics",
        operation_id="getMetrics",
        summary="Get metrics in the text format of Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _METRICS_EXAMPLE}}}},
    )
    async def get_metrics() -> Response:
        return Response(metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router


def _package_version() -> str:
    try:
        return version("quittance")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0"
