"""The tables that `quittance evaluate` and `quittance errors` print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from quittance.display.tables import format_confidence
from quittance.evaluation import errors
from quittance.evaluation.records import Record
from quittance.evaluation.summary import run_rows, task_rows, trust_rows
from shared.contracts import FIELD_NAMES

_MAX_CONFUSIONS = 25


def measures_table(measures: Mapping[str, Any], title: str) -> Table:
    """Return the measures of an evaluation."""
    table = Table(title=title, title_justify="left")
    table.add_column("Measure")
    for name in ("Precision", "Recall", "F1"):
        table.add_column(name, justify="right")
    for rows in task_rows(measures):
        for row in rows:
            table.add_row(row.label, *row.numbers)
        table.add_section()
    for figures in (trust_rows(measures), run_rows(measures)):
        for label, figure in figures:
            table.add_row(label, "", "", figure)
        table.add_section()
    return table


def error_tables(records: Sequence[Record]) -> list[Table]:
    """Return the error analysis: wrong fields, reasons, segments and characters."""
    wrong = errors.find_field_errors(records)
    return [_field_table(wrong), _reason_table(wrong), _segment_table(records), _confusion_table(records)]


def _field_table(wrong: Sequence[errors.FieldError]) -> Table:
    table = Table(title="Wrong fields, most confident first", title_justify="left")
    for name in ("Receipt", "Field", "Label", "Answer", "Confidence", "Reason"):
        table.add_column(name, overflow="fold")
    for error in wrong:
        key = f"{error.key} (unseen)" if error.unseen else error.key
        row = (Text(key), error.field, Text(error.label), Text(error.answer))
        table.add_row(*row, format_confidence(error.confidence), error.reason)
    return table


def _reason_table(wrong: Sequence[errors.FieldError]) -> Table:
    table = Table(title="Wrong fields by reason", title_justify="left")
    table.add_column("Reason")
    names = [*FIELD_NAMES, *sorted({error.field for error in wrong} - set(FIELD_NAMES))]
    for name in names:
        table.add_column(name, justify="right")
    counts = Counter((error.reason, error.field) for error in wrong)
    for reason, _ in Counter(error.reason for error in wrong).most_common():
        table.add_row(reason, *(str(counts[reason, name] or "") for name in names))
    return table


def _segment_table(records: Sequence[Record]) -> Table:
    table = Table("Length", "Outcome", title="Labeled segments", title_justify="left")
    table.add_column("Count", justify="right")
    for (length, outcome), count in sorted(errors.count_segments(records).items()):
        table.add_row(length, outcome, str(count))
    return table


def _confusion_table(records: Sequence[Record]) -> Table:
    counts = errors.count_confusions(records)
    table = Table("Label", "Reading", "Kind", title="Misread characters in labeled boxes", title_justify="left")
    table.add_column("Count", justify="right")
    kinds: Counter[str] = Counter()
    for (before, after), count in counts.items():
        kinds[errors.classify_confusion(before, after)] += count
    for kind, count in kinds.most_common():
        table.add_row("", "", kind, str(count))
    table.add_section()
    for (before, after), count in counts.most_common(_MAX_CONFUSIONS):
        kind = errors.classify_confusion(before, after)
        table.add_row(Text(repr(before)), Text(repr(after)), kind, str(count))
    return table
