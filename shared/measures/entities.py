"""Measure of task 3, key information: F1 over the values of company, date, address and total."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from shared.contracts import FIELD_NAMES
from shared.measures.matches import Matches, fold


def same_value(label: str | None, value: str | None) -> bool:
    """Whether a value is right: the same text, case ignored, runs of spaces as one, and not empty."""
    return bool(label) and bool(value) and fold(label or "") == fold(value or "") != ""


def entities_receipt(
    label: Mapping[str, str | None], answer: Mapping[str, str | None], fields: Iterable[str] = FIELD_NAMES
) -> Matches:
    """Compares the values found on one receipt with its labels.

    Args:
        label: Values of the fields; None or '' where the receipt has none.
        answer: Values that were found; a missing key, None and '' all mean that nothing was answered. An answer where
            the label is empty is a wrong one; no answer where there is a label is a miss; neither is no case at all.
        fields: The fields to compare.
    """
    names = list(fields)
    return Matches(
        matched=sum(same_value(label.get(name), answer.get(name)) for name in names),
        labeled=sum(has_value(label.get(name)) for name in names),
        answered=sum(has_value(answer.get(name)) for name in names),
    )


def entities(
    labels: Sequence[Mapping[str, str | None]],
    answers: Sequence[Mapping[str, str | None]],
    fields: Iterable[str] = FIELD_NAMES,
) -> Matches:
    """`entities_receipt` over many receipts, given in the same order; raises ValueError if their numbers differ."""
    names = list(fields)
    pairs = zip(labels, answers, strict=True)
    return sum((entities_receipt(label, answer, names) for label, answer in pairs), Matches())


def has_value(value: str | None) -> bool:
    """Whether there is more than white space."""
    return bool(value and value.strip())
