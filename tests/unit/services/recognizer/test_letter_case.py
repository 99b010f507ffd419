"""Test finding runs of frames and deciding the case of letters."""

from __future__ import annotations

import numpy as np
import pytest

from services.recognizer.letter_case import decide_word_case, find_runs


def test_runs_end_with_segment() -> None:
    starts, labels = find_runs(np.array([[1, 1, 0], [0, 6, 6]]))
    assert starts.tolist() == [0, 2, 3, 4]
    assert labels.tolist() == [1, 0, 0, 6]


@pytest.mark.parametrize(
    ("odds", "lower"),
    [
        # ThanK: the uncertain k follows its word.
        ([-5, 6, 7, -1, 6], "-++++"),
        # CAsH: the uncertain s follows its word.
        ([-6, -5, 0.5, -7], "----"),
        # An uncertain first letter stays as read.
        ([0.4, 6, 6], "+++"),
        ([-0.4, 6, 6], "-++"),
        # McDon: every letter is certain.
        ([-6, 6, -7, 6, 6], "-+-++"),
        ([2], "+"),
    ],
)
def test_uncertain_case_follows_word(odds: list[float], lower: str) -> None:
    assert "".join("+" if one else "-" for one in decide_word_case(np.array(odds, np.float32))) == lower
