"""Test reading data sets in the layout of WildReceipt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.learning.dataset import load_split
from shared.learning.labels import DatasetError
from shared.learning.wildreceipt import collect_field_texts, parse_segments


def describe_segment(label: str, text: str, x0: float, y0: float, x1: float, y1: float) -> dict[str, object]:
    return {"label": label, "text": text, "quad": [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]}


def write_data_set(folder: Path, *segments: dict[str, object]) -> Path:
    (folder / "segments").mkdir()
    content = {"width": 100, "height": 100, "segments": list(segments)}
    (folder / "segments" / "a.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "split.json").write_text(json.dumps({"train": ["a"]}), encoding="utf-8")
    return folder


def test_builds_fields_from_labeled_segments(tmp_path: Path) -> None:
    folder = write_data_set(
        tmp_path,
        describe_segment("Store_addr_value", "Athens,GA30601", 0, 30, 50, 40),
        describe_segment("Store_addr_value", "145EClaytonSt", 0, 20, 50, 30),
        describe_segment("Total_value", "$17.76", 60, 80, 90, 90),
        describe_segment("Total_value", "17.76", 60, 90, 90, 99),
        describe_segment("Ignore", " ", 0, 90, 10, 99),
    )
    (receipt,) = load_split(folder, "train")
    assert receipt.entities == {"company": "", "date": "", "address": "145EClaytonStAthens,GA30601", "total": "$17.76"}
    assert receipt.alternatives["total"] == ("17.76",)
    assert receipt.ignored.shape == (1, 4, 2)
    assert len(receipt.segments) == 4
    assert not receipt.spaced


def test_error_for_damaged_file_names_file(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path)
    (folder / "segments" / "a.json").write_text('{"segments": [{"quad": [1, 2]}]}', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"a\.json: expected a list of segments"):
        load_split(folder, "train")


def test_ignores_segments_without_text() -> None:
    readable, ignored = parse_segments(json.dumps({"segments": [describe_segment("Others", "", 0, 0, 9, 9)]}))
    assert (len(readable), len(ignored)) == (0, 1)
    assert collect_field_texts(readable)["date"] == ()
