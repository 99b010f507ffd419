"""Metrics of reading."""

from __future__ import annotations

from shared.problems import ProblemError
from tests.support.gateway import Gateway, make_picture


async def test_counts_readings(gateway: Gateway) -> None:
    for _ in range(2):
        await gateway.post(make_picture())
    gateway.recognizer.fails_with = ProblemError(503, "overloaded", "Busy", "Busy.")
    await gateway.post(make_picture(shade=250))
    await gateway.post(b"no picture")
    text = (await gateway.http.get("/metrics")).text
    for line in (
        'quittance_cache_lookups_total{result="hit",service="gateway"} 1.0',
        'quittance_cache_lookups_total{result="miss",service="gateway"} 3.0',
        'quittance_cache_lookups_total{result="unavailable",service="gateway"} 0.0',
        'quittance_stage_seconds_count{service="gateway",stage="recognize"} 1.0',
        'quittance_stage_problems_total{code="stage-unavailable",service="gateway",stage="recognize"} 1.0',
        'quittance_field_confidence_bucket{field="total",le="0.7",service="gateway"} 1.0',
        'quittance_field_confidence_bucket{field="total",le="0.6",service="gateway"} 0.0',
        'quittance_fields_absent_total{field="company",service="gateway"} 1.0',
        'quittance_fields_absent_total{field="total",service="gateway"} 0.0',
        'quittance_receipt_lines_sum{service="gateway"} 3.0',
        'quittance_requests_total{method="POST",route="/v1/detect",service="detector",status="200"} 2.0',
    ):
        assert line in text
    assert text.count("quittance_stage_problems_total{") == 1
