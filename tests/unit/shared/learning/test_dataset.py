"""Test reading and writing data sets of labeled receipts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shared.learning.dataset import load_split, parse_boxes, pick_evenly, write_receipt, write_split
from shared.learning.labels import DatasetError, LabeledSegment

QUAD = np.array([[1, 2], [30, 2], [30, 12], [1, 12]], np.float32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    image = np.full((40, 60, 3), 200, np.uint8)
    segments = [LabeledSegment(QUAD, "NO.53 55,57 & 59,"), LabeledSegment(QUAD + 5, 'SAY "£9"')]
    write_receipt(tmp_path, "a", image, segments, {"company": "A", "total": "9.00"})
    write_split(tmp_path, {"train": [], "validation": ["a"]})
    return tmp_path


def test_reads_what_was_written(root: Path) -> None:
    (receipt,) = load_split(root, "validation")
    assert [segment.text for segment in receipt.segments] == ["NO.53 55,57 & 59,", 'SAY "£9"']
    np.testing.assert_array_equal(receipt.quads, [QUAD, QUAD + 5])
    assert receipt.entities == {"company": "A", "date": "", "address": "", "total": "9.00"}
    assert receipt.read_image().shape == (40, 60, 3)
    assert [r.key for r in load_split(root, "all")] == ["a"]


def test_error_for_unknown_split_lists_known_splits(root: Path) -> None:
    with pytest.raises(DatasetError, match="no split 'test'; it has train, validation"):
        load_split(root, "test")


def test_rejects_folder_without_split_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"split\.json is missing"):
        load_split(tmp_path, "train")


def test_error_for_damaged_box_file_names_line(root: Path) -> None:
    (root / "boxes" / "a.txt").write_text("1,2,3,4,5,6,7,8,fine\n1,2,3,oops\n")
    with pytest.raises(DatasetError, match=r"a\.txt: line 2"):
        load_split(root, "validation")


def test_rejects_damaged_files(root: Path) -> None:
    (root / "entities" / "a.json").write_text("{")
    with pytest.raises(DatasetError, match=r"a\.json is not valid JSON"):
        load_split(root, "validation")
    (root / "images" / "a.jpg").write_bytes(b"not a picture")
    (root / "entities" / "a.json").write_text(json.dumps({"company": None}))
    (receipt,) = load_split(root, "validation")
    assert receipt.entities["company"] == ""
    with pytest.raises(DatasetError, match="cannot be read as a picture"):
        receipt.read_image()


def test_skips_blank_lines() -> None:
    assert list(parse_boxes("\n \n")) == []


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, [0]), (3, [0, 3, 6]), (10, list(range(10))), (99, list(range(10)))]
)
def test_picks_items_evenly(count: int, expected: list[int]) -> None:
    assert list(pick_evenly(range(10), count)) == expected
