from __future__ import annotations

import numpy as np
import pytest

from services.recognizer.decoding import Recognition
from services.recognizer.second_look import looks, vote


def test_looks_are_wider_narrower_and_looser() -> None:
    crop = np.tile(np.arange(100, dtype=np.uint8), (40, 1))
    shapes = [look.shape for look in looks(crop)]
    assert shapes == [(40, 115), (40, 87), (44, 104)]
    assert all(look.dtype == np.uint8 for look in looks(crop))


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (300, 2)])
def test_small_crops_have_looks_too(shape: tuple[int, int]) -> None:
    assert all(look.size for look in looks(np.zeros(shape, np.uint8)))


def test_readings_that_agree_outvote_a_surer_one() -> None:
    readings = [Recognition("8O.00", 0.6), Recognition("80.00", 0.4), Recognition("80.00", 0.5)]
    text, confidence = vote(readings).text, vote(readings).confidence
    assert text == "80.00"
    assert confidence == pytest.approx(0.9 / 3)


def test_the_first_reading_wins_where_votes_are_equal() -> None:
    assert vote([Recognition("A", 0.5), Recognition("B", 0.5)]).text == "A"
    assert vote([Recognition("A", 0.0)]) == Recognition("A", 0.0)
