"""Test labeling pictures where several readers agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.learning.agreement import load_agreed_receipts
from shared.learning.labels import DatasetError


def describe_segment(text: str, left: float, top: float, confidence: float = 0.99) -> dict[str, object]:
    right, bottom = left + 50, top + 10
    quad = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return {"quad": quad, "text": text, "confidence": confidence}


def write_reading(folder: Path, reader: str, *segments: dict[str, object], key: str = "a") -> None:
    line = json.dumps({"key": key, "segments": list(segments)})
    (folder / f"pictures_{reader}.jsonl").write_text(line + "\n", encoding="utf-8")


def test_keeps_texts_that_both_readers_read_at_the_same_place(tmp_path: Path) -> None:
    write_reading(
        tmp_path,
        "first",
        describe_segment("Café  du Nord", 0, 0),
        describe_segment("Total", 0, 20),
        describe_segment("12.00", 100, 20),
    )
    write_reading(
        tmp_path,
        "second",
        describe_segment("Cafédu Nord", 2, 1),
        describe_segment("TOTAL", 0, 20),
        describe_segment("12.00", 100, 80),
    )
    (receipt,) = load_agreed_receipts(tmp_path / "pictures")
    assert [segment.text for segment in receipt.segments] == ["Café du Nord"]
    assert receipt.image_path == tmp_path / "pictures" / "a.webp"
    # Another case and another place are disputes, and what is disputed is ignored.
    assert receipt.ignored.shape == (2, 4, 2)
    assert not receipt.spaced


def test_ignores_texts_of_which_no_reader_is_sure(tmp_path: Path) -> None:
    for reader, sure in (("first", 0.3), ("second", 0.9)):
        write_reading(tmp_path, reader, describe_segment("9.00", 0, 0, 0.5), describe_segment("8.00", 0, 20, sure))
    (receipt,) = load_agreed_receipts(tmp_path / "pictures")
    assert [segment.text for segment in receipt.segments] == ["8.00"]


def test_leaves_out_pictures_that_one_reader_did_not_read(tmp_path: Path) -> None:
    write_reading(tmp_path, "first", describe_segment("9.00", 0, 0), key="a")
    write_reading(tmp_path, "second", describe_segment("9.00", 0, 0), key="b")
    assert load_agreed_receipts(tmp_path / "pictures") == []


def test_needs_two_readers(tmp_path: Path) -> None:
    write_reading(tmp_path, "first", describe_segment("9.00", 0, 0))
    with pytest.raises(DatasetError, match=r"found 1 files pictures_\*\.jsonl"):
        load_agreed_receipts(tmp_path / "pictures")


def test_names_the_line_of_a_damaged_file(tmp_path: Path) -> None:
    write_reading(tmp_path, "first", describe_segment("9.00", 0, 0))
    (tmp_path / "pictures_second.jsonl").write_text('{"key": "a"}\n', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"pictures_second\.jsonl, line 1: expected key and segments"):
        load_agreed_receipts(tmp_path / "pictures")
