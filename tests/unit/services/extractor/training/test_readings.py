from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from services.extractor.encoding import TextSegment
from services.extractor.training.labels import LabeledText
from services.extractor.training.readings import load_readings, transfer

COMPANY, _, _, TOTAL = range(1, 5)


def box(x: float, y: float, width: float = 200.0, height: float = 20.0) -> np.ndarray:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float32)


def labeled(text: str, x: float, y: float, number: int = 0, width: float = 200.0) -> LabeledText:
    return LabeledText(box(x, y, width), text, np.full(len(text), number, np.int64))


@pytest.mark.parametrize(
    ("read", "classes"),
    [
        ("TOTAL 9.00", [0, 0, 0, 0, 0, 0, 4, 4, 4, 4]),
        ("TOTL 9.00", [0, 0, 0, 0, 0, 4, 4, 4, 4]),
        ("Total 9.0O", [0, 0, 0, 0, 0, 0, 4, 4, 4, 4]),
        ("TOTAL 91.00", [0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4]),
        ("", []),
    ],
)
def test_each_character_read_takes_the_class_of_the_one_it_stands_for(read: str, classes: list[int]) -> None:
    label = LabeledText(box(0, 0), "TOTAL 9.00", np.array([0] * 6 + [TOTAL] * 4, np.int64))
    (found,) = transfer([label], [TextSegment(box(2, 1), read, confidence=0.7)])
    assert found.labels.tolist() == classes
    assert found.text == read
    assert found.confidence == 0.7


def test_segments_joined_or_cut_by_the_detector_keep_their_classes() -> None:
    labels = [labeled("TOTAL", 0, 0), labeled("9.00", 300, 0, TOTAL, 80), labeled("LEE TRADING", 0, 40, COMPANY)]
    joined, first, second = transfer(
        labels,
        [
            TextSegment(box(0, 0, 380), "TOTAL 9.00"),
            TextSegment(box(0, 40, 70), "LEE"),
            TextSegment(box(80, 40, 120), "TRADING"),
        ],
    )
    assert joined.labels.tolist() == [0] * 6 + [TOTAL] * 4
    assert first.labels.tolist() == [COMPANY] * 3
    assert second.labels.tolist() == [COMPANY] * 7


def test_what_lies_on_no_label_belongs_to_no_field() -> None:
    (found,) = transfer([labeled("LEE", 0, 0, COMPANY)], [TextSegment(box(0, 100), "LEE")])
    assert found.labels.tolist() == [0, 0, 0]


def test_records_of_an_evaluation_are_read_and_refused_receipts_left_out(tmp_path: Path) -> None:
    line = {"page": 0, "quad": box(0, 0).tolist(), "text": "LEE TRADlNG", "confidence": 0.5}
    record = {
        "key": "A",
        "labels": [{"quad": box(0, 0).tolist(), "text": "LEE TRADING"}],
        "entities": {"company": "LEE TRADING", "date": "", "address": "", "total": ""},
        "receipt": {"lines": [line]},
    }
    path = tmp_path / "readings.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in (record, record | {"key": "B", "receipt": None})))
    found = load_readings(path)
    assert list(found) == ["A"]
    assert [(one.text, one.labels.tolist(), one.confidence) for one in found["A"]] == [("LEE TRADlNG", [1] * 11, 0.5)]
    path.write_text('{"key": "A"}')
    with pytest.raises(ValueError, match="line 1"):
        load_readings(path)
