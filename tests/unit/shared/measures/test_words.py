"""Test word F1 and character error rate on cases worked by hand."""

from __future__ import annotations

import pytest

from shared.measures.matches import Matches
from shared.measures.words import compare_receipt_words, compare_words, compute_character_error_rate


def test_words_are_a_multiset_across_segments() -> None:
    # TAX is labeled twice and read once; CASH is read as CASHH.
    result = compare_receipt_words(["TAX INVOICE", "TAX", "CASH"], ["INVOICE", "tax  CASHH"])
    assert result == Matches(matched=2, labeled=4, answered=3)
    assert result.precision == pytest.approx(2 / 3)
    assert result.recall == pytest.approx(0.5)
    assert result.f1 == pytest.approx(4 / 7)


def test_words_of_another_receipt_do_not_match() -> None:
    assert compare_words([["A"], ["B"]], [["B"], ["A"]]).f1 == 0.0


def test_sums_over_receipts_before_division() -> None:
    result = compare_words([["A"], ["B C D"]], [["A"], [""]])
    assert (result.precision, result.recall) == (1.0, 0.25)


def test_character_error_rate_weighs_texts_by_length() -> None:
    # 1 edit in 4 characters and 0 in 6, not the mean of 0.25 and 0.
    assert compute_character_error_rate(["9.00", "TOTAL:"], ["9.0O", "total:"]) == pytest.approx(0.1)
    assert compute_character_error_rate(["A  B"], [" A B "]) == 0.0
    assert compute_character_error_rate([], []) == 0.0
    assert compute_character_error_rate([""], ["AB"]) == 2.0
    with pytest.raises(ValueError, match="zip"):
        compute_character_error_rate(["A"], [])
