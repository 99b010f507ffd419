"""Error analysis: counts what went wrong in the answers to labeled receipts, by kind.

Works on the records that `quittance evaluate --predictions` writes; runs no model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein

from quittance.evaluation.records import Record
from quittance.evaluation.wild_details import DETAILS, compare_detail, compare_items, find_labels
from shared.arrays import Doubles, Floats
from shared.contracts import FIELD_NAMES, ReceiptField
from shared.look_alikes import are_look_alikes
from shared.measures.deteval import match_by_iou, to_boxes
from shared.measures.entities import has_value, is_same_value
from shared.measures.ignored import select_counted
from shared.measures.matches import fold
from shared.measures.wild import stack_quads

FOUND, MISSED, MERGED, CUT = "found", "missed", "merged with others", "cut or shifted"
UNLABELED = "not labeled"

# Shares of the area of a labeled box.
_COVERED = 0.5
_TOUCHED = 0.1
_SHORT_CHARACTERS = 2
_MISREAD_SIMILARITY = 0.75
_CURRENCY_SYMBOLS = "$€£"


@dataclass(frozen=True)
class FieldError:
    """A field with a wrong or a missing answer.

    Attributes:
        key: Name of the receipt in its data set.
        unseen: Whether its company is on no training receipt; None if the data set does not say.
        field: Name of the field.
        label: The correct value; '' if the receipt does not have the field.
        answer: The answer; '' if there was none.
        confidence: Confidence of the answer, 0 to 1.
        reason: See `explain`.
    """

    key: str
    unseen: bool | None
    field: str
    label: str
    answer: str
    confidence: float
    reason: str


@dataclass(frozen=True)
class SegmentMatches:
    """How the labeled segments of one receipt were found.

    Attributes:
        outcomes: For each label `FOUND`, `MISSED`, `MERGED` or `CUT`.
        unlabeled: Quads that were found where there is no label, (4, 2) each.
    """

    outcomes: list[str]
    unlabeled: list[Floats]


def find_field_errors(records: Iterable[Record]) -> list[FieldError]:
    """Return all wrong fields, the most confident first."""
    errors = []
    for record in records:
        for name in FIELD_NAMES:
            accepted = record.accepted_values(name)
            field = record.fields.get(name)
            label, answer = accepted[0], field.value if field else ""
            if any(is_same_value(one, answer) for one in accepted) or not (has_value(label) or answer):
                continue
            confidence = field.confidence if field else 0.0
            reason = explain(label, answer)
            errors.append(FieldError(record.key, record.unseen_company, name, label, answer, confidence, reason))
        errors += _find_detail_errors(record)
    return sorted(errors, key=lambda error: -error.confidence)


def _find_detail_errors(record: Record) -> Iterator[FieldError]:
    """Yield the wrong ones of the other fields and of the items, where the data set labels them."""
    if record.spaced:
        return
    for name in DETAILS:
        matches = compare_detail(record, name)
        if matches.matched == matches.labeled == matches.answered:
            continue
        field: ReceiptField | None = getattr(record.fields, name)
        label, answer = " / ".join(find_labels(record, name)), field.value if field else ""
        confidence = field.confidence if field else 0.0
        yield FieldError(record.key, record.unseen_company, name, label, answer, confidence, explain(label, answer))
    matches = compare_items(record)
    if matches.matched < max(matches.labeled, matches.answered):
        label, answer = f"{matches.labeled} items", f"{matches.answered} items, {matches.matched} of them right"
        yield FieldError(record.key, record.unseen_company, "items", label, answer, 0.0, "items")


def explain(label: str, answer: str) -> str:
    """Return why an answer is wrong, as far as the two texts show."""
    expected, given = _letters(label), _letters(answer)
    if not given:
        return "not found"
    if not expected:
        return "not on the receipt"
    if expected == given:
        return "punctuation or spaces"
    if _without_currency(expected) == _without_currency(given):
        return "currency symbol"
    if given in expected:
        return "incomplete"
    if expected in given:
        return "too long"
    similarity = Levenshtein.normalized_similarity(expected, given)
    return "misread" if similarity >= _MISREAD_SIMILARITY else "different text"


def count_segments(records: Iterable[Record]) -> Counter[tuple[str, str]]:
    """Count labeled segments by (length, outcome), and the found ones without a label as ('', `UNLABELED`)."""
    counts: Counter[tuple[str, str]] = Counter()
    for record in records:
        matches = match_segments(record)
        for text, outcome in zip(record.label_texts, matches.outcomes, strict=True):
            length = "1 or 2 characters" if len(text) <= _SHORT_CHARACTERS else "longer"
            counts[length, outcome] += 1
        counts["", UNLABELED] += len(matches.unlabeled)
    return counts


def match_segments(record: Record) -> SegmentMatches:
    """Match the found segments of a receipt with the labeled ones.

    A label is `FOUND` if a box matches it at IoU 0.5; otherwise `MERGED` if one box covers it and others, `CUT` if
    boxes touch it, and `MISSED` if none does.
    """
    truth, quads = stack_quads(record.label_quads), stack_quads(record.found_quads)
    quads = quads[select_counted(quads, stack_quads(record.ignored), truth)]
    matched = {label for label, _ in match_by_iou(truth, quads)}
    covered = _covered_shares(to_boxes(truth), to_boxes(quads))
    touched = covered.max(axis=0) if len(truth) and len(quads) else np.zeros(len(quads))
    return SegmentMatches(
        [_outcome(index, matched, covered) for index in range(len(record.labels))],
        [quad for quad, share in zip(quads, touched, strict=True) if share < _TOUCHED],
    )


def _outcome(index: int, matched: set[int], covered: Doubles) -> str:
    if index in matched:
        return FOUND
    if not covered.shape[1] or covered[index].max() < _TOUCHED:
        return MISSED
    best = int(covered[index].argmax())
    labels_in_best = int((covered[:, best] > _COVERED).sum())
    return MERGED if covered[index, best] > _COVERED and labels_in_best > 1 else CUT


def _covered_shares(truth: Doubles, found: Doubles) -> Doubles:
    """Return the share of each of N labeled boxes that each of M found boxes covers, (N, M)."""
    low = np.maximum(truth[:, None, :2], found[None, :, :2])
    high = np.minimum(truth[:, None, 2:], found[None, :, 2:])
    areas = np.maximum((truth[:, 2:] - truth[:, :2]).prod(axis=1), 1e-6)
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2) / areas[:, None])


def count_confusions(records: Sequence[Record]) -> Counter[tuple[str, str]]:
    """Count which characters were read as which in the labeled boxes, ignoring case.

    Keys are (label, reading); '' means an inserted or a lost character.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for record in records:
        for text, reading in zip(record.label_texts, record.given_boxes, strict=False):
            expected, given = fold(text), fold(reading)
            if not record.spaced:
                expected, given = expected.replace(" ", ""), given.replace(" ", "")
            for edit in Levenshtein.editops(expected, given):
                before = "" if edit.tag == "insert" else expected[edit.src_pos]
                after = "" if edit.tag == "delete" else given[edit.dest_pos]
                counts[before, after] += 1
    return counts


def classify_confusion(before: str, after: str) -> str:
    """Return the kind of a confusion."""
    if " " in (before, after):
        return "spaces"
    if are_look_alikes(before.upper(), after.upper()):
        return "look-alikes"
    if all(not character.isalnum() for character in before + after):
        return "punctuation"
    if not before or not after:
        return "lost or invented"
    return "other"


def _letters(text: str) -> str:
    return "".join(character for character in text.upper() if character.isalnum() or character in _CURRENCY_SYMBOLS)


def _without_currency(letters: str) -> str:
    return letters.removeprefix("RM").lstrip(_CURRENCY_SYMBOLS)
