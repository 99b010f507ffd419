"""OpenTelemetry traces: a span for each request answered and each request sent, linked by W3C traceparent.

Off unless the standard variable OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) is set. Then the
extra `traces` of the package is required, and the other variables of the SDK apply as well. While traces are off,
nothing of OpenTelemetry is imported and requests pass no additional layer. Spans hold routes, statuses and times,
nothing of a receipt.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.service.health import PROBES
from shared.service.request_context import current_tracer, use_trace
from shared.startup import StartupError

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

_ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_FLUSH_S = 3.0  # at shutdown, within the time that `shared.service.server` gives the lifespan
_CLIENT_CLOSED_REQUEST = 499

_log = logging.getLogger(__name__)


def is_tracing_enabled() -> bool:
    """Return whether the environment names a collector of traces."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not disabled and any(os.environ.get(name) for name in _ENDPOINT_VARIABLES)


class Tracing:
    """Traces of one application; several applications in a process differ by the name of the service.

    Args:
        service: Name of the service.

    Attributes:
        tracer: Creates spans while the application runs; None before and after.
    """

    def __init__(self, service: str) -> None:
        self.tracer: Tracer | None = None
        self._service = service

    @asynccontextmanager
    async def exporting(self) -> AsyncIterator[None]:
        """Send spans to the collector inside the block, the last ones at its end.

        Raises:
            StartupError: If the packages of the extra `traces` are missing.
        """
        provider = _create_provider(self._service)
        self.tracer = provider.get_tracer("quittance")
        try:
            yield
        finally:
            self.tracer = None
            try:
                async with asyncio.timeout(_FLUSH_S):
                    await asyncio.to_thread(provider.shutdown)
            except TimeoutError:
                _log.warning("Last spans were not delivered in time", extra={"seconds": _FLUSH_S})


class TraceMiddleware:
    """Middleware that creates a span for every request except probes, within the trace that the caller names.

    It wraps the observer, so that log lines of requests have the trace ID.

    Args:
        app: The application.
        tracing: Traces of the application.
    """

    def __init__(self, app: ASGIApp, *, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        tracer = self._tracing.tracer
        if scope["type"] != "http" or scope["path"] in PROBES or tracer is None:
            await self._app(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind, format_trace_id

        status = _CLIENT_CLOSED_REQUEST

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        parent = _create_propagator().extract(dict(Headers(scope=scope)))
        with tracer.start_as_current_span(scope["method"], context=parent, kind=SpanKind.SERVER) as span:
            try:
                with use_trace(tracer, format_trace_id(span.get_span_context().trace_id)):
                    await self._app(scope, receive, observe)
            finally:
                route = getattr(scope.get("route"), "path", "unmatched")
                span.update_name(f"{scope['method']} {route}")
                _describe(span, scope["method"], status)
                span.set_attribute("http.route", route)


class TracingTransport(httpx2.AsyncBaseTransport):
    """Transport that creates a span for every request but probes sent for a traced one, and names it to the receiver.

    Args:
        inner: Transport that sends the requests.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        tracer = current_tracer()
        if tracer is None or request.url.path in PROBES:
            return await self._inner.handle_async_request(request)
        from opentelemetry.trace import SpanKind

        name = f"{request.method} {request.url.path}"
        with tracer.start_as_current_span(name, kind=SpanKind.CLIENT, record_exception=False) as span:
            span.set_attribute("server.address", request.url.host)
            carrier: dict[str, str] = {}
            _create_propagator().inject(carrier)
            request.headers.update(carrier)
            response = await self._inner.handle_async_request(request)
            _describe(span, request.method, response.status_code)
            return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def add_tracing(transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncBaseTransport:
    """Return a transport that traces its requests; the given one if traces are off."""
    return TracingTransport(transport) if is_tracing_enabled() else transport


def _describe(span: Span, method: str, status: int) -> None:
    from opentelemetry.trace import StatusCode

    span.set_attribute("http.request.method", method)
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)


def _create_propagator() -> TextMapPropagator:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator()


def _create_provider(service: str) -> TracerProvider:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise StartupError(
            f"{_ENDPOINT_VARIABLES[0]} is set, but OpenTelemetry is not installed. "
            "Install it with `pip install 'quittance[traces]'`, or unset the variable."
        ) from error
    resource = Resource.create({"service.name": f"quittance-{service}", "service.namespace": "quittance"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
