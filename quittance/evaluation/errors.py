"""The study of errors: what went wrong in the answers to labeled receipts, counted by kind.

Works on the records that `quittance evaluate --predictions` writes; no model is run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein

from quittance.evaluation.scores import Record, field_of
from shared.contracts import FIELD_NAMES
from shared.look_alikes import are_look_alikes
from shared.measures.deteval import as_boxes, iou_pairs
from shared.measures.entities import has_value, same_value
from shared.measures.ignored import counted
from shared.measures.matches import fold
from shared.measures.wild import boxes_of

_COVERED = 0.5
_TOUCHED = 0.1
_SHORT = 2


@dataclass(frozen=True)
class FieldError:
    """A field that was answered wrongly or not at all.

    Attributes:
        key: The receipt.
        unseen: Whether its company is in no training receipt; None if the data set does not tell.
        field: Which field.
        label: What is right, '' if the receipt does not have it.
        answer: What was answered, '' for nothing.
        confidence: Of the answer, 0 to 1.
        reason: See `reason`.
    """

    key: str
    unseen: bool | None
    field: str
    label: str
    answer: str
    confidence: float
    reason: str


def field_errors(records: Iterable[Record]) -> list[FieldError]:
    """All fields that were answered wrongly, the surest first."""
    errors = []
    for record in records:
        for name in FIELD_NAMES:
            label = record.entities.get(name) or ""
            accepted = [label, *record.alternatives.get(name, [])]
            found = field_of(record.answered(), name)
            answer = found.value if found else ""
            if any(same_value(one, answer) for one in accepted) or not (has_value(label) or answer):
                continue
            sure = found.confidence if found else 0.0
            errors.append(
                FieldError(record.key, record.unseen_company, name, label, answer, sure, reason(label, answer))
            )
    return sorted(errors, key=lambda error: -error.confidence)


def reason(label: str, answer: str) -> str:
    """Why an answer is wrong, as far as both texts tell."""
    wanted, given = _letters(label), _letters(answer)
    if not given:
        return "not found"
    if not wanted:
        return "not on the receipt"
    if wanted == given:
        return "punctuation or spaces"
    if _without_sign(wanted) == _without_sign(given):
        return "currency sign"
    if given in wanted:
        return "part missing"
    if wanted in given:
        return "too much taken"
    similar = Levenshtein.normalized_similarity(wanted, given)
    return "misread" if similar >= 0.75 else "something else"


def segment_errors(records: Iterable[Record]) -> Counter[tuple[str, str]]:
    """How labeled segments were found, by (length, outcome); `found without a label` has the length ''.

    A segment is found if a box matches it at IoU 0.5; else joined if one box covers it and others, cut up or off if
    boxes touch it, and missed if none does.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for record in records:
        found = found_segments(record)
        for line, outcome in zip(record.labels, found.outcomes, strict=True):
            counts["1 or 2 characters" if len(line.text) <= _SHORT else "longer", outcome] += 1
        counts["", "found without a label"] += len(found.unlabeled)
    return counts


@dataclass(frozen=True)
class FoundSegments:
    """How the labeled segments of one receipt were found.

    Attributes:
        outcomes: For each label: `found`, `missed`, `joined with others`, `cut up or off`.
        unlabeled: Quads, (4, 2) each, that were found where no label is.
    """

    outcomes: list[str]
    unlabeled: list[np.ndarray]


def found_segments(record: Record) -> FoundSegments:
    """How the labeled segments of a receipt were found; see `segment_errors`."""
    truth = boxes_of([line.quad for line in record.labels])
    quads = boxes_of([line.quad for line in (record.receipt.lines if record.receipt else [])])
    quads = quads[counted(quads, boxes_of(record.ignored), truth)]
    matched = {label for label, _ in iou_pairs(truth, quads)}
    covered = _covered(as_boxes(truth), as_boxes(quads))
    touched = covered.max(axis=0) if len(truth) and len(quads) else np.zeros(len(quads))
    return FoundSegments(
        [_outcome(index, matched, covered) for index in range(len(record.labels))],
        [quad for quad, part in zip(quads, touched, strict=True) if part < _TOUCHED],
    )


def _outcome(index: int, matched: set[int], covered: np.ndarray) -> str:
    if index in matched:
        return "found"
    if not covered.shape[1] or covered[index].max() < _TOUCHED:
        return "missed"
    best = int(covered[index].argmax())
    together = int((covered[:, best] > _COVERED).sum())
    return "joined with others" if covered[index, best] > _COVERED and together > 1 else "cut up or off"


def _covered(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Share of each of N labeled boxes that each of M found ones covers, (N, M)."""
    low = np.maximum(truth[:, None, :2], found[None, :, :2])
    high = np.minimum(truth[:, None, 2:], found[None, :, 2:])
    areas = np.maximum((truth[:, 2:] - truth[:, :2]).prod(axis=1), 1e-6)
    return np.asarray(np.clip(high - low, 0, None).prod(axis=2) / areas[:, None])


def confusions(records: Sequence[Record]) -> Counter[tuple[str, str]]:
    """What was read for what on the labeled boxes, case ignored: (label, reading), '' for nothing."""
    counts: Counter[tuple[str, str]] = Counter()
    for record in records:
        for line, read in zip(record.labels, record.given_boxes, strict=False):
            wanted, given = fold(line.text), fold(read)
            if not record.spaced:
                wanted, given = wanted.replace(" ", ""), given.replace(" ", "")
            for edit in Levenshtein.editops(wanted, given):
                before = "" if edit.tag == "insert" else wanted[edit.src_pos]
                after = "" if edit.tag == "delete" else given[edit.dest_pos]
                counts[before, after] += 1
    return counts


def confusion_kind(before: str, after: str) -> str:
    """The kind of a confusion."""
    if " " in (before, after):
        return "spaces"
    if are_look_alikes(before.upper(), after.upper()):
        return "look-alikes"
    if all(not character.isalnum() for character in before + after):
        return "punctuation"
    if not before or not after:
        return "lost or invented"
    return "others"


def _letters(text: str) -> str:
    return "".join(character for character in text.upper() if character.isalnum() or character in "$€£")


def _without_sign(letters: str) -> str:
    return letters.removeprefix("RM").lstrip("$€£")
