"""Measure whether confidences are honest, and how many answers can be accepted without review."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from shared.arrays import Doubles

# Default number of bins of the calibration error.
BINS = 10
# Absorbs rounding: 99 correct answers out of 100 must reach 0.99.
_TOLERANCE = 1e-9


def compute_calibration_error(confidences: ArrayLike, correct: ArrayLike, bins: int = BINS) -> float:
    """Compute the expected calibration error (Guo et al., 2017, arXiv:1706.04599).

    The answers are binned by confidence into bins of equal width, each closed on the right (the first one on the left
    too). The error is the gap between mean confidence and accuracy of a bin, averaged over the answers.

    Args:
        confidences: Confidences of the answers, `(N,)`, 0 to 1.
        correct: Whether each answer is correct, `(N,)`.
        bins: Number of bins.

    Returns:
        0 (confidence and accuracy agree) to 1; 0 without answers.

    Raises:
        ValueError: If the arrays differ in length or a confidence is outside 0 to 1.
    """
    levels, right = _check(confidences, correct)
    if len(levels) == 0:
        return 0.0
    index = np.clip(np.ceil(levels * bins).astype(int) - 1, 0, bins - 1)
    surplus = np.bincount(index, weights=levels - right, minlength=bins)
    return float(np.abs(surplus).sum() / len(levels))


def compute_straight_through_rate(
    confidences: ArrayLike, correct: ArrayLike, cases: int | None = None, accuracy: float = 0.99
) -> float:
    """Compute the share of cases that can be accepted without review.

    Answers are accepted from a confidence threshold up. Of all thresholds at which at least `accuracy` of the accepted
    answers are correct, the lowest one counts: it accepts the most answers.

    Args:
        confidences: Confidences of the answers, `(N,)`, 0 to 1.
        correct: Whether each answer is correct, `(N,)`.
        cases: Number of cases, answered or not; unanswered cases cannot be accepted. Defaults to the number of answers.
        accuracy: Minimum share of correct answers among the accepted ones.

    Returns:
        Accepted answers over cases, 0 to 1; 0 if no threshold qualifies.

    Raises:
        ValueError: If the arrays differ in length, a confidence is outside 0 to 1, or there are more answers than
            cases.
    """
    levels, right = _check(confidences, correct)
    total = len(levels) if cases is None else cases
    if len(levels) > total:
        raise ValueError(f"There are more answers ({len(levels)}) than cases ({total}).")
    if len(levels) == 0:
        return 0.0
    order = np.argsort(-levels, kind="stable")
    levels, right = levels[order], right[order]
    accepted = np.arange(1, len(levels) + 1)
    # A threshold accepts all answers of equal confidence, so only the last of them is a candidate.
    last_of_equal = np.append(levels[1:] != levels[:-1], True)
    allowed = accepted[last_of_equal & (np.cumsum(right) / accepted >= accuracy - _TOLERANCE)]
    return float(allowed.max() / total) if len(allowed) else 0.0


def _check(confidences: ArrayLike, correct: ArrayLike) -> tuple[Doubles, Doubles]:
    levels = np.asarray(confidences, dtype=np.float64).reshape(-1)
    right = np.asarray(correct, dtype=np.float64).reshape(-1)
    if len(levels) != len(right):
        raise ValueError(f"The numbers of confidences ({len(levels)}) and answers ({len(right)}) differ.")
    if len(levels) and not (levels.min() >= 0 and levels.max() <= 1):
        raise ValueError("A confidence must be from 0 to 1.")
    return levels, right
