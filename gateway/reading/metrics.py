"""What the gateway counts of receipts, shown at `/metrics` with what every service counts."""

from __future__ import annotations

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram

from shared.contracts import FIELD_NAMES, Receipt
from shared.problems import ProblemError
from shared.service.metrics import LATENCIES_S

_CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_PAGES = (1, 2, 3, 5, 10, 20)
_LINES = (0, 5, 10, 20, 50, 100, 200, 500)
_STAGES = {"detector": "detect", "recognizer": "recognize", "extractor": "extract"}

Lookup = Literal["hit", "miss", "unavailable"]


class ReceiptMetrics:
    """Counts what is read, how long each stage takes, how sure the fields are, and what the cache saves.

    Args:
        registry: Of the application, `get_components(app).metrics.registry`.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._stages = Histogram(
            "quittance_stage_seconds",
            "Time a receipt spent in a stage, waiting and transport included.",
            ["stage"],
            buckets=LATENCIES_S,
            registry=registry,
        )
        self._problems = Counter(
            "quittance_stage_problems",
            "Receipts that were not read because of a stage, by the code of the problem.",
            ["stage", "code"],
            registry=registry,
        )
        self._lookups = Counter(
            "quittance_cache_lookups", "Uploads looked up in the cache.", ["result"], registry=registry
        )
        self._confidences = Histogram(
            "quittance_field_confidence",
            "Confidence of the fields found, 0 to 1.",
            ["field"],
            buckets=_CONFIDENCES,
            registry=registry,
        )
        self._absent = Counter(
            "quittance_fields_absent", "Receipts read on which a field was not found.", ["field"], registry=registry
        )
        self._pages = Histogram("quittance_receipt_pages", "Pages a receipt read.", buckets=_PAGES, registry=registry)
        self._lines = Histogram("quittance_receipt_lines", "Lines a receipt read.", buckets=_LINES, registry=registry)
        self._show_zeros()

    def looked_up(self, result: Lookup) -> None:
        """Counts a lookup of an upload in the cache."""
        self._lookups.labels(result).inc()

    def read(self, receipt: Receipt) -> None:
        """Counts a receipt that was computed, not one from the cache."""
        for stage, milliseconds in receipt.timings_ms:
            self._stages.labels(stage).observe(milliseconds / 1000)
        for name, field in receipt.fields:
            if field is None:
                self._absent.labels(name).inc()
            else:
                self._confidences.labels(name).observe(field.confidence)
        self._pages.observe(len(receipt.pages))
        self._lines.observe(len(receipt.lines))

    def failed(self, problem: ProblemError) -> None:
        """Counts a receipt that could not be read, if a stage was the reason and not what was sent."""
        stage = _STAGES.get(str(problem.extra.get("stage")))
        if stage is not None and problem.status >= 500:
            self._problems.labels(stage, problem.code).inc()

    def _show_zeros(self) -> None:
        """Series that are known beforehand begin at zero: a rate over one that appears at 1 would miss the first."""
        for stage in ("decode", *_STAGES.values()):
            self._stages.labels(stage)
        for name in FIELD_NAMES:
            self._confidences.labels(name)
            self._absent.labels(name)
        for result in ("hit", "miss", "unavailable"):
            self._lookups.labels(result)
