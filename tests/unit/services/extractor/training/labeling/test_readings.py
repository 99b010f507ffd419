"""Labels of what the whole chain read, taken over from the labeled text in the same place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from services.extractor.encoding import TextSegment
from services.extractor.training.labeling.fields import LabeledText
from services.extractor.training.labeling.readings import load_readings, transfer
from tests.support.labeled_receipts import COMPANY, TOTAL, box


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
def test_labels_each_character_as_the_one_it_was_read_for(read: str, classes: list[int]) -> None:
    label = LabeledText(box(0, 0), "TOTAL 9.00", np.array([0] * 6 + [TOTAL] * 4, np.int64))
    (found,) = transfer([label], [TextSegment(box(2, 1), read, confidence=0.7)])
    assert found.labels.tolist() == classes
    assert found.text == read
    assert found.confidence == 0.7


def test_keeps_labels_when_the_detector_joins_or_cuts_segments() -> None:
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


def test_gives_text_away_from_all_labels_the_background() -> None:
    (found,) = transfer([labeled("LEE", 0, 0, COMPANY)], [TextSegment(box(0, 100), "LEE")], background=99)
    assert found.labels.tolist() == [99, 99, 99]


def test_loads_readings_and_leaves_out_refused_receipts(tmp_path: Path) -> None:
    line = {"page": 0, "quad": box(0, 0).tolist(), "text": "LEE TRADlNG", "confidence": 0.5}
    record = {
        "key": "A",
        "labels": [{"quad": box(0, 0).tolist(), "text": "LEE TRADING"}],
        "receipt": {"lines": [line]},
    }
    path = tmp_path / "readings.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in (record, record | {"key": "B", "receipt": None})))
    found = load_readings(path)
    assert list(found) == ["A"]
    assert [(one.text, one.confidence) for one in found["A"].read] == [("LEE TRADlNG", 0.5)]
    assert [one.text for one in found["A"].labeled] == ["LEE TRADING"]


def test_names_the_line_of_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    path.write_text('{"key": "A"}')
    with pytest.raises(ValueError, match="line 1"):
        load_readings(path)
