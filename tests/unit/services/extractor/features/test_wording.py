"""Words of 30 languages as inputs of the network."""

from __future__ import annotations

import numpy as np
import pytest

from services.extractor.features.wording import WORDING_FEATURES, wording_features


def feature(name: str, *rows: tuple[str, ...]) -> list[float]:
    """The value of a feature at the first character of each text."""
    texts = [text for row in rows for text in row]
    row = np.array([number for number, cells in enumerate(rows) for _ in cells])
    start = np.cumsum([0, *(len(text) + 1 for text in texts)])
    found = wording_features(texts, start, row, int(start[-1]))
    return [float(value) for value in found[start[:-1], WORDING_FEATURES.index(name)]]


@pytest.mark.parametrize("word", ["TOTAL", "SUMME", "Totale", "do zapłaty", "Toplam"])
def test_marks_a_word_and_its_row(word: str) -> None:
    assert feature("total_word", ("TEA", "1.00"), (word, "9.00")) == [0.0, 0.0, 1.0, 0.5]


def test_tells_a_subtotal_from_a_total() -> None:
    rows = (("SUB TOTAL", "9.00"),)
    assert feature("subtotal_word", *rows) == [1.0, 0.5]
    assert feature("total_word", *rows) == [0.0, 0.0]


def test_receipt_without_such_words_has_no_features() -> None:
    assert feature("change_word", ("ABC", "1.00")) == [0.0, 0.0]
