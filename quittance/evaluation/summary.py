"""The measures of an evaluation as labeled rows, for the terminal and for the HTML report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.contracts import FIELD_NAMES


class MeasureRow(NamedTuple):
    """One measure; its numbers are from 0 to 1 and None where the measure has no such number or no receipts."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None

    @property
    def numbers(self) -> tuple[str, str, str]:
        """Precision, recall and F1 as text."""
        return _four_digits(self.precision), _four_digits(self.recall), _four_digits(self.f1)


def task_rows(measures: Mapping[str, Any]) -> list[list[MeasureRow]]:
    """Return the measures that have a precision, a recall or an F1, in sections."""
    task1, task2, task3 = measures["task1"], measures["task2"], measures["task3"]
    sections = [
        [
            _row("Task 1, text localization: DetEval", task1["deteval"]),
            _row("Task 1, text localization: IoU 0.5", task1["iou50"]),
            _row("Task 2, words: given boxes", task2["given_boxes"]),
            _row("Task 2, words: from pixels", task2["pixels"]),
        ],
        *(
            [
                _row(f"Task 3, fields: {source}", task3[key]["all"]),
                _row("  companies not in the training data", task3[key]["unseen_company"]),
                *(_row(f"  {name}", task3[key][name]) for name in FIELD_NAMES),
            ]
            for key, source in (("given_text", "given text"), ("pixels", "from pixels"))
        ),
    ]
    if "wild" in measures:
        sections.append(list(_wild_rows(measures["wild"])))
    return sections


def _wild_rows(wild: Mapping[str, Any]) -> Iterator[MeasureRow]:
    yield _row("Ignoring spaces and case: DetEval", wild["task1"]["deteval"])
    yield _row("  IoU 0.5", wild["task1"]["iou50"])
    yield _row("  whole segments", wild["segments"])
    yield _row("  whole segments, given boxes", wild["segments_given_boxes"])
    for name in FIELD_NAMES:
        yield _row(f"  {name}", wild[name])
    yield _row("  company and address", wild["company_address"])
    yield _row("  date as a day", wild["date_day"])
    yield _row("  total as a number", wild["total_amount"])
    for detail in ("subtotal", "tax", "time", "phone", "items"):
        yield _row(f"  {detail}", wild[detail])


def trust_rows(measures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return labels and texts of the character error rate and of the measures of trust."""
    return [
        ("Character error rate, given boxes", _four_digits(measures["task2"]["given_boxes"]["cer"])),
        ("Expected calibration error of the fields", _four_digits(measures["trust"]["ece"])),
        ("Straight-through rate at 99% precision", _four_digits(measures["trust"]["straight_through"])),
    ]


def run_rows(measures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return labels and texts of what the run took; startup and memory only if a model ran."""
    seconds = measures["seconds"]
    rows = [
        ("Receipts", str(measures["receipts"])),
        ("Rejected or failed", str(measures["failed"])),
        ("Seconds per receipt, median", f"{seconds['median']:.2f}"),
        ("Seconds per receipt, 95th percentile", f"{seconds['p95']:.2f}"),
    ]
    if "startup" in seconds:
        rows += [
            ("Startup, seconds", f"{seconds['startup']:.1f}"),
            ("Peak memory, MiB", f"{measures['peak_memory_mib']:.0f}"),
        ]
    return rows


def _row(label: str, measure: Mapping[str, float | None]) -> MeasureRow:
    last = measure.get("hmean", measure.get("f1"))
    return MeasureRow(label, measure.get("precision"), measure.get("recall"), last)


def _four_digits(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
