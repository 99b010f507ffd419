"""Measures of task 2, text recognition: F1 over words, and the character error rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from shared.measures.matches import Matches, fold


def words_receipt(labels: Iterable[str], read: Iterable[str]) -> Matches:
    """Compares the words read on one receipt with those in its labels.

    A word is what stands between white space; case is ignored. Words are a multiset: place and order do not matter,
    but a word that occurs twice must be read twice.

    Args:
        labels: Labeled texts of the receipt, of a word or more each.
        read: Texts that were read, of a word or more each, not necessarily as many.
    """
    expected, found = _count(labels), _count(read)
    return Matches((expected & found).total(), expected.total(), found.total())


def words(labels: Sequence[Iterable[str]], read: Sequence[Iterable[str]]) -> Matches:
    """`words_receipt` over many receipts, given in the same order; raises ValueError if their numbers differ."""
    pairs = zip(labels, read, strict=True)
    return sum((words_receipt(expected, found) for expected, found in pairs), Matches())


def edit_distance(first: str, second: str) -> int:
    """Levenshtein distance: the fewest insertions, deletions and substitutions that turn one text into the other."""
    if not first or not second:
        return len(first) + len(second)
    codes = np.array([ord(character) for character in second])
    steps = np.arange(len(second) + 1)
    row = steps.copy()
    for character in first:
        upper = np.concatenate([[row[0] + 1], np.minimum(row[1:] + 1, row[:-1] + (codes != ord(character)))])
        # Insertions run along the row: least of upper[k] + (j - k) over k <= j, for all j at once.
        row = np.minimum.accumulate(upper - steps) + steps
    return int(row[-1])


def character_error_rate(labels: Sequence[str], read: Sequence[str]) -> float:
    """Edits needed for each labeled character, over all texts together.

    Case is ignored and a run of spaces counts as one.

    Args:
        labels: Labeled texts.
        read: What was read for each of them, in the same order.

    Returns:
        0 if all is right; above 1 if more had to be edited than there is. 0 if there are no labeled characters and
        none were read.

    Raises:
        ValueError: If the numbers of texts differ.
    """
    pairs = [(fold(label), fold(text)) for label, text in zip(labels, read, strict=True)]
    edits = sum(edit_distance(label, text) for label, text in pairs if label != text)
    return edits / max(1, sum(len(label) for label, _ in pairs))


def _count(texts: Iterable[str]) -> Counter[str]:
    return Counter(word for text in texts for word in fold(text).split())
