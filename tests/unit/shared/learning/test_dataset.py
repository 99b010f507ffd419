"""The reader and writer of labeled receipts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shared.learning.dataset import DatasetError, LabeledSegment, load_split, parse_boxes, write_receipt, write_split

QUAD = np.array([[1, 2], [30, 2], [30, 12], [1, 12]], np.float32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    image = np.full((40, 60, 3), 200, np.uint8)
    segments = [LabeledSegment(QUAD, "NO.53 55,57 & 59,"), LabeledSegment(QUAD + 5, 'SAY "£9"')]
    write_receipt(tmp_path, "a", image, segments, {"company": "A", "total": "9.00"})
    write_split(tmp_path, {"train": [], "validation": ["a"]})
    return tmp_path


def test_what_was_written_is_read(root: Path) -> None:
    (receipt,) = load_split(root, "validation")
    assert [segment.text for segment in receipt.segments] == ["NO.53 55,57 & 59,", 'SAY "£9"']
    np.testing.assert_array_equal(receipt.quads(), [QUAD, QUAD + 5])
    assert receipt.entities == {"company": "A", "date": "", "address": "", "total": "9.00"}
    assert receipt.image().shape == (40, 60, 3)
    assert [r.key for r in load_split(root, "all")] == ["a"]


def test_unknown_split_names_the_known_ones(root: Path) -> None:
    with pytest.raises(DatasetError, match="no split 'test'; it has train, validation"):
        load_split(root, "test")


def test_a_folder_that_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"split\.json is missing"):
        load_split(tmp_path, "train")


def test_damaged_box_file_names_the_line(root: Path) -> None:
    (root / "boxes" / "a.txt").write_text("1,2,3,4,5,6,7,8,fine\n1,2,3,oops\n")
    with pytest.raises(DatasetError, match=r"a\.txt: line 2"):
        load_split(root, "validation")


def test_missing_and_damaged_files(root: Path) -> None:
    (root / "entities" / "a.json").write_text("{")
    with pytest.raises(DatasetError, match=r"a\.json is not JSON"):
        load_split(root, "validation")
    (root / "images" / "a.jpg").write_bytes(b"no picture")
    (root / "entities" / "a.json").write_text(json.dumps({"company": None}))
    (receipt,) = load_split(root, "validation")
    assert receipt.entities["company"] == ""
    with pytest.raises(DatasetError, match="cannot be read as a picture"):
        receipt.image()


def test_blank_lines_are_skipped_and_no_segments_are_fine() -> None:
    assert list(parse_boxes("\n \n")) == []
