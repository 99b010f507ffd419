"""Receipts in the layout of CORD."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.learning.cord import load_cord
from shared.learning.labels import DatasetError

SEGMENT = {
    "quad": [[0, 0], [90, 0], [90, 20], [0, 20]],
    "text": "TEA",
    "label": "menu.nm",
    "key": False,
    "group": 3,
    "row": 7,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "segments").mkdir()
    (tmp_path / "split.json").write_text(json.dumps({"train": ["a"], "validation": []}))
    (tmp_path / "segments" / "a.json").write_text(json.dumps({"width": 600, "height": 800, "segments": [SEGMENT]}))
    return tmp_path


def test_reads_a_receipt(root: Path) -> None:
    (receipt,) = load_cord(root, "train")
    (segment,) = receipt.segments
    assert (receipt.key, receipt.width, receipt.height) == ("a", 600, 800)
    assert segment.quad.shape == (4, 2)
    assert (segment.text, segment.label, segment.is_key, segment.group, segment.row) == ("TEA", "menu.nm", False, 3, 7)


def test_reads_all_splits(root: Path) -> None:
    assert [receipt.key for receipt in load_cord(root, "all")] == ["a"]


def test_rejects_an_unknown_split(root: Path) -> None:
    with pytest.raises(DatasetError, match="train, validation"):
        load_cord(root, "test")


def test_names_the_file_of_a_damaged_receipt(root: Path) -> None:
    (root / "segments" / "a.json").write_text(json.dumps({"width": 1, "height": 1, "segments": [{"text": "TEA"}]}))
    with pytest.raises(ValueError, match=r"a\.json"):
        load_cord(root, "train")
