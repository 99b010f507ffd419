"""Test calibration error and straight-through rate on cases worked by hand."""

from __future__ import annotations

import pytest

from shared.measures.calibration import compute_calibration_error, compute_straight_through_rate


def test_calibration_error_is_mean_gap_of_bins() -> None:
    # Bin (0.9, 1]: confidences 0.95 and 0.95, one correct, gap 0.45. Bin (0.5, 0.6]: 0.6, correct, gap 0.4.
    assert compute_calibration_error([0.95, 0.95, 0.6], [True, False, True]) == pytest.approx((2 * 0.45 + 0.4) / 3)
    assert compute_calibration_error([1.0, 0.0], [True, False]) == 0.0
    assert compute_calibration_error([], []) == 0.0


def test_calibration_bins_are_closed_on_right() -> None:
    # 0.5 belongs to (0.4, 0.5], where the gaps of both answers cancel.
    assert compute_calibration_error([0.5, 0.5], [True, False]) == 0.0
    assert compute_calibration_error([0.5, 0.51], [True, False]) == pytest.approx((0.5 + 0.51) / 2)


def test_rejects_invalid_confidences() -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        compute_calibration_error([1.2], [True])
    with pytest.raises(ValueError, match=r"confidences \(2\) and answers \(1\) differ"):
        compute_straight_through_rate([0.5, 0.4], [True])


def test_straight_through_takes_lowest_sufficient_threshold() -> None:
    # Correct down to 0.6, wrong at 0.5, then correct again: at 0.4 only 4 of 5 are correct.
    assert compute_straight_through_rate([0.9, 0.8, 0.6, 0.5, 0.4], [1, 1, 1, 0, 1]) == pytest.approx(0.6)
    # At a required accuracy of 0.8, all are accepted.
    assert compute_straight_through_rate([0.9, 0.8, 0.6, 0.5, 0.4], [1, 1, 1, 0, 1], accuracy=0.8) == 1.0


def test_straight_through_tolerates_early_mistake() -> None:
    # The most confident answer is wrong, but 99 of all 100 answers are correct.
    confidences = [0.99, *[0.5] * 99]
    assert compute_straight_through_rate(confidences, [0, *[1] * 99]) == 1.0


def test_equal_confidences_are_accepted_together() -> None:
    assert compute_straight_through_rate([0.9, 0.9, 0.9], [1, 1, 0]) == 0.0


def test_unanswered_cases_are_not_accepted() -> None:
    assert compute_straight_through_rate([0.9], [1], cases=4) == 0.25
    assert compute_straight_through_rate([], [], cases=4) == 0.0
    with pytest.raises(ValueError, match=r"more answers \(2\) than cases \(1\)"):
        compute_straight_through_rate([0.9, 0.8], [1, 1], cases=1)
