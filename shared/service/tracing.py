"""OpenTelemetry traces: one span for each request answered and one for each request sent, joined by W3C traceparent.

Off unless the standard variable OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) is set; then the
package's extra `traces` is needed, and the other variables of the SDK hold as well. While off, nothing of OpenTelemetry
is imported and no layer is added to a request. Spans tell routes, statuses and times, nothing of a receipt.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import httpx2
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.service.health import PROBES
from shared.service.logs import trace_id
from shared.startup import StartupError

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_FLUSH_S = 3.0  # at the end of a process, within the time that `shared.service.server` gives the lifespan
_CLIENT_LEFT = 499

_log = logging.getLogger(__name__)
_current: ContextVar[Tracer | None] = ContextVar("tracer", default=None)


def tracing_wanted() -> bool:
    """Whether the environment names a collector of traces."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not disabled and any(os.environ.get(name) for name in _ENDPOINTS)


class Tracing:
    """The traces of one application; several in a process tell themselves apart by the name of the service.

    Attributes:
        tracer: Makes spans while the application runs, None before and after.
    """

    def __init__(self, service: str) -> None:
        """Sets up the traces of the service of that name; `exporting` starts them."""
        self.tracer: Tracer | None = None
        self._service = service

    @asynccontextmanager
    async def exporting(self) -> AsyncIterator[None]:
        """Sends spans to the collector for as long as the block lasts, and the last ones at its end.

        Raises:
            StartupError: If the packages of the extra `traces` are missing.
        """
        provider = _provider(self._service)
        self.tracer = provider.get_tracer("quittance")
        try:
            yield
        finally:
            self.tracer = None
            try:
                async with asyncio.timeout(_FLUSH_S):
                    await asyncio.to_thread(provider.shutdown)
            except TimeoutError:
                _log.warning("the last spans were not taken in time", extra={"seconds": _FLUSH_S})


class TraceMiddleware:
    """Makes a span of every request but the probes, as part of the trace that the caller names.

    Pure ASGI, outside of the observer, so that its log line has the trace's id.
    """

    def __init__(self, app: ASGIApp, *, tracing: Tracing) -> None:
        """Traces the requests to `app`."""
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs one request."""
        tracer = self._tracing.tracer
        if scope["type"] != "http" or scope["path"] in PROBES or tracer is None:
            await self._app(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind, format_trace_id

        status = _CLIENT_LEFT

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        parent = _propagator().extract(dict(Headers(scope=scope)))
        with tracer.start_as_current_span(scope["method"], context=parent, kind=SpanKind.SERVER) as span:
            tokens = _current.set(tracer), trace_id.set(format_trace_id(span.get_span_context().trace_id))
            try:
                await self._app(scope, receive, observed)
            finally:
                _current.reset(tokens[0])
                trace_id.reset(tokens[1])
                route = getattr(scope.get("route"), "path", "unmatched")
                span.update_name(f"{scope['method']} {route}")
                _describe(span, scope["method"], status)
                span.set_attribute("http.route", route)


class TracingTransport(httpx2.AsyncBaseTransport):
    """Makes a span of every request sent while one is answered, and tells the receiver so."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        """Sends by `inner`."""
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends one request."""
        tracer = _current.get()
        if tracer is None:  # not on behalf of a request that is traced
            return await self._inner.handle_async_request(request)
        from opentelemetry.trace import SpanKind

        name = f"{request.method} {request.url.path}"
        with tracer.start_as_current_span(name, kind=SpanKind.CLIENT, record_exception=False) as span:
            span.set_attribute("server.address", request.url.host)
            carrier: dict[str, str] = {}
            _propagator().inject(carrier)
            request.headers.update(carrier)
            response = await self._inner.handle_async_request(request)
            _describe(span, request.method, response.status_code)
            return response

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()


def traced(transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncBaseTransport:
    """The transport, with a span for each request if traces are wanted."""
    return TracingTransport(transport) if tracing_wanted() else transport


def _describe(span: Span, method: str, status: int) -> None:
    from opentelemetry.trace import StatusCode

    span.set_attribute("http.request.method", method)
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)


def _propagator() -> TextMapPropagator:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator()


def _provider(service: str) -> TracerProvider:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise StartupError(
            f"Traces are asked for ({_ENDPOINTS[0]} is set), but OpenTelemetry is not installed. "
            "Install it with `pip install 'quittance[traces]'`, or unset the variable."
        ) from error
    resource = Resource.create({"service.name": f"quittance-{service}", "service.namespace": "quittance"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
