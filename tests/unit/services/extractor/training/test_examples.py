"""Encoded receipts with labels, and batches of them."""

from __future__ import annotations

import numpy as np

from services.extractor.training.examples import batches, encode_labeled
from services.extractor.training.labeling.fields import IGNORED, LabeledText, label
from tests.support.labeled_receipts import ADDRESS, box, make_receipt


def test_separators_within_a_value_get_its_label() -> None:
    example = encode_labeled(label(make_receipt()))
    text = "".join(np.array(list(example.document.text))[example.labels == ADDRESS])
    assert text == "NO.53, JALAN SAGU 18,\n81100 JOHOR BAHRU"


def test_first_segment_of_each_item_is_its_start() -> None:
    cells = [("1", 0, 0, 1), ("MY", 300, 0, 1), ("HOT", 300, 40, 1), ("CAKE", 300, 80, 2), ("TOTAL", 0, 120, 0)]
    segments = [LabeledText(box(x, y), text, np.zeros(len(text), np.int64), group=group) for text, x, y, group in cells]
    example = encode_labeled(segments[::-1])
    starts = {example.document.text[i]: value for i, value in enumerate(example.starts.tolist()) if value != IGNORED}
    assert [starts[letter] for letter in "1MHKL"] == [1, 0, 0, 1, 0]


def test_starts_are_unknown_without_groups() -> None:
    assert (encode_labeled(label(make_receipt())).starts == IGNORED).all()


def test_batches_mix_in_synthetic_receipts() -> None:
    real = [[label(make_receipt())] for _ in range(40)]
    synthetic = [label(make_receipt([["SYNTHETIC"]], company="SYNTHETIC")) for _ in range(3)]
    source = batches(real, synthetic, 0.5, seed=0, size=16)
    lengths = [len(example.labels) for _ in range(6) for example in next(source)]
    assert 0.2 < np.mean([length < 20 for length in lengths]) < 0.8


def test_batches_take_a_receipt_as_labeled_or_as_read() -> None:
    read = label(make_receipt([["READ"]], company="READ"))
    source = batches([[label(make_receipt()), read] for _ in range(40)], [], 0.0, seed=0, size=16)
    lengths = [len(example.labels) for _ in range(6) for example in next(source)]
    assert 0.2 < np.mean([length < 20 for length in lengths]) < 0.8
