"""Measure key information (task 3): F1 over the values of company, date, address and total."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from shared.contracts import FIELD_NAMES
from shared.measures.matches import Matches, fold


def is_same_value(label: str | None, value: str | None) -> bool:
    """Return whether a value is correct: not empty, and equal up to case and runs of spaces."""
    return bool(label) and bool(value) and fold(label or "") == fold(value or "") != ""


def compare_receipt_entities(
    label: Mapping[str, str | None], answer: Mapping[str, str | None], fields: Iterable[str] = FIELD_NAMES
) -> Matches:
    """Compare the values found on one receipt with its labels.

    An answer without a label is wrong, and a label without an answer is a miss. A field with neither does not count.

    Args:
        label: Values of the fields; None or '' if the receipt has none.
        answer: Values found; a missing key, None and '' all mean no answer.
        fields: Fields to compare.
    """
    names = list(fields)
    return Matches(
        matched=sum(is_same_value(label.get(name), answer.get(name)) for name in names),
        labeled=sum(has_value(label.get(name)) for name in names),
        answered=sum(has_value(answer.get(name)) for name in names),
    )


def compare_entities(
    labels: Sequence[Mapping[str, str | None]],
    answers: Sequence[Mapping[str, str | None]],
    fields: Iterable[str] = FIELD_NAMES,
) -> Matches:
    """Compare the values found on many receipts with their labels, as `compare_receipt_entities` does.

    Raises:
        ValueError: If the numbers of receipts differ.
    """
    names = list(fields)
    pairs = zip(labels, answers, strict=True)
    return sum((compare_receipt_entities(label, answer, names) for label, answer in pairs), Matches())


def has_value(value: str | None) -> bool:
    """Return whether a value is more than white space."""
    return bool(value and value.strip())
