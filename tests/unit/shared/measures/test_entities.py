"""Test the comparison of field values on cases worked by hand."""

from __future__ import annotations

from shared.measures.entities import compare_entities, compare_receipt_entities, is_same_value
from shared.measures.matches import Matches

LABEL = {"company": "BOOK TA .K SDN BHD", "date": "25/12/2018", "address": "", "total": "9.00"}


def test_values_are_equal_up_to_case_and_runs_of_spaces() -> None:
    assert is_same_value("BOOK  TA", " book ta ")
    assert not is_same_value("BOOK TA", "BOOKTA")
    assert not is_same_value("9.00", "9.0")
    assert not is_same_value("", "")
    assert not is_same_value(None, None)
    assert not is_same_value(" ", " ")


def test_counts_empty_labels_and_missing_answers() -> None:
    # Company correct; date wrong, so a miss and a wrong answer; address answered without a label; total unanswered.
    answer = {"company": "Book TA .K SDN BHD", "date": "26/12/2018", "address": "JALAN 1", "total": None}
    assert compare_receipt_entities(LABEL, answer) == Matches(matched=1, labeled=3, answered=3)
    assert compare_receipt_entities(LABEL, {}) == Matches(matched=0, labeled=3, answered=0)
    assert compare_receipt_entities(LABEL, {**LABEL, "address": None}) == Matches(3, 3, 3)


def test_compares_selected_field_of_many_receipts() -> None:
    answers = [{"total": "9.00"}, {"total": "8.00"}]
    result = compare_entities([LABEL, LABEL], answers, ["total"])
    assert result == Matches(1, 2, 2)
