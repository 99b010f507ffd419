"""Words, characters, fields and trust, on cases worked by hand."""

from __future__ import annotations

import random

import pytest

from shared.measures.calibration import expected_calibration_error, straight_through_rate
from shared.measures.entities import entities, entities_receipt, same_value
from shared.measures.matches import Matches
from shared.measures.words import character_error_rate, edit_distance, words, words_receipt


def test_words_are_a_multiset_across_segments() -> None:
    # TAX twice in the labels, read once; CASH was read as CASHH.
    result = words_receipt(["TAX INVOICE", "TAX", "CASH"], ["INVOICE", "tax  CASHH"])
    assert result == Matches(matched=2, labeled=4, answered=3)
    assert result.precision == pytest.approx(2 / 3)
    assert result.recall == pytest.approx(0.5)
    assert result.f1 == pytest.approx(4 / 7)


def test_words_of_another_receipt_do_not_help() -> None:
    assert words([["A"], ["B"]], [["B"], ["A"]]).f1 == 0.0


def test_sums_run_over_all_receipts_before_the_division() -> None:
    result = words([["A"], ["B C D"]], [["A"], [""]])
    assert (result.precision, result.recall) == (1.0, 0.25)


@pytest.mark.parametrize(
    ("result", "precision", "recall", "f1"),
    [(Matches(), 1, 1, 1), (Matches(labeled=3), 0, 0, 0), (Matches(answered=3), 0, 1, 0)],
)
def test_nothing_labeled_or_nothing_answered(result: Matches, precision: float, recall: float, f1: float) -> None:
    assert result.as_dict() == {"precision": precision, "recall": recall, "f1": f1}


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("", "", 0), ("", "AB", 2), ("KITTEN", "SITTING", 3), ("9.00", "9.O0", 1), ("ABCD", "BCDE", 2), ("A", "B", 1)],
)
def test_edit_distance(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == distance
    assert edit_distance(second, first) == distance


def _slow_edit_distance(first: str, second: str) -> int:
    previous = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        current = [i]
        for j, b in enumerate(second, start=1):
            current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (a != b)))
        previous = current
    return previous[-1]


def test_edit_distance_agrees_with_the_textbook() -> None:
    generator = random.Random(3)
    for _ in range(100):
        first = "".join(generator.choices("AB1", k=generator.randint(0, 12)))
        second = "".join(generator.choices("AB1", k=generator.randint(0, 12)))
        assert edit_distance(first, second) == _slow_edit_distance(first, second)


def test_character_error_rate_weighs_texts_by_their_length() -> None:
    # 1 edit of 4 characters, 0 of 6: not the mean of 0.25 and 0.
    assert character_error_rate(["9.00", "TOTAL:"], ["9.0O", "total:"]) == pytest.approx(0.1)
    assert character_error_rate(["A  B"], [" A B "]) == 0.0
    assert character_error_rate([], []) == 0.0
    assert character_error_rate([""], ["AB"]) == 2.0
    with pytest.raises(ValueError, match="zip"):
        character_error_rate(["A"], [])


LABEL = {"company": "BOOK TA .K SDN BHD", "date": "25/12/2018", "address": "", "total": "9.00"}


def test_fields_are_compared_exactly_but_for_case_and_runs_of_spaces() -> None:
    assert same_value("BOOK  TA", " book ta ")
    assert not same_value("BOOK TA", "BOOKTA")
    assert not same_value("9.00", "9.0")
    assert not same_value("", "")
    assert not same_value(None, None)
    assert not same_value(" ", " ")


def test_empty_labels_and_missing_answers() -> None:
    # company right; date wrong: a miss and a false answer; address answered without a label; total not answered.
    answer = {"company": "Book TA .K SDN BHD", "date": "26/12/2018", "address": "JALAN 1", "total": None}
    assert entities_receipt(LABEL, answer) == Matches(matched=1, labeled=3, answered=3)
    assert entities_receipt(LABEL, {}) == Matches(matched=0, labeled=3, answered=0)
    assert entities_receipt(LABEL, {**LABEL, "address": None}) == Matches(3, 3, 3)


def test_one_field_of_many_receipts() -> None:
    answers = [{"total": "9.00"}, {"total": "8.00"}]
    result = entities([LABEL, LABEL], answers, ["total"])
    assert result == Matches(1, 2, 2)


def test_calibration_error_by_hand() -> None:
    # Bin (0.9, 1]: confidences 0.95 and 0.95, one right: gap 0.45. Bin (0.5, 0.6]: 0.6, right: gap 0.4.
    assert expected_calibration_error([0.95, 0.95, 0.6], [True, False, True]) == pytest.approx((2 * 0.45 + 0.4) / 3)
    assert expected_calibration_error([1.0, 0.0], [True, False]) == 0.0
    assert expected_calibration_error([], []) == 0.0


def test_calibration_bins_are_closed_on_the_right() -> None:
    # 0.5 belongs to (0.4, 0.5]: with 0.45 its surplus cancels, in (0.5, 0.6] it would not.
    assert expected_calibration_error([0.5, 0.5], [True, False]) == 0.0
    assert expected_calibration_error([0.5, 0.51], [True, False]) == pytest.approx((0.5 + 0.51) / 2)


def test_calibration_refuses_what_is_no_confidence() -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        expected_calibration_error([1.2], [True])
    with pytest.raises(ValueError, match="2 confidences but 1"):
        straight_through_rate([0.5, 0.4], [True])


def test_straight_through_takes_the_lowest_threshold_that_is_good_enough() -> None:
    # Right down to 0.6, wrong at 0.5, then right again: at 0.4 only 4 of 5 are right.
    assert straight_through_rate([0.9, 0.8, 0.6, 0.5, 0.4], [1, 1, 1, 0, 1]) == pytest.approx(0.6)
    # With 0.8 of accuracy asked for, all can go.
    assert straight_through_rate([0.9, 0.8, 0.6, 0.5, 0.4], [1, 1, 1, 0, 1], accuracy=0.8) == 1.0


def test_straight_through_may_pass_an_early_mistake() -> None:
    # The most confident answer is wrong, but over all 100 answers 99 are right.
    confidences = [0.99, *[0.5] * 99]
    assert straight_through_rate(confidences, [0, *[1] * 99]) == 1.0


def test_equal_confidences_are_accepted_together() -> None:
    assert straight_through_rate([0.9, 0.9, 0.9], [1, 1, 0]) == 0.0


def test_unanswered_fields_cannot_go_straight_through() -> None:
    assert straight_through_rate([0.9], [1], cases=4) == 0.25
    assert straight_through_rate([], [], cases=4) == 0.0
    with pytest.raises(ValueError, match="2 answers to 1 cases"):
        straight_through_rate([0.9, 0.8], [1, 1], cases=1)
