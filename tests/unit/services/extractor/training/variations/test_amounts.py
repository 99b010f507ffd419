"""Prices in other amounts and number formats."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from services.extractor.features.numbers import find_numbers
from services.extractor.training.labeling.fields import LabeledText
from services.extractor.training.variations.amounts import change_prices, replace_text
from tests.support.labeled_receipts import box


def segments_of(*texts: str) -> list[LabeledText]:
    return [LabeledText(box(0, 40.0 * n), text, np.full(len(text), n, np.int64)) for n, text in enumerate(texts)]


def values(segments: Sequence[LabeledText]) -> list[float]:
    return [one.value for one in find_numbers([segment.text for segment in segments])]


@pytest.mark.parametrize("prices", [("1.20", "3.40", "4.60"), ("12,000", "3,500", "15,500"), ("1,20", "0,05", "1,25")])
def test_keeps_sums(prices: tuple[str, str, str]) -> None:
    changed = set()
    for seed in range(40):
        segments = segments_of(*prices)
        change_prices(segments, random.Random(seed))
        first, second, total = values(segments)
        assert first + second == pytest.approx(total)
        assert all(len(segment.text) == len(segment.labels) for segment in segments)
        changed.add(segments[2].text)
    assert len(changed) > 15


def test_leaves_quantities_and_sizes_alone() -> None:
    for seed in range(20):
        segments = segments_of("2", "COLA 0.5L", "1.50", "3.00")
        change_prices(segments, random.Random(seed))
        assert [segment.text for segment in segments[:2]] == ["2", "COLA 0.5L"]


def test_replaced_text_takes_the_label_of_what_it_replaces() -> None:
    (segment,) = segments_of("RM 9.00")
    segment.labels[3:] = 4
    replace_text(segment, 3, 7, "12.50")
    assert segment.text == "RM 12.50"
    assert segment.labels.tolist() == [0] * 3 + [4] * 5
