"""Tests of traces across all hops, and of their absence without a collector."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.settings import GatewaySettings
from shared.observability import tracing
from shared.service.request_context import current_trace_id
from shared.startup import StartupError
from tests.support.gateway import make_picture, run_gateway

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Collector:
    """Receives spans over HTTP, as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        received = self.received = []  # type: list[ExportTraceServiceRequest]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list[dict[str, Any]]:
        found = []
        for request in self.received:
            for resource in request.resource_spans:
                names = {one.key: one.value.string_value for one in resource.resource.attributes}
                for scope in resource.scope_spans:
                    found += [_plain(span, names["service.name"]) for span in scope.spans]
        return found


def _plain(span: Any, service: str) -> dict[str, Any]:
    attributes = {one.key: one.value.string_value or one.value.int_value for one in span.attributes}
    return {
        "service": service,
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "failed": span.status.code == 2,
        "attributes": attributes,
    }


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Collector]:
    monkeypatch.chdir(tmp_path)
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


async def test_one_trace_covers_the_gateway_and_all_stages(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    seen: dict[str, str | None] = {}

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "shared.request":
                seen[record.__dict__["service"]] = current_trace_id()

    handler = Recorder()
    logging.getLogger("shared.request").addHandler(handler)
    try:
        async with run_gateway(GatewaySettings()) as gateway:
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "Content-Type": "image/png"}
            response = await gateway.http.post("/v1/receipts?orientation=auto", content=make_picture(), headers=headers)
            assert response.status_code == 200
            await gateway.http.get("/readyz")
            await gateway.http.get(f"/v1/receipts/{'0' * 32}")
    finally:
        logging.getLogger("shared.request").removeHandler(handler)
    spans = collector.spans()
    ours = {(span["service"], span["name"]): span for span in spans if span["trace"] == TRACE}
    root = ours["quittance-gateway", "POST /v1/receipts"]
    assert root["parent"] == PARENT
    assert root["attributes"] == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/v1/receipts",
    }
    for stage, path in (("detector", "detect"), ("recognizer", "recognize"), ("extractor", "extract")):
        sent, handled = ours["quittance-gateway", f"POST /v1/{path}"], ours[f"quittance-{stage}", f"POST /v1/{path}"]
        assert sent["parent"] == root["id"]
        assert handled["parent"] == sent["id"]
        assert sent["attributes"]["server.address"] == stage
    assert len(ours) == 7
    # No probes, not even those between the gateway and a stage.
    others = [span for span in spans if span["trace"] != TRACE]
    assert [(span["name"], span["failed"]) for span in others] == [("GET /v1/receipts/{receipt_id}", False)]
    assert {name for name, trace in seen.items() if trace == TRACE} == {"detector", "recognizer", "extractor"}
    assert current_trace_id() is None


async def test_failed_stage_is_marked_in_the_trace(collector: Collector) -> None:
    async with run_gateway(GatewaySettings()) as gateway:
        gateway.extractor.answer = "nonsense"
        await gateway.post(make_picture())
    failed = {(span["service"], span["name"]) for span in collector.spans() if span["failed"]}
    assert failed == {("quittance-gateway", "POST /v1/receipts")}


async def test_unreachable_collector_does_not_affect_responses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(tracing, "_FLUSH_S", 0.2)
    async with run_gateway(GatewaySettings()) as gateway:
        assert (await gateway.post(make_picture())).status_code == 200


async def test_missing_packages_are_reported_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(StartupError, match="quittance\\[traces\\]"):
        async with tracing.Tracing("toy").exporting():
            pass


def test_disabled_tracing_imports_nothing_and_adds_no_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = httpx2.AsyncHTTPTransport()
    for variables in (
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"},
    ):
        monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert not tracing.is_tracing_enabled()
        assert tracing.add_tracing(transport) is transport
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    # The Redis client imports the OpenTelemetry API where it is installed; our code must not import the exporter.
    program = (
        "import json, sys; from quittance.assembly import create_gateway; app = create_gateway();"
        "print(json.dumps([sorted(n for n in sys.modules if n.startswith('opentelemetry.exporter')),"
        "[str(m.cls) for m in app.user_middleware if 'Trac' in str(m.cls)]]))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == [[], []]
