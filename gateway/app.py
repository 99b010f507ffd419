"""The gateway: receipts over REST.

`create_app` is given the stages; `quittance.assembly` creates them in this process, or connects to their URLs. The
gateway imports no network.
"""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from gateway.admission.idempotency import IDEMPOTENCY_KEY_HEADER
from gateway.api.corrections import build_corrections_router
from gateway.api.exports import build_exports_router
from gateway.api.jobs import build_jobs_router
from gateway.api.openapi import document_admission
from gateway.api.page_images import build_pages_router
from gateway.api.receipts import build_receipts_router
from gateway.api.site import build_site_router
from gateway.composition import Composition, OpenStages
from gateway.settings import AdmissionSettings, GatewaySettings
from shared.service.app import create_service_app
from shared.service.components import get_components
from shared.service.deadline import TIMEOUT_HEADER
from shared.service.request_context import REQUEST_ID_HEADER

_DESCRIPTION = """\
Turns the picture of a receipt into data: who was paid, when, where and how much, with the recognized text, its position
and a confidence.

Coordinates are pixels of the picture as displayed (with its EXIF orientation applied), x to the right, y down. A field
that was not found is `null`. Errors are problem details (RFC 9457).
"""

_CORS_REQUEST_HEADERS = (
    "Authorization",
    "X-API-Key",
    "Content-Type",
    "Cache-Control",
    IDEMPOTENCY_KEY_HEADER,
    TIMEOUT_HEADER,
    REQUEST_ID_HEADER,
)
_CORS_RESPONSE_HEADERS = ("Location", "Retry-After", "Content-Disposition", "Idempotency-Replayed", REQUEST_ID_HEADER)


def create_app(settings: GatewaySettings, open_stages: OpenStages) -> FastAPI:
    """Create the gateway.

    Args:
        settings: Settings of the gateway.
        open_stages: Starts the stages, or connects to them; entered when the app starts, left when it stops.
    """
    composition = Composition(settings, open_stages)
    app = create_service_app(
        name="gateway",
        title="Quittance",
        description=_DESCRIPTION,
        settings=settings,
        lifespan=composition.run,
        routers=[
            build_receipts_router(settings),
            build_corrections_router(),
            build_jobs_router(),
            build_exports_router(settings),
            build_pages_router(settings),
            build_site_router(),
        ],
        route_limits=composition.route_limits(),
        outside=_build_cors(settings.admission),
        inside=composition.admission(),
        document=document_admission,
    )
    for metrics in (composition.metrics, composition.job_metrics):
        get_components(app).metrics.registry.register(metrics.registry)
    return app


def _build_cors(settings: AdmissionSettings) -> list[Middleware]:
    """Allow pages of the configured origins to call the API; without credentials, as there are no cookies."""
    if not settings.allowed_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=_CORS_REQUEST_HEADERS,
            expose_headers=_CORS_RESPONSE_HEADERS,
        )
    ]
