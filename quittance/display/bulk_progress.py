"""The progress of `quittance bulk`, and what it says at the end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bulk.summary import Summary
from quittance.display import console

# In logs, a line now and then is enough.
_LINE_S = 30.0


class BulkProgress:
    """Shows a bar on a terminal; elsewhere, prints a line from time to time. Use it as a context."""

    def __init__(self) -> None:
        columns = (TextColumn("Reading"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"))
        self._bar = Progress(*columns, console=console.err, transient=True, disable=not sys.stderr.isatty())
        self._task = self._bar.add_task("", total=None, speed="starting")
        self._printed = -_LINE_S

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the bar."""
        self._bar.stop()

    def show(self, summary: Summary) -> None:
        """Show how far the extraction is."""
        self._bar.update(self._task, completed=summary.documents, total=summary.total, speed=describe_speed(summary))
        now = time.monotonic()
        if self._bar.disable and now - self._printed >= _LINE_S:
            self._printed = now
            of = "" if summary.total is None else f" of {summary.total:,}"
            console.print_message(f"{summary.documents:,}{of} read, {describe_speed(summary)}")


def describe_speed(summary: Summary) -> str:
    """Return the speed and the time left, for example `5.1 per second, 0:12:40 left`."""
    if not summary.documents:
        return "starting"
    remaining = summary.remaining_s
    left = "" if remaining is None else f", {timedelta(seconds=round(remaining))} left"
    return f"{summary.per_second:,.1f} per second{left}"


def describe(summary: Summary) -> str:
    """Return what was done, for people."""
    lines = [
        f"{summary.documents:,} files read in {timedelta(seconds=round(summary.seconds))} "
        f"({summary.per_second:,.1f} per second), {summary.skipped:,} were in the output before."
    ]
    if summary.rows != summary.documents:
        lines.append(f"They have {summary.rows:,} receipts.")
    if summary.rows:
        lines.append(f"{summary.to_review:,} need review ({summary.review_share:.1%}){_list(summary.review)}.")
        lines.append(f"{sum(summary.errors.values()):,} could not be read{_list(summary.errors)}.")
    return "\n".join(lines)


def _list(counts: Counter[str]) -> str:
    return ": " + ", ".join(f"{name} {count:,}" for name, count in counts.most_common()) if counts else ""
