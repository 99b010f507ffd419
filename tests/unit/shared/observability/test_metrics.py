"""Tests of metrics and of the log line of each request."""

from __future__ import annotations

import logging

import pytest

from shared.service.components import get_components
from tests.support.toy_service import create_toy_app, open_client


async def test_writes_one_log_line_per_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_client(create_toy_app()) as client:
        await client.get("/v1/things/a?token=hidden")
        await client.get("/healthz")
    lines = [record for record in caplog.records if record.name == "shared.request"]
    assert [(line.levelname, line.__dict__["path"], line.__dict__["status"]) for line in lines] == [
        ("INFO", "/v1/things/a", 200),
        ("DEBUG", "/healthz", 200),
    ]
    assert lines[0].__dict__["ms"] > 0


async def test_counts_requests_by_route_and_application() -> None:
    async with open_client(create_toy_app()) as client, open_client(create_toy_app()) as other:
        await client.get("/v1/things/a")
        await client.get("/v1/things/b")
        await client.get("/nowhere")
        await client.get("/readyz")
        text = (await client.get("/metrics")).text
        assert 'quittance_requests_total{method="GET",route="/v1/things/{name}",service="toy",status="200"} 2.0' in text
        assert 'quittance_requests_total{method="GET",route="unmatched",service="toy",status="404"} 1.0' in text
        assert 'quittance_requests_in_flight{service="toy"} 0.0' in text
        assert "readyz" not in text
        assert "/v1/things" not in (await other.get("/metrics")).text


async def test_includes_metrics_of_an_embedded_application() -> None:
    outer, inner = create_toy_app(), create_toy_app()
    metrics = get_components(outer).metrics
    get_components(inner).metrics.service = "inner"
    metrics.include(get_components(inner).metrics)
    async with open_client(inner) as client:
        await client.get("/v1/things/a")
        text = metrics.render().decode()
        assert 'route="/v1/things/{name}",service="inner",status="200"} 1.0' in text
        assert 'quittance_ready{service="toy"} 0.0' in text
        assert 'quittance_ready{service="inner"} 1.0' in text
    assert text.count("# TYPE quittance_requests_total ") == 1
    assert text.count("process_cpu_seconds_total ") == 3  # help, type and one sample
    assert "_created" not in text
    assert 'quittance_ready{service="inner"} 0.0' in metrics.render().decode()
