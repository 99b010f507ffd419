"""The gateway: receipts over REST.

`create_app` is given the stages; `quittance.assembly` makes them, in this process or behind URLs. The gateway knows no
network and imports none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from gateway.admission.access import AccessControl
from gateway.admission.api_keys import KeyBook, KeyRing
from gateway.admission.idempotency import HEADER as IDEMPOTENCY_KEY
from gateway.admission.idempotency import Idempotency
from gateway.admission.rate_limits import RateLimits
from gateway.api.corrections import build_corrections_router
from gateway.api.exports import build_exports_router
from gateway.api.jobs import build_jobs_router
from gateway.api.openapi import document_access
from gateway.api.page_images import build_pages_router
from gateway.api.receipts import receipts_router
from gateway.api.site import page_router
from gateway.composition import job_route_limits, open_jobs, open_store
from gateway.corrections.store import CorrectionStore
from gateway.documents.limits import DocumentLimits
from gateway.documents.renderer import Renderer
from gateway.reading.capacity import Admission
from gateway.reading.metrics import ReceiptMetrics
from gateway.reading.pipeline import Pipeline
from gateway.reading.receipts import Receipts
from gateway.settings import AdmissionSettings, GatewaySettings, StageSettings
from gateway.stages.connection import check_in_background
from gateway.stages.stages import Stages
from gateway.storage.cache import ReceiptCache
from gateway.storage.redis_store import RedisLink
from shared.service.app import create_service_app
from shared.service.components import get_components
from shared.service.deadline import TIMEOUT_HEADER as TIMEOUT
from shared.service.request_context import REQUEST_ID_HEADER

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

OpenStages = Callable[[StageSettings], AbstractAsyncContextManager[Stages]]


def create_app(settings: GatewaySettings, open_stages: OpenStages) -> FastAPI:
    """Makes the gateway.

    Args:
        settings: Its settings.
        open_stages: Starts and stops, or connects to, the stages; entered when the app starts, left when it stops.
    """
    storage, reading = settings.storage, settings.reading
    redis_url = None if storage.redis_url is None else str(storage.redis_url)
    link = None if redis_url is None else RedisLink.connect(redis_url, timeout_s=storage.redis_timeout_s)
    store = open_store(storage, link)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[str | None]:
        async with AsyncExitStack() as stack:
            cache = ReceiptCache(store, ttl_s=storage.cache_ttl_s)
            stack.push_async_callback(cache.aclose)
            stages = await stack.enter_async_context(open_stages(settings.stages))
            renderer = Renderer(
                DocumentLimits(reading.max_pages, reading.max_page_s, settings.picture_limits),
                timeout_s=reading.render_timeout_s,
                workers=reading.decode_workers,
            )
            pipeline = Pipeline(
                stages,
                renderer,
                limits=settings.picture_limits,
                timeout_s=reading.receipt_timeout_s,
            )
            app.state.renderer = renderer
            receipts = Receipts(
                stages=stages,
                pipeline=pipeline,
                cache=cache,
                corrections=CorrectionStore(storage.state_directory, learn=reading.learn_merchants),
                metrics=metrics,
                admission=Admission(reading.max_receipts),
                patience_s=storage.redis_timeout_s,
            )
            stack.push_async_callback(receipts.aclose)
            app.state.receipts = receipts
            app.state.jobs = await stack.enter_async_context(open_jobs(settings, receipts))
            await stack.enter_async_context(check_in_background(stages, settings.stages.stage_check_s))
            yield None

    app = create_service_app(
        name="gateway",
        title="Quittance",
        description=_DESCRIPTION,
        settings=settings,
        lifespan=lifespan,
        routers=[
            receipts_router(settings),
            build_corrections_router(),
            build_jobs_router(),
            build_exports_router(),
            build_pages_router(settings),
            page_router(),
        ],
        route_limits=job_route_limits(settings),
        outside=_cors(settings.admission),
        inside=[
            Middleware(
                AccessControl,
                settings=settings.admission,
                ring=KeyRing(KeyBook(storage.state_directory)),
                limits=RateLimits(link, redis_url),
                patience_s=storage.redis_timeout_s,
            ),
            Middleware(Idempotency, store=store, ttl_s=storage.idempotency_ttl_s if storage.cache_ttl_s else 0),
        ],
        document=document_access,
    )
    metrics = ReceiptMetrics(get_components(app).metrics.registry)
    return app


def _cors(settings: AdmissionSettings) -> list[Middleware]:
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
