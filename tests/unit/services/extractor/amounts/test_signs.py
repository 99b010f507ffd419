"""Whether the currency sign belongs to a total."""

from __future__ import annotations

import numpy as np
import pytest

from services.extractor.amounts.signs import DEFAULT_SIGN, describe_sign, doubt_sign, write_value
from services.extractor.encoding import TextSegment, encode
from services.extractor.totals import Candidate, candidates
from services.extractor.training.fitting import fit_sign, has_sign

APART = {"bias": 1.0, "network": 2.0, "apart": 1.0, "bare": 0.0}
TOUCHING = {**APART, "apart": 0.0}


def _candidate(*texts: str) -> Candidate:
    quads = [np.array([(0, y), (300, y), (300, y + 20), (0, y + 20)], np.float32) for y in (0, 40)]
    document = encode([TextSegment(quad, text) for quad, text in zip(quads, texts, strict=False)])
    return candidates(document, np.full(len(document.text), 0.9, np.float32))[0]


def _written(chance: float, *texts: str) -> str:
    candidate = _candidate(*texts)
    signs = describe_sign(candidate, np.full(len(texts[0]), chance, np.float32))
    return write_value(candidate.best, signs, DEFAULT_SIGN)


@pytest.mark.parametrize(
    ("text", "chance", "value"),
    [("RM9.00", 0.5, "RM9.00"), ("RM9.00", 0.1, "9.00"), ("RM 9.00", 0.85, "9.00"), ("RM 9.00", 0.95, "RM 9.00"),
     ("9,00 €", 0.85, "9,00"), ("9.00", 0.1, "9.00"), ("-$9.00", 0.1, "-$9.00")],
)  # fmt: skip
def test_a_sign_that_touches_the_number_belongs_to_it_sooner(text: str, chance: float, value: str) -> None:
    assert _written(chance, text) == value


def test_describes_signs_only() -> None:
    assert describe_sign(_candidate("9.00"), np.full(4, 0.9, np.float32)) is None
    signs = describe_sign(_candidate("RM9.00", "9.00"), np.full(6, 0.9, np.float32))
    assert signs is not None
    assert (signs["apart"], signs["bare"]) == (0.0, 1.0)


def test_learns_the_habit_of_the_labels() -> None:
    weights = fit_sign([(APART, False), (TOUCHING, True)] * 20)
    reverse = fit_sign([(APART, True), (TOUCHING, False)] * 20)
    assert weights["apart"] < DEFAULT_SIGN["apart"] < reverse["apart"]
    assert fit_sign([]) == DEFAULT_SIGN
    assert has_sign("RM 9.00")
    assert not has_sign("9.00")


def test_even_odds_are_the_most_doubtful() -> None:
    assert doubt_sign(None, DEFAULT_SIGN) == 0.0
    assert doubt_sign({"bias": 1.0}, {"bias": 0.0}) == 1.0
    assert doubt_sign({"bias": 1.0}, {"bias": 9.0}) < 0.01
