"""A labeled receipt in the style of SROIE, for tests of the extractor's training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.extractor.training.labeling.fields import LabeledText
from shared.arrays import Floats
from shared.learning.labels import LabeledReceipt, LabeledSegment

COMPANY, DATE, ADDRESS, TOTAL = range(1, 5)
ROWS = [
    ["BOOK TA .K(TAMAN DAYA) SDN BND"],
    ["NO.53, JALAN SAGU 18,"],
    ["81100 JOHOR BAHRU"],
    ["DATE:", "25/12/2018 8:13 PM"],
    ["PEN", "9.00"],
    ["TOTAL", "RM9.00"],
    ["CASH", "10.00"],
    ["PRINTED 25/12/2018, 2018-12-25"],
]
ENTITIES = {
    "company": "BOOK TA .K (TAMAN DAYA) SDN BHD",
    "date": "25/12/2018",
    "address": "NO.53 JALAN SAGU 18, 81100 JOHOR BAHRU",
    "total": "9.00",
}


def box(x: float, y: float, width: float = 250.0, height: float = 20.0) -> Floats:
    """Return the quad of an upright box."""
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float32)


def make_receipt(rows: Sequence[Sequence[str]] = ROWS, key: str = "A", **entities: str) -> LabeledReceipt:
    """Return a receipt with one segment per cell of its rows; `entities` replace those of the default receipt."""
    segments = tuple(
        LabeledSegment(box(300.0 * column, 40.0 * number), text)
        for number, row in enumerate(rows)
        for column, text in enumerate(row)
    )
    return LabeledReceipt(key, Path(f"{key}.jpg"), segments, ENTITIES | entities)


def texts_of(segments: Sequence[LabeledText], label: int) -> list[str]:
    """Return the characters with a label, segment by segment; segments without any are left out."""
    return ["".join(np.array(list(s.text))[s.labels == label]) for s in segments if (s.labels == label).any()]
