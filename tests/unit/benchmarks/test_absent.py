"""Painting over the prints of a field."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.absent import find_prints, paint_over
from shared.learning.labels import LabeledReceipt, LabeledSegment


def segment(text: str, y: int) -> LabeledSegment:
    return LabeledSegment(np.array([[10, y], [90, y], [90, y + 12], [10, y + 12]], np.float32), text)


def test_finds_every_print_of_a_value() -> None:
    texts = ["BOOK SHOP SDN BHD", "25/12/2018 10:15", "TOTAL 9.00", "CASH RM 9.00", "CHANGE 0.00", "2018-12-25"]
    segments = tuple(segment(text, 20 * row) for row, text in enumerate(texts))
    entities = {"company": "BOOK SHOP SDN BHD", "date": "25/12/2018", "address": "", "total": "9.00"}
    receipt = LabeledReceipt("a", Path("a.jpg"), segments, entities)
    rows = {name: {int(quad[0, 1]) // 20 for quad in find_prints(receipt, name)} for name in entities}
    assert rows == {"company": {0}, "date": {1, 5}, "address": set(), "total": {2, 3}}


def test_paints_paper_and_changes_nothing_else() -> None:
    image = np.full((80, 100, 3), 230, np.uint8)
    image[24:30, 15:80:4] = 20
    image[64:70, 15:80:4] = 20
    result = paint_over(image, [segment("", 20).quad])
    assert result[18:34, 8:92].min() > 200
    assert np.array_equal(result[40:], image[40:])
