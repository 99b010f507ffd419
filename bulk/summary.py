"""What an extraction has done so far: counts, speed, and how long the rest will take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa


@dataclass
class Summary:
    """Counts of rows that are in the output.

    Attributes:
        total: Documents to read in this run; None while some are in tars that were not read yet.
        skipped: Documents that an earlier run has read.
        documents: Documents read in this run.
        rows: Their rows: several if pages are separate receipts.
        errors: Rows with an error, by its code.
        review: Rows that need review, by the reason; a row may have several.
        to_review: Number of rows that need review.
        files: Files written.
        clock: Seconds, for tests.
    """

    total: int | None = 0
    skipped: int = 0
    documents: int = 0
    rows: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    review: Counter[str] = field(default_factory=Counter)
    to_review: int = 0
    files: int = 0
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Start the clock."""
        self._start = self.clock()
        self._end: float | None = None

    def start(self) -> None:
        """Start the clock again: reading begins now."""
        self._start = self.clock()

    def stop(self) -> None:
        """Stop the clock: everything has been read."""
        self._end = self.clock()

    @property
    def seconds(self) -> float:
        """Seconds from the start until now, or until the clock was stopped."""
        return (self.clock() if self._end is None else self._end) - self._start

    @property
    def per_second(self) -> float:
        """Documents per second since the start."""
        return self.documents / self.seconds if self.seconds > 0 else 0.0

    @property
    def remaining_s(self) -> float | None:
        """Seconds that the rest will take at this speed; None if nothing is known yet."""
        if self.total is None or not self.documents:
            return None
        return max(0, self.total - self.documents) / self.per_second

    @property
    def review_share(self) -> float:
        """Share of the rows that need review, 0 to 1."""
        return self.to_review / self.rows if self.rows else 0.0

    def add(self, written: pa.Table) -> None:
        """Count the files that `summarize_rows` describes."""
        for row in written.to_pylist():
            self.files += 1
            self.documents += row["documents"]
            self.rows += row["rows"]
            self.to_review += row["to_review"]
            self.errors.update(row["errors"])
            self.review.update(row["review"])


def summarize_rows(rows: pa.Table) -> pa.Table:
    """Return what `Summary.add` counts: one row for a file."""
    keys = set(zip(rows["source"].to_pylist(), rows["member"].to_pylist(), strict=True))
    errors = [error["code"] for error in rows["error"].to_pylist() if error is not None]
    reasons = [reason for row in rows["review"].to_pylist() for reason in row]
    counts = {
        "documents": len(keys),
        "rows": rows.num_rows,
        "to_review": sum(rows["needs_review"].to_pylist()),
        "errors": errors,
        "review": reasons,
    }
    return pa.Table.from_pylist([counts], WRITTEN_SCHEMA)


WRITTEN_SCHEMA = pa.schema(
    [
        ("documents", pa.int64()),
        ("rows", pa.int64()),
        ("to_review", pa.int64()),
        ("errors", pa.list_(pa.string())),
        ("review", pa.list_(pa.string())),
    ]
)
