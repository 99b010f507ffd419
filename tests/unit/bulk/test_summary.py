"""Counts, speed and time left."""

from __future__ import annotations

import pyarrow as pa

from bulk.schema import build_schema
from bulk.summary import Summary, summarize_rows
from quittance.display.bulk_progress import describe, describe_speed
from tests.support.clock import FakeClock


def make_rows(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist([{"needs_review": False, "review": [], **row} for row in rows], build_schema())


def test_counts_documents_rows_reviews_and_errors() -> None:
    summary = Summary(total=5)
    first = {"source": "/1.pdf", "page": 0}, {"source": "/1.pdf", "page": 1}
    second = {"source": "/2.jpg", "needs_review": True, "review": ["missing: date", "unsure: total"]}
    third = {"source": "/3.jpg", "needs_review": True, "review": ["error"], "error": {"code": "picture-damaged"}}
    summary.add(summarize_rows(make_rows(*first, second)))
    summary.add(summarize_rows(make_rows(third)))
    assert (summary.documents, summary.rows, summary.files) == (3, 4, 2)
    assert summary.review_share == 0.5
    assert dict(summary.errors) == {"picture-damaged": 1}
    assert summary.review["missing: date"] == 1


def test_estimates_the_time_left() -> None:
    clock = FakeClock()
    summary = Summary(total=40, clock=clock)
    assert summary.remaining_s is None
    summary.documents = 10
    clock.now += 5
    assert (summary.per_second, summary.remaining_s) == (2.0, 15.0)
    assert describe_speed(summary) == "2.0 per second, 0:00:15 left"
    summary.total = None
    assert describe_speed(summary) == "2.0 per second"


def test_the_duration_does_not_grow_after_the_end() -> None:
    clock = FakeClock()
    summary = Summary(total=4, clock=clock)
    summary.documents = 4
    clock.now += 2
    summary.stop()
    clock.now += 60
    assert (summary.seconds, summary.per_second) == (2.0, 2.0)


def test_describes_the_end() -> None:
    summary = Summary(total=2, skipped=7)
    summary.add(summarize_rows(make_rows({"source": "/1.jpg"}, {"source": "/2.jpg", "error": {"code": "no-pages"}})))
    text = describe(summary)
    assert text.startswith("2 files read")
    assert "7 were in the output before" in text
    assert "1 could not be read: no-pages 1." in text
