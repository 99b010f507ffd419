"""Measures of segment labels on given text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.extractor.encoding import Document, TextSegment
from services.extractor.network.classes import CLASSES
from services.extractor.training.evaluate_labels import label_matches, label_segments
from shared.arrays import Floats
from tests.support.labeled_receipts import box


class FixedEngine:
    """Answers item descriptions for letters, and one of two kinds of amount for digits."""

    outputs = len(CLASSES) + 1

    def __call__(self, documents: Sequence[Document]) -> list[Floats]:
        return [self._scores(document) for document in documents]

    def _scores(self, document: Document) -> Floats:
        scores = np.zeros((len(document.text), self.outputs), np.float32)
        for i, character in enumerate(document.text):
            if character.isdigit():
                scores[i, [CLASSES.index("item_amount"), CLASSES.index("sub_amount")]] = 0.3
                scores[i, CLASSES.index("total")] = 0.4
            else:
                scores[i, CLASSES.index("item_description")] = 1.0
        return scores


def test_sums_the_classes_of_a_label() -> None:
    receipt = [TextSegment(box(0, 0), "TEA"), TextSegment(box(300, 0), "500")]
    classes = {"item": ("item_description",), "price": ("item_amount", "sub_amount"), "total": ("total",)}
    assert label_segments(FixedEngine(), [receipt, []], classes) == [["item", "price"], []]


def test_answers_nothing_where_another_class_is_likelier() -> None:
    receipt = [TextSegment(box(0, 0), "TEA"), TextSegment(box(300, 0), "500")]
    assert label_segments(FixedEngine(), [receipt], {"price": ("item_amount",)}) == [["", ""]]


def test_counts_matches_per_label() -> None:
    found = label_matches([["a", "a", "", "b"]], [["a", "", "a", "b"]])
    assert (found["a"].matched, found["a"].labeled, found["a"].answered) == (1, 2, 2)
    assert found["b"].f1 == 1.0
    assert "" not in found
