"""Metrics of the receipts that the gateway reads, shown at `/metrics` with those of every service."""

from __future__ import annotations

from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from shared.contracts import ADDITIONAL_FIELD_NAMES, FIELD_NAMES, CheckName, Receipt, ReceiptWarning
from shared.observability.metrics import LATENCIES_S
from shared.problems import ProblemError

_CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_PAGES = (1, 2, 3, 5, 10, 20)
_LINES = (0, 5, 10, 20, 50, 100, 200, 500)
_ITEMS = (0, 1, 2, 3, 5, 10, 20, 50, 100)
_CHECKS: tuple[str, ...] = get_args(CheckName)
_WARNINGS = (
    "corrections-unavailable",
    "codes-unread",
    "several-receipts",
    "unreadable",
    "einvoice-contradicted",
    "einvoice-unread",
)
_CHECK_RESULTS: dict[bool | None, str] = {True: "holds", False: "fails", None: "unknown"}
_STAGES = {"detector": "detect", "recognizer": "recognize", "extractor": "extract"}

Lookup = Literal["hit", "miss", "unavailable"]


class ReceiptMetrics:
    """Counts receipts, stage times, confidences of fields, and cache lookups.

    Attributes:
        registry: Holds these metrics; part of the application's registry.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._stages = Histogram(
            "quittance_stage_seconds",
            "Time per receipt in a stage, including waiting and transport.",
            ["stage"],
            buckets=LATENCIES_S,
            registry=registry,
        )
        self._problems = Counter(
            "quittance_stage_problems",
            "Receipts that could not be read because of a stage, by problem code.",
            ["stage", "code"],
            registry=registry,
        )
        self._lookups = Counter("quittance_cache_lookups", "Cache lookups of uploads.", ["result"], registry=registry)
        self._confidences = Histogram(
            "quittance_field_confidence",
            "Confidence of the fields found, from 0 to 1.",
            ["field"],
            buckets=_CONFIDENCES,
            registry=registry,
        )
        self._absent = Counter(
            "quittance_fields_absent", "Receipts on which a field was not found.", ["field"], registry=registry
        )
        self._pages = Histogram("quittance_receipt_pages", "Pages per receipt.", buckets=_PAGES, registry=registry)
        self._lines = Histogram("quittance_receipt_lines", "Lines per receipt.", buckets=_LINES, registry=registry)
        self._items = Histogram("quittance_receipt_items", "Items per receipt.", buckets=_ITEMS, registry=registry)
        self._checks = Counter(
            "quittance_receipt_checks",
            "Checks of receipts, by result: holds, fails or unknown.",
            ["check", "result"],
            registry=registry,
        )
        self._warnings = Counter(
            "quittance_receipt_warnings", "Receipts returned with a warning, by code.", ["code"], registry=registry
        )
        self._create_series()

    def count_lookup(self, result: Lookup) -> None:
        """Count a cache lookup of an upload."""
        self._lookups.labels(result).inc()

    def count_receipt(self, receipt: Receipt) -> None:
        """Count a receipt that was read, not one from the cache."""
        for stage, milliseconds in receipt.timings_ms:
            self._stages.labels(stage).observe(milliseconds / 1000)
        for name, field in receipt.fields:
            if field is None:
                self._absent.labels(name).inc()
            else:
                self._confidences.labels(name).observe(field.confidence)
        self._pages.observe(len(receipt.pages))
        self._lines.observe(len(receipt.lines))
        self._items.observe(len(receipt.items))
        for warning in receipt.warnings:
            self.count_warning(warning)
        for check in receipt.checks:
            self._checks.labels(check.name, _CHECK_RESULTS[check.holds]).inc()

    def count_warning(self, warning: ReceiptWarning) -> None:
        """Count a receipt that is returned with a warning."""
        self._warnings.labels(warning.code).inc()

    def count_failure(self, problem: ProblemError) -> None:
        """Count a receipt that could not be read, if the cause was a stage and not the upload."""
        stage = _STAGES.get(str(problem.extra.get("stage")))
        if stage is not None and problem.status >= 500:
            self._problems.labels(stage, problem.code).inc()

    def _create_series(self) -> None:
        """Start known series at zero: the rate of a series that first appears at 1 would miss the first event."""
        for stage in ("decode", *_STAGES.values()):
            self._stages.labels(stage)
        for name in (*FIELD_NAMES, *ADDITIONAL_FIELD_NAMES):
            self._confidences.labels(name)
            self._absent.labels(name)
        for check in _CHECKS:
            for outcome in _CHECK_RESULTS.values():
                self._checks.labels(check, outcome)
        for code in _WARNINGS:
            self._warnings.labels(code)
        for result in ("hit", "miss", "unavailable"):
            self._lookups.labels(result)
