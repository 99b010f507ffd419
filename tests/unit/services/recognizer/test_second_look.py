"""Test stretching crops and voting over readings."""

from __future__ import annotations

import numpy as np
import pytest

from services.recognizer.decoding import Recognition
from services.recognizer.second_look import stretch_crop, vote


@pytest.mark.parametrize("shape", [(40, 100), (1, 1), (2, 300), (300, 2)])
def test_stretches_crop_wider_and_narrower(shape: tuple[int, int]) -> None:
    wider, narrower = stretch_crop(np.zeros(shape, np.uint8))
    assert wider.dtype == narrower.dtype == np.uint8
    assert wider.shape == (shape[0], round(1.15 * shape[1]))
    assert narrower.shape == (shape[0], round(0.87 * shape[1]))


def test_agreeing_readings_outvote_more_confident_one() -> None:
    readings = [Recognition("8O.00", 0.6), Recognition("80.00", 0.4), Recognition("80.00", 0.5)]
    text, confidence = vote(readings).text, vote(readings).confidence
    assert text == "80.00"
    assert confidence == pytest.approx(0.9 / 3)


def test_first_reading_wins_tie() -> None:
    assert vote([Recognition("A", 0.5), Recognition("B", 0.5)]).text == "A"
    assert vote([Recognition("A", 0.0)]) == Recognition("A", 0.0)
