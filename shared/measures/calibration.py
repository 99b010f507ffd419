"""Measures of trust: whether a confidence means what it says, and how much may go through without a look."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from shared.arrays import Doubles

BINS = 10
# Sums of 0 and 1 divided by counts: 99 of 100 must not fail for the last bit.
_TOLERANCE = 1e-9


def expected_calibration_error(confidences: ArrayLike, correct: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error (Guo et al., 2017, arXiv:1706.04599).

    The answers are put into bins of equal width by confidence, each closed on the right (the first also on the left);
    the gap between mean confidence and share of right answers is averaged over the answers.

    Args:
        confidences: Confidences of the answers, (N,), 0 to 1.
        correct: Whether each answer is right, (N,).
        bins: Number of bins, 10 by default.

    Returns:
        0 (confidence and accuracy agree) to 1; 0 without answers.

    Raises:
        ValueError: If the arrays differ in length or a confidence is not from 0 to 1.
    """
    levels, right = _checked(confidences, correct)
    if len(levels) == 0:
        return 0.0
    index = np.clip(np.ceil(levels * bins).astype(int) - 1, 0, bins - 1)
    surplus = np.bincount(index, weights=levels - right, minlength=bins)
    return float(np.abs(surplus).sum() / len(levels))


def straight_through_rate(
    confidences: ArrayLike, correct: ArrayLike, cases: int | None = None, accuracy: float = 0.99
) -> float:
    """Share of the fields that can be accepted unseen.

    Answers are accepted from a threshold of confidence up. Of all thresholds at which at least `accuracy` of the
    accepted answers are right, the lowest is taken, that is the one that accepts most.

    Args:
        confidences: Confidences of the answers, (N,), 0 to 1.
        correct: Whether each answer is right, (N,).
        cases: Number of fields there are, answered or not; fields without an answer cannot be accepted. The number of
            answers by default.
        accuracy: Least share of right answers among the accepted.

    Returns:
        Accepted answers over cases, 0 to 1; 0 if there is no such threshold.

    Raises:
        ValueError: If the arrays differ in length, a confidence is not from 0 to 1, or there are more answers than
            cases.
    """
    levels, right = _checked(confidences, correct)
    total = len(levels) if cases is None else cases
    if len(levels) > total:
        raise ValueError(f"There are {len(levels)} answers to {total} cases.")
    if len(levels) == 0:
        return 0.0
    order = np.argsort(-levels, kind="stable")
    levels, right = levels[order], right[order]
    accepted = np.arange(1, len(levels) + 1)
    # A threshold accepts all answers of its confidence, so only the last of equal ones is a threshold.
    last_of_equal = np.append(levels[1:] != levels[:-1], True)
    allowed = accepted[last_of_equal & (np.cumsum(right) / accepted >= accuracy - _TOLERANCE)]
    return float(allowed.max() / total) if len(allowed) else 0.0


def _checked(confidences: ArrayLike, correct: ArrayLike) -> tuple[Doubles, Doubles]:
    levels = np.asarray(confidences, dtype=np.float64).reshape(-1)
    right = np.asarray(correct, dtype=np.float64).reshape(-1)
    if len(levels) != len(right):
        raise ValueError(f"There are {len(levels)} confidences but {len(right)} answers.")
    if len(levels) and not (levels.min() >= 0 and levels.max() <= 1):
        raise ValueError("A confidence is a number from 0 to 1.")
    return levels, right
