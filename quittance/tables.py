"""What the command line prints for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from quittance.evaluation import errors
from quittance.evaluation.scores import Record, field_of
from quittance.extract import Reading
from shared.contracts import FIELD_NAMES, AmountField, DateField, Fields, Receipt, ReceiptField

_SURE, _DOUBTFUL = 0.9, 0.6
_NOTHING = Text("not found", style="dim")


def receipt_table(reading: Reading, receipt: Receipt) -> Table:
    """One receipt: a row for each field."""
    spent = sum(getattr(receipt.timings_ms, name) for name in type(receipt.timings_ms).model_fields)
    origin = "from the cache" if receipt.cached else f"{spent / 1000:.2f} s"
    table = Table(title=str(reading.path), title_justify="left", caption_justify="left")
    table.caption = f"{len(receipt.lines)} lines of text, {origin}"
    table.add_column("Field")
    table.add_column("What it says", overflow="fold")
    table.add_column("Meaning")
    table.add_column("Sure", justify="right")
    for name in FIELD_NAMES:
        field = field_of(receipt.fields, name)
        if field is None:
            table.add_row(name, _NOTHING)
        else:
            table.add_row(name, Text(field.value), meaning(field), confidence(field.confidence))
    return table


def overview_table(readings: Sequence[Reading]) -> Table:
    """Many receipts: a row for each."""
    table = Table()
    table.add_column("File", overflow="fold")
    table.add_column("Company", overflow="fold")
    table.add_column("Date", no_wrap=True)
    table.add_column("Total", justify="right", no_wrap=True)
    table.add_column("Address", overflow="fold")
    table.add_column("Least sure", justify="right")
    names = {reading.path.name for reading in readings}
    for reading in readings:
        shown = reading.path.name if len(names) == len(readings) else str(reading.path)
        if reading.receipt is None:
            table.add_row(shown, Text("not read, see above", style="red"))
        else:
            table.add_row(shown, *_overview(reading.receipt.fields))
    return table


def _overview(fields: Fields) -> list[Text | str]:
    present = [field for name in FIELD_NAMES if (field := field_of(fields, name)) is not None]
    return [
        Text(fields.company.value) if fields.company else _NOTHING,
        (meaning(fields.date) or fields.date.value) if fields.date else _NOTHING,
        (meaning(fields.total) or fields.total.value) if fields.total else _NOTHING,
        Text(fields.address.value) if fields.address else _NOTHING,
        confidence(min(field.confidence for field in present)) if present else "",
    ]


def meaning(field: ReceiptField) -> str:
    """The normalized form of a field, '' where there is none."""
    if isinstance(field, DateField):
        return field.iso or ""
    if isinstance(field, AmountField) and field.amount is not None:
        return f"{field.amount} {field.currency or ''}".strip()
    return "corrected by the directory of merchants" if field.corrected else ""


def confidence(value: float) -> Text:
    """A confidence in per cent, green, yellow or red."""
    style = "green" if value >= _SURE else "yellow" if value >= _DOUBTFUL else "red"
    return Text(f"{value:.0%}", style=style)


def measures_table(measures: dict[str, Any], title: str) -> Table:
    """The measures of an evaluation."""
    table = Table(title=title, title_justify="left")
    table.add_column("Measure")
    for name in ("Precision", "Recall", "F1"):
        table.add_column(name, justify="right")
    task1, task2, task3 = measures["task1"], measures["task2"], measures["task3"]
    table.add_row("Task 1, text found: DetEval", *_row(task1["deteval"]))
    table.add_row("Task 1, text found: IoU 0.5", *_row(task1["iou50"]))
    table.add_row("Task 2, words read: given boxes", *_row(task2["given_boxes"]))
    table.add_row("Task 2, words read: from pixels", *_row(task2["pixels"]), end_section=True)
    for source, words in (("given_text", "given text"), ("pixels", "from pixels")):
        table.add_row(f"Task 3, fields: {words}", *_row(task3[source]["all"]))
        table.add_row("  companies not seen in training", *_row(task3[source]["unseen_company"]))
        for name in FIELD_NAMES:
            table.add_row(f"  {name}", *_row(task3[source][name]))
        table.add_section()
    if "wild" in measures:
        _add_wild_rows(table, measures["wild"])
    table.add_row("Characters wrong, given boxes", "", "", _number(task2["given_boxes"]["cer"]))
    table.add_row("Calibration error of the fields", "", "", _number(measures["trust"]["ece"]))
    table.add_row("Fields that may go straight through", "", "", _number(measures["trust"]["straight_through"]))
    table.add_section()
    seconds = measures["seconds"]
    table.add_row("Receipts", "", "", str(measures["receipts"]))
    table.add_row("  of them refused or failed", "", "", str(measures["failed"]))
    table.add_row("Seconds a receipt, median", "", "", f"{seconds['median']:.2f}")
    table.add_row("Seconds a receipt, 95th percentile", "", "", f"{seconds['p95']:.2f}")
    if "startup" in seconds:
        table.add_row("Seconds to start", "", "", f"{seconds['startup']:.1f}")
        table.add_row("Peak memory, MiB", "", "", f"{measures['peak_memory_mib']:.0f}")
    return table


def _add_wild_rows(table: Table, wild: dict[str, Any]) -> None:
    """What is measured without regard to spaces, where the labels have none."""
    table.add_row("Spaces and case ignored: text found, DetEval", *_row(wild["task1"]["deteval"]))
    table.add_row("  IoU 0.5", *_row(wild["task1"]["iou50"]))
    table.add_row("  whole segments read right", *_row(wild["segments"]))
    table.add_row("  the same, given boxes", *_row(wild["segments_given_boxes"]))
    for name in FIELD_NAMES:
        table.add_row(f"  {name}", *_row(wild[name]))
    table.add_row("  company and address", *_row(wild["company_address"]))
    table.add_row("  total as a number", *_row(wild["total_amount"]))
    table.add_section()


def _row(measure: dict[str, float | None]) -> list[str]:
    last = measure.get("hmean", measure.get("f1"))
    return [_number(measure.get("precision")), _number(measure.get("recall")), _number(last)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def error_tables(records: Sequence[Record]) -> list[Table]:
    """The study of errors: fields, segments, characters."""
    wrong = errors.field_errors(records)
    reasons = Table(title="Wrong fields by reason", title_justify="left")
    reasons.add_column("Reason")
    for name in FIELD_NAMES:
        reasons.add_column(name, justify="right")
    counts = Counter((error.reason, error.field) for error in wrong)
    for reason in sorted({error.reason for error in wrong}, key=lambda one: -sum(counts[one, n] for n in FIELD_NAMES)):
        reasons.add_row(reason, *(str(counts[reason, name] or "") for name in FIELD_NAMES))
    return [_wrong_fields_table(wrong), reasons, _segments_table(records), _confusions_table(records)]


def _wrong_fields_table(wrong: Sequence[errors.FieldError]) -> Table:
    table = Table(title="Wrong fields, the surest first", title_justify="left")
    for name in ("Receipt", "Field", "Right", "Answered", "Sure", "Reason"):
        table.add_column(name, overflow="fold")
    for error in wrong:
        key = f"{error.key} (unseen)" if error.unseen else error.key
        row = (Text(key), error.field, Text(error.label), Text(error.answer))
        table.add_row(*row, confidence(error.confidence), error.reason)
    return table


def _segments_table(records: Sequence[Record]) -> Table:
    table = Table(title="Labeled segments", title_justify="left")
    for name in ("Length", "Outcome", "Count"):
        table.add_column(name, justify="right" if name == "Count" else "left")
    for (length, outcome), count in sorted(errors.segment_errors(records).items()):
        table.add_row(length, outcome, str(count))
    return table


def _confusions_table(records: Sequence[Record], most: int = 25) -> Table:
    counts = errors.confusions(records)
    table = Table(title="Characters misread on labeled boxes", title_justify="left")
    for name in ("Label", "Read", "Kind", "Count"):
        table.add_column(name, justify="right" if name == "Count" else "left")
    kinds: Counter[str] = Counter()
    for (before, after), count in counts.items():
        kinds[errors.confusion_kind(before, after)] += count
    for kind, count in kinds.most_common():
        table.add_row("", "", kind, str(count))
    table.add_section()
    for (before, after), count in counts.most_common(most):
        table.add_row(Text(repr(before)), Text(repr(after)), errors.confusion_kind(before, after), str(count))
    return table
