"""Measure text recognition (task 2): F1 over words, and the character error rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rapidfuzz.distance import Levenshtein

from shared.measures.matches import Matches, fold


def compare_receipt_words(labels: Iterable[str], read: Iterable[str]) -> Matches:
    """Compare the words read on one receipt with its labels.

    Words are separated by white space, and case is ignored. They form a multiset: position and order do not matter, but
    a word that occurs twice must be read twice.

    Args:
        labels: Labeled texts of one or more words.
        read: Readings of one or more words; their number may differ.
    """
    expected, found = _count(labels), _count(read)
    return Matches((expected & found).total(), expected.total(), found.total())


def compare_words(labels: Sequence[Iterable[str]], read: Sequence[Iterable[str]]) -> Matches:
    """Compare the words read on many receipts with their labels, as `compare_receipt_words` does.

    Raises:
        ValueError: If the numbers of receipts differ.
    """
    pairs = zip(labels, read, strict=True)
    return sum((compare_receipt_words(expected, found) for expected, found in pairs), Matches())


def compute_character_error_rate(labels: Sequence[str], read: Sequence[str]) -> float:
    """Compute the edits per labeled character over all texts.

    Case is ignored, and a run of spaces counts as one.

    Args:
        labels: Labeled texts.
        read: Readings in the same order.

    Returns:
        0 if everything is correct; above 1 if there are more edits than labeled characters. If there are no labeled
        characters, the number of edits.

    Raises:
        ValueError: If the numbers of texts differ.
    """
    pairs = [(fold(label), fold(text)) for label, text in zip(labels, read, strict=True)]
    edits = sum(Levenshtein.distance(label, text) for label, text in pairs)
    return edits / max(1, sum(len(label) for label, _ in pairs))


def _count(texts: Iterable[str]) -> Counter[str]:
    return Counter(word for text in texts for word in fold(text).split())
