"""Measures for receipts whose labels have no spaces: texts are compared without spaces and case.

The measures are defined in `shared.measures`. Illegible print is neither required nor counted against the chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from quittance.evaluation.records import Record
from quittance.evaluation.wild_details import score_details
from shared.contracts import FIELD_NAMES
from shared.measures.deteval import measure_deteval, measure_iou
from shared.measures.ignored import select_counted
from shared.measures.matches import Matches
from shared.measures.wild import compare_segments, compare_value, judge_value, stack_quads

# Fields whose value may differ slightly from the label (see `shared.measures.wild`).
_LENIENT_FIELDS = ("company", "address")


def score(records: Sequence[Record]) -> dict[str, Any]:
    """Compute the measures.

    Returns:
        `task1` with `deteval` and `iou50`; `segments` (whole segments found and read correctly) and, for the labeled
        quads, `segments_given_boxes`; `company`, `date`, `address`, `total`, and `company_address` for both together;
        `date_day` (the same day, where the label is a date) and `total_amount` (equal as a number); `subtotal`, `tax`,
        `time`, `phone` and `items`, see `wild_details`. Each has `precision`, `recall` and `f1` or `hmean`.
    """
    labels, found, segments = [], [], Matches()
    for record in records:
        truth, quads = stack_quads(record.label_quads), stack_quads(record.found_quads)
        kept = np.flatnonzero(select_counted(quads, stack_quads(record.ignored), truth))
        labels.append(truth)
        found.append(quads[kept])
        texts = record.found_texts
        segments += compare_segments(truth, record.label_texts, quads[kept], [texts[index] for index in kept])
    fields = {name: _total(_compare_field(record, name) for record in records) for name in FIELD_NAMES}
    return {
        "task1": {"deteval": measure_deteval(labels, found).to_dict(), "iou50": measure_iou(labels, found).to_dict()},
        "segments": segments.to_dict(),
        "segments_given_boxes": _total(_compare_readings(record) for record in records).to_dict(),
        **{name: matches.to_dict() for name, matches in fields.items()},
        "company_address": (fields["company"] + fields["address"]).to_dict(),
        "date_day": _total(_compare_day(record) for record in records).to_dict(),
        "total_amount": _total(_compare_amount(record) for record in records).to_dict(),
        **score_details(records),
    }


def _total(matches: Iterable[Matches]) -> Matches:
    return sum(matches, Matches())


def _compare_field(record: Record, name: str) -> Matches:
    field = record.fields.get(name)
    answer = field.value if field is not None else None
    return compare_value(record.accepted_values(name), answer, similar=name in _LENIENT_FIELDS)


def _compare_readings(record: Record) -> Matches:
    quads = stack_quads(record.label_quads)
    return compare_segments(quads, record.label_texts, quads, record.readings_in_boxes)


def _compare_day(record: Record) -> Matches:
    """Compare the dates as days: a weekday or the order of the parts does not count. Labels that are no date do not."""
    accepted = record.accepted_values("date")
    answer = None if record.fields.date is None else record.fields.date.value
    is_right = judge_value("date", accepted, answer)
    is_labeled = any(text.strip() for text in accepted)
    if is_labeled and is_right is None:
        return Matches()
    return Matches(matched=int(bool(is_right)), labeled=int(is_labeled), answered=int(answer is not None))


def _compare_amount(record: Record) -> Matches:
    """Compare the totals as numbers: currency signs and thousands separators do not count."""
    accepted = {amount for text in record.accepted_values("total") if (amount := _parse_amount(text)) is not None}
    total = record.fields.total
    answer = _parse_amount(total.amount) if total is not None and total.amount is not None else None
    return Matches(
        matched=int(answer is not None and answer in accepted),
        labeled=int(bool(accepted)),
        answered=int(answer is not None),
    )


def _parse_amount(text: str) -> Decimal | None:
    """Return the number in a labeled total such as `$1,052.15`; None if it does not have exactly one."""
    try:
        return Decimal("".join(character for character in text if character.isdigit() or character in ".-"))
    except InvalidOperation:
        return None
