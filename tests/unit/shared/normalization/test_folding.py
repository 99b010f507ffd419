"""Test folding of texts for comparison."""

from __future__ import annotations

import pytest

from services.recognizer.alphabet import DEFAULT_CHARACTERS
from shared.normalization.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Größe", "grose"),
        ("ŁÓDŹ", "lodz"),
        ("İstanbul ılık", "istanbul ilik"),
        ("„A“ – ’b", '"a" - \'b'),
        ("10 €", "10 €"),
    ],
)
def test_folds_case_accents_and_typography(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_keeps_places_and_folds_every_letter_of_the_recognizer() -> None:
    folded = fold(DEFAULT_CHARACTERS)
    assert len(folded) == len(DEFAULT_CHARACTERS)
    assert "".join(one for one in folded if one.isalpha()).isascii()
