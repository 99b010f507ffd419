"""From what the chain answered on labeled receipts to the measures of the three tasks.

Definitions of the measures are in `shared.measures`; here they meet the answers. The keys of the result are fixed:
other programs read them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

from quittance.evaluation import wild_scores
from shared.contracts import FIELD_NAMES, Fields, Quad, Receipt, ReceiptField
from shared.measures.calibration import expected_calibration_error, straight_through_rate
from shared.measures.deteval import deteval, iou_matches
from shared.measures.entities import entities, has_value, same_value
from shared.measures.matches import Matches
from shared.measures.words import character_error_rate, words


class LabeledLine(BaseModel):
    """A segment as the data set labels it."""

    quad: Quad
    text: str


class Record(BaseModel):
    """One labeled receipt and all that the chain said about it.

    Attributes:
        key: Name of the receipt in its data set.
        unseen_company: Whether its company is in no receipt of the training split; None if the data set does not tell.
        labels: Labeled segments.
        entities: Labeled values of the four fields, '' if absent.
        alternatives: Further values that are right for a field.
        ignored: Quads of print that nobody could read.
        spaced: Whether the labels have the spaces that are printed.
        receipt: What the whole chain answered to the picture; None if it refused it.
        given_boxes: What the recognizer read in each labeled quad, in the order of `labels`.
        given_text: What the extractor found in the labeled segments.
        seconds: From the bytes of the picture to the bytes of the answer.
        problem: Why the chain refused the picture or a stage failed, if so.
    """

    key: str
    unseen_company: bool | None = None
    labels: list[LabeledLine]
    entities: dict[str, str]
    alternatives: dict[str, list[str]] = {}
    ignored: list[Quad] = []
    spaced: bool = True
    receipt: Receipt | None = None
    given_boxes: list[str] = []
    given_text: Fields = Fields()
    seconds: float = 0.0
    problem: str | None = None

    def answered(self) -> Fields:
        """The fields found in the picture; none if it was refused."""
        return self.receipt.fields if self.receipt else Fields()


def score(records: Sequence[Record]) -> dict[str, Any]:
    """The measures of the three tasks, of trust and of speed.

    Args:
        records: At least one; receipts that the chain refused count as receipts on which nothing was found.

    Returns:
        Nested objects of numbers from 0 to 1, `receipts` (a count) and `seconds`. Where labels leave out the spaces,
        which these measures take for mistakes, there is `wild` too (see `quittance.evaluation.wild_scores`). A measure
        over no receipts at all, such as those of unseen companies where the data set tells of none, is None.
    """
    seconds = np.array([record.seconds for record in records])
    unspaced = [record for record in records if not record.spaced]
    wild = {"wild": wild_scores.score(unspaced)} if unspaced else {}
    return {
        **wild,
        "task1": _task1(records),
        "task2": _task2(records),
        "task3": {
            "given_text": _task3(records, lambda record: record.given_text),
            "pixels": _task3(records, Record.answered),
        },
        "trust": _trust(records),
        "receipts": len(records),
        "seconds": {"median": float(np.median(seconds)), "p95": float(np.percentile(seconds, 95))},
    }


def values(fields: Fields) -> dict[str, str | None]:
    """The text of each field, None where it was not found."""
    return {name: field.value if (field := field_of(fields, name)) else None for name in FIELD_NAMES}


def field_of(fields: Fields, name: str) -> ReceiptField | None:
    """One of the four fields by its name."""
    field: ReceiptField | None = getattr(fields, name)
    return field


def _task1(records: Sequence[Record]) -> dict[str, Any]:
    labels = [[line.quad for line in record.labels] for record in records]
    found = [[line.quad for line in record.receipt.lines] if record.receipt else [] for record in records]
    return {"deteval": deteval(labels, found).as_dict(), "iou50": iou_matches(labels, found).as_dict()}


def _task2(records: Sequence[Record]) -> dict[str, Any]:
    labels = [[line.text for line in record.labels] for record in records]
    # A stage that failed has read nothing: one empty text a label keeps the pairs of the error rate together.
    given = [record.given_boxes or [""] * len(record.labels) for record in records]
    pixels = [[line.text for line in record.receipt.lines] if record.receipt else [] for record in records]
    flat_labels, flat_given = ([text for texts in lists for text in texts] for lists in (labels, given))
    error_rate = character_error_rate(flat_labels, flat_given)
    return {
        "given_boxes": {**words(labels, given).as_dict(), "cer": error_rate},
        "pixels": words(labels, pixels).as_dict(),
    }


def _task3(records: Sequence[Record], answer: Callable[[Record], Fields]) -> dict[str, Any]:
    def compare(some: Sequence[Record], *names: str) -> Matches:
        answers = [values(answer(record)) for record in some]
        return entities([record.entities for record in some], answers, names or FIELD_NAMES)

    unseen = [record for record in records if record.unseen_company]
    nothing = dict.fromkeys(Matches().as_dict())
    return {
        "all": compare(records).as_dict(),
        "unseen_company": compare(unseen).as_dict() if unseen else nothing,
        **{name: {"f1": compare(records, name).f1} for name in FIELD_NAMES},
    }


def _trust(records: Sequence[Record]) -> dict[str, float]:
    confidences, correct, cases = [], [], 0
    for record in records:
        for name in FIELD_NAMES:
            field, label = field_of(record.answered(), name), record.entities.get(name)
            cases += field is not None or has_value(label)
            if field is not None:
                confidences.append(field.confidence)
                correct.append(same_value(label, field.value))
    return {
        "ece": expected_calibration_error(confidences, correct),
        "straight_through": straight_through_rate(confidences, correct, cases),
    }
