"""Test the measures of readings on given boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.recognizer.decoding import Recognition
from services.recognizer.training.evaluate import measure
from shared.learning.labels import LabeledReceipt, LabeledSegment


def test_measures_words_and_characters() -> None:
    quad = np.zeros((4, 2), np.float32)
    segments = (LabeledSegment(quad, "TAN WOON"), LabeledSegment(quad, "RM 9.00"))
    receipt = LabeledReceipt("a", Path("a.jpg"), segments, {})
    result = measure([receipt], [[Recognition("Tan Woon", 0.9), Recognition("RM 9.08 X", 0.5)]])
    assert result["recall"] == pytest.approx(3 / 4)
    assert result["precision"] == pytest.approx(3 / 5)
    assert result["cer"] == pytest.approx(3 / 15)
