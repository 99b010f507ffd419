"""Metrics of reading."""

from __future__ import annotations

from gateway.reading.metrics import ReceiptMetrics
from shared.contracts import Receipt
from shared.problems import ProblemError
from tests.support.gateway import Gateway, make_picture
from tests.support.itemized_receipt import ITEMIZED_RECEIPT


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


def test_counts_items_and_results_of_checks() -> None:
    metrics = ReceiptMetrics()
    metrics.count_receipt(Receipt.model_validate(ITEMIZED_RECEIPT))
    values: dict[str, tuple[dict[str, str], float]] = {
        "quittance_receipt_items_sum": ({}, 2.0),
        "quittance_receipt_checks_total": ({"check": "items_to_subtotal", "result": "fails"}, 1.0),
    }
    for name, (labels, value) in values.items():
        assert metrics.registry.get_sample_value(name, labels) == value
    checks = {"check": "tax_rates", "result": "unknown"}
    assert metrics.registry.get_sample_value("quittance_receipt_checks_total", checks) == 1.0
    assert metrics.registry.get_sample_value("quittance_receipt_checks_total", checks | {"result": "fails"}) == 0.0
