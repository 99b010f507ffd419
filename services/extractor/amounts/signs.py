"""Whether the currency sign printed at a total belongs to its value. numpy only.

Data sets differ in this habit, and a network that learned from several of them is often unsure. A logistic regression
decides from the network's probability and from where the sign stands. Its weights are fitted on receipts held out of
training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from services.extractor.totals import Candidate, Print, logit
from shared.arrays import Floats
from shared.normalization import AmountMatch

DEFAULT_SIGN = {"bias": 1.4, "network": 1.0, "apart": -3.6, "bare": 0.0}
"""Weights before fitting: a sign that touches the number belongs to it from 0.2 on, one with a space from 0.9 on."""


def describe_sign(candidate: Candidate, probability: Floats) -> dict[str, float] | None:
    """Return what tells whether the sign belongs to the value; None if there is no sign to decide about.

    Args:
        candidate: The total.
        probability: Probability of the total, for each character of the segment of `candidate.best`.
    """
    match = candidate.best.match
    places = _places(match)
    if not places or match.amount < 0:
        return None
    return {
        "bias": 1.0,
        "network": logit(float(np.max(probability[places]))),
        "apart": float(_is_apart(match)),
        # The same amount is printed elsewhere, without a sign.
        "bare": float(any(not one.match.sign for one in candidate.prints)),
    }


def write_value(printed: Print, signs: Mapping[str, float] | None, weights: Mapping[str, float]) -> str:
    """Return a total as printed, with its sign where that belongs to it."""
    match = printed.match
    if signs is None or sign_probability(signs, weights) > 0.5:
        return match.text
    return match.text[match.number_start - match.start : match.number_end - match.start]


def sign_probability(signs: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the probability that the sign belongs to the value, 0 to 1."""
    odds = sum(weights.get(name, 0.0) * value for name, value in signs.items())
    return 1.0 / (1.0 + math.exp(-odds))


def doubt_sign(signs: Mapping[str, float] | None, weights: Mapping[str, float]) -> float:
    """Return how unclear the decision about a sign is, from 0 (clear, or there is no sign) to 1 (even odds)."""
    return 0.0 if signs is None else 1.0 - abs(2.0 * sign_probability(signs, weights) - 1.0)


def _places(match: AmountMatch) -> list[int]:
    """Return where in its segment an amount has characters outside the number."""
    places = [match.start + i for i, character in enumerate(match.text) if not character.isspace()]
    return [i for i in places if not match.number_start <= i < match.number_end]


def _is_apart(match: AmountMatch) -> bool:
    """Return whether a space divides the sign from the number."""
    number = slice(match.number_start - match.start, match.number_end - match.start)
    return match.text[: number.start].endswith(" ") or match.text[number.stop :].startswith(" ")
