"""Test precision, recall and F1 without labels or answers."""

from __future__ import annotations

import pytest

from shared.measures.matches import Matches


@pytest.mark.parametrize(
    ("result", "precision", "recall", "f1"),
    [(Matches(), 1, 1, 1), (Matches(labeled=3), 0, 0, 0), (Matches(answered=3), 0, 1, 0)],
)
def test_measures_without_labels_or_answers(result: Matches, precision: float, recall: float, f1: float) -> None:
    assert result.to_dict() == {"precision": precision, "recall": recall, "f1": f1}
