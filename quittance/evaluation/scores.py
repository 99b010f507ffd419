"""Turns the records of an evaluation into the measures of the three tasks, of trust and of speed.

The measures are defined in `shared.measures`. The keys of the result are fixed, because other programs read them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from quittance.evaluation import wild_scores
from quittance.evaluation.records import Record
from shared.contracts import FIELD_NAMES, Fields
from shared.measures.calibration import compute_calibration_error, compute_straight_through_rate
from shared.measures.deteval import measure_deteval, measure_iou
from shared.measures.entities import compare_entities, has_value, is_same_value
from shared.measures.matches import Matches
from shared.measures.wild import judge_value
from shared.measures.words import compare_words, compute_character_error_rate


def score(records: Sequence[Record]) -> dict[str, Any]:
    """Compute all measures.

    Args:
        records: At least one. A rejected receipt counts as a receipt on which nothing was found.

    Returns:
        Nested objects of numbers from 0 to 1, `receipts` (a count) and `seconds`. If some labels have no spaces, which
        these measures count as mistakes, there is also `wild` (see `quittance.evaluation.wild_scores`). A measure over
        no receipts is None, for example that of unseen companies if the data set does not name them.
    """
    seconds = np.array([record.seconds for record in records])
    unspaced = [record for record in records if not record.spaced]
    wild = {"wild": wild_scores.score(unspaced)} if unspaced else {}
    return {
        **wild,
        "task1": _score_localization(records),
        "task2": _score_recognition(records),
        "task3": {
            "given_text": _score_fields(records, lambda record: record.given_text),
            "pixels": _score_fields(records, lambda record: record.fields),
        },
        "trust": _score_trust(records),
        "receipts": len(records),
        "seconds": {"median": float(np.median(seconds)), "p95": float(np.percentile(seconds, 95))},
    }


def field_values(fields: Fields) -> dict[str, str | None]:
    """Return the value of each field; None if it was not found."""
    return {name: field.value if (field := fields.get(name)) else None for name in FIELD_NAMES}


def _score_localization(records: Sequence[Record]) -> dict[str, Any]:
    labels = [record.label_quads for record in records]
    found = [record.found_quads for record in records]
    return {"deteval": measure_deteval(labels, found).to_dict(), "iou50": measure_iou(labels, found).to_dict()}


def _score_recognition(records: Sequence[Record]) -> dict[str, Any]:
    labels = [record.label_texts for record in records]
    given = [record.readings_in_boxes for record in records]
    pixels = [record.found_texts for record in records]
    flat_labels, flat_given = ([text for texts in lists for text in texts] for lists in (labels, given))
    return {
        "given_boxes": {
            **compare_words(labels, given).to_dict(),
            "cer": compute_character_error_rate(flat_labels, flat_given),
        },
        "pixels": compare_words(labels, pixels).to_dict(),
    }


def _score_fields(records: Sequence[Record], fields_of: Callable[[Record], Fields]) -> dict[str, Any]:
    def compare(some: Sequence[Record], *names: str) -> Matches:
        answers = [field_values(fields_of(record)) for record in some]
        return compare_entities([record.entities for record in some], answers, names or FIELD_NAMES)

    unseen = [record for record in records if record.unseen_company]
    unknown = dict.fromkeys(Matches().to_dict())
    return {
        "all": compare(records).to_dict(),
        "unseen_company": compare(unseen).to_dict() if unseen else unknown,
        **{name: {"f1": compare(records, name).f1} for name in FIELD_NAMES},
    }


def _score_trust(records: Sequence[Record]) -> dict[str, float]:
    confidences, correct, cases = [], [], 0
    for record in records:
        for name in FIELD_NAMES:
            field, label = record.fields.get(name), record.entities.get(name)
            if record.spaced:
                right = None if field is None else is_same_value(label, field.value)
                cases += field is not None or has_value(label)
            else:
                answer = None if field is None else field.value
                right = judge_value(name, record.accepted_values(name), answer)
                cases += right is not None
            if field is not None and right is not None:
                confidences.append(field.confidence)
                correct.append(right)
    return {
        "ece": compute_calibration_error(confidences, correct),
        "straight_through": compute_straight_through_rate(confidences, correct, cases),
    }
