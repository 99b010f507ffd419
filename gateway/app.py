"""The gateway: receipts over REST.

`create_app` is given the stages; `quittance.assembly` makes them, in this process or behind URLs. The gateway knows no
network and imports none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress

import httpx2
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from gateway.admission.access import AccessControl
from gateway.admission.api_keys import KeyBook, KeyRing
from gateway.admission.idempotency import HEADER as IDEMPOTENCY_KEY
from gateway.admission.idempotency import Idempotency
from gateway.admission.rate_limits import RateLimits
from gateway.api.corrections import corrections_router
from gateway.api.exports import exports_router
from gateway.api.jobs import jobs_router
from gateway.api.openapi import document_access
from gateway.api.page_images import pages_router
from gateway.api.receipts import receipts_router
from gateway.api.site import page_router
from gateway.composition import job_route_limits, open_jobs
from gateway.corrections.store import CorrectionStore
from gateway.documents.limits import DocumentLimits
from gateway.documents.renderer import Renderer
from gateway.reading.capacity import Admission
from gateway.reading.metrics import ReceiptMetrics
from gateway.reading.pipeline import Pipeline
from gateway.reading.receipts import Receipts
from gateway.settings import GatewaySettings
from gateway.stages.stages import Stages, reason
from gateway.storage.cache import ReceiptCache, open_store
from gateway.storage.redis_store import RedisLink
from shared.service.app import create_service_app
from shared.service.deadline import HEADER as TIMEOUT
from shared.service.logs import REQUEST_ID_HEADER
from shared.service.tracing import traced

# Shorter than a stage keeps an idle connection (see `shared.service.server`), so that no request meets one that is
# closing.
_KEEP_IDLE_S = 10.0
_DESCRIPTION = """\
Turns the picture of a receipt into data: who was paid, when, where and how much, with the text that was read, where
each thing stands on the paper, and how sure it is.

Coordinates are pixels of the picture as it is seen (turned as its EXIF orientation says), x to the right, y downwards.
A field that was not found is `null`. Errors are problem details (RFC 9457).
"""

_CORS_REQUEST_HEADERS = (
    "Authorization",
    "X-API-Key",
    "Content-Type",
    "Cache-Control",
    IDEMPOTENCY_KEY,
    TIMEOUT,
    REQUEST_ID_HEADER,
)
_CORS_ANSWER_HEADERS = ("Location", "Retry-After", "Content-Disposition", "Idempotency-Replayed", REQUEST_ID_HEADER)

OpenStages = Callable[[GatewaySettings], AbstractAsyncContextManager[Stages]]

_log = logging.getLogger(__name__)


def create_app(settings: GatewaySettings, open_stages: OpenStages) -> FastAPI:
    """Makes the gateway.

    Args:
        settings: Its settings.
        open_stages: Starts and stops, or connects to, the stages; entered when the app starts, left when it stops.
    """
    redis_url = None if settings.redis_url is None else str(settings.redis_url)
    link = None if redis_url is None else RedisLink.connect(redis_url, timeout_s=settings.redis_timeout_s)
    store = open_store(settings, link)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[str | None]:
        async with AsyncExitStack() as stack:
            cache = ReceiptCache(store, ttl_s=settings.cache_ttl_s)
            stack.push_async_callback(cache.aclose)
            stages = await stack.enter_async_context(open_stages(settings))
            renderer = Renderer(
                DocumentLimits(settings.max_pages, settings.max_page_s, settings.picture_limits),
                timeout_s=settings.render_timeout_s,
                workers=settings.decode_workers,
            )
            pipeline = Pipeline(
                stages,
                renderer,
                limits=settings.picture_limits,
                timeout_s=settings.receipt_timeout_s,
                decode_workers=settings.decode_workers,
            )
            app.state.renderer = renderer
            receipts = Receipts(
                stages=stages,
                pipeline=pipeline,
                cache=cache,
                corrections=CorrectionStore(settings.state_directory, learn=settings.learn_merchants),
                metrics=metrics,
                admission=Admission(settings.max_receipts),
                patience_s=settings.redis_timeout_s,
            )
            stack.push_async_callback(receipts.aclose)
            app.state.receipts = receipts
            app.state.jobs = await stack.enter_async_context(open_jobs(settings, receipts))
            await stack.enter_async_context(_versions_kept_fresh(stages, settings.stage_check_s))
            yield None

    app = create_service_app(
        name="gateway",
        title="Quittance",
        description=_DESCRIPTION,
        settings=settings,
        lifespan=lifespan,
        routers=[
            receipts_router(settings),
            corrections_router(),
            jobs_router(),
            exports_router(),
            pages_router(settings),
            page_router(),
        ],
        route_limits=job_route_limits(settings),
        outside=_cors(settings),
        inside=[
            Middleware(
                AccessControl,
                settings=settings,
                ring=KeyRing(KeyBook(settings.state_directory)),
                limits=RateLimits(link, redis_url),
            ),
            Middleware(Idempotency, store=store, ttl_s=settings.idempotency_ttl_s if settings.cache_ttl_s else 0),
        ],
        document=document_access,
    )
    metrics = ReceiptMetrics(app.state.metrics.registry)
    return app


def _cors(settings: GatewaySettings) -> list[Middleware]:
    """Lets pages of other origins call the API, if any are named. There are no cookies, so none are let through."""
    if not settings.allowed_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=_CORS_REQUEST_HEADERS,
            expose_headers=_CORS_ANSWER_HEADERS,
        )
    ]


@asynccontextmanager
async def stages_over_http(settings: GatewaySettings) -> AsyncIterator[Stages]:
    """Connects to stages in other processes, at the URLs in the settings."""
    limits = httpx2.Limits(
        max_connections=settings.stage_connections,
        max_keepalive_connections=settings.stage_connections,
        keepalive_expiry=_KEEP_IDLE_S,
    )
    timeout = httpx2.Timeout(settings.stage_timeout_s, connect=settings.stage_connect_timeout_s)

    def client(url: object) -> httpx2.AsyncClient:
        # No proxies from the environment: the stages are neighbors.
        transport = traced(httpx2.AsyncHTTPTransport(limits=limits, trust_env=False))
        return httpx2.AsyncClient(base_url=str(url), transport=transport, timeout=timeout, trust_env=False)

    stages = Stages(
        detector=client(settings.detector_url),
        recognizer=client(settings.recognizer_url),
        extractor=client(settings.extractor_url),
        timeout_s=settings.stage_timeout_s,
    )
    try:
        yield stages
    finally:
        await stages.aclose()


@asynccontextmanager
async def _versions_kept_fresh(stages: Stages, every_s: float) -> AsyncIterator[None]:
    """Asks the stages for the versions of their models, now and then again and again.

    A gateway starts without its stages, too: it answers with a problem that names the missing one, and is well as soon
    as that one is.
    """

    async def watch() -> None:
        missing: set[str] = set()
        while True:
            problems = {str(problem.extra["stage"]): problem for problem in await stages.check()}
            for stage in sorted(problems.keys() - missing):
                _log.warning("A stage is missing", extra=reason(problems[stage]))
            for stage in sorted(missing - problems.keys()):
                _log.info("A stage is back", extra={"stage": stage})
            missing = set(problems)
            await asyncio.sleep(every_s)

    task = asyncio.create_task(watch(), name="versions of the stages' models")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
