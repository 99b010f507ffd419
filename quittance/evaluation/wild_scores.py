"""Measures on receipts whose labels leave out the spaces: text compared without spaces and case.

Definitions are in `shared.measures`. What the labels say is to be ignored is neither asked for nor held against the
chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.contracts import FIELD_NAMES
from shared.measures.deteval import deteval, iou_matches
from shared.measures.ignored import counted
from shared.measures.matches import Matches
from shared.measures.wild import boxes_of, segments_read, value_found

if TYPE_CHECKING:
    from quittance.evaluation.scores import Record

_SIMILAR_IS_RIGHT = ("company", "address")


def score(records: Sequence[Record]) -> dict[str, Any]:
    """The measures of some records.

    Returns:
        `task1` with `deteval` and `iou50`; `segments` (whole segments found and read right) and the same with
        `segments_given_boxes`; `company`, `date`, `address`, `total`, and `company_address` of both together;
        `total_amount` (equal as a number); each with `precision`, `recall` and `f1` or `hmean`.
    """
    labels, found, read = [], [], Matches()
    for record in records:
        truth, texts = boxes_of([line.quad for line in record.labels]), [line.text for line in record.labels]
        lines = record.receipt.lines if record.receipt else []
        quads = boxes_of([line.quad for line in lines])
        kept = np.flatnonzero(counted(quads, boxes_of(record.ignored), truth))
        labels.append(truth)
        found.append(quads[kept])
        read += segments_read(truth, texts, quads[kept], [lines[index].text for index in kept])
    fields = {name: _field(records, name) for name in FIELD_NAMES}
    return {
        "task1": {"deteval": deteval(labels, found).as_dict(), "iou50": iou_matches(labels, found).as_dict()},
        "segments": read.as_dict(),
        "segments_given_boxes": sum((_given_boxes(record) for record in records), Matches()).as_dict(),
        **{name: matches.as_dict() for name, matches in fields.items()},
        "company_address": (fields["company"] + fields["address"]).as_dict(),
        "total_amount": sum((_amount(record) for record in records), Matches()).as_dict(),
    }


def _field(records: Sequence[Record], name: str) -> Matches:
    similar = name in _SIMILAR_IS_RIGHT
    return sum((value_found(_accepted(one, name), _answer(one, name), similar=similar) for one in records), Matches())


def _accepted(record: Record, name: str) -> list[str]:
    return [record.entities.get(name, ""), *record.alternatives.get(name, [])]


def _answer(record: Record, name: str) -> str | None:
    field = getattr(record.answered(), name)
    return field.value if field is not None else None


def _given_boxes(record: Record) -> Matches:
    quads = boxes_of([line.quad for line in record.labels])
    given = record.given_boxes or [""] * len(record.labels)
    return segments_read(quads, [line.text for line in record.labels], quads, given)


def _amount(record: Record) -> Matches:
    """The total as a number: signs of currency and separators of thousands do not count."""
    wanted = {amount for text in _accepted(record, "total") if (amount := _decimal(text)) is not None}
    total = record.answered().total
    given = _decimal(total.amount) if total is not None and total.amount is not None else None
    right = given is not None and given in wanted
    return Matches(matched=int(right), labeled=int(bool(wanted)), answered=int(given is not None))


def _decimal(text: str) -> Decimal | None:
    """The number in a labeled total such as `$1,052.15`; None where it is no plain one."""
    try:
        return Decimal("".join(character for character in text if character.isdigit() or character in ".-"))
    except InvalidOperation:
        return None
