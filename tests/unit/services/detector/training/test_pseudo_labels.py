"""Test labeling pictures where two of three detectors agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.detector.predictor import Detection
from services.detector.training.pseudo_labels import agree_on_segments, label_picture, write_labels
from shared.arrays import Floats
from shared.learning.dataset import load_split, write_split
from shared.learning.labels import LabeledReceipt, LabeledSegment
from tests.support.quads import quads_from_boxes


def build_quads(*boxes: tuple[float, ...]) -> Floats:
    return quads_from_boxes(boxes)


NAME, PRICE, ROW = (0.0, 0.0, 100.0, 20.0), (150.0, 0.0, 200.0, 20.0), (0.0, 0.0, 200.0, 20.0)


def test_keeps_what_readers_agree_on_where_the_detector_merges() -> None:
    labels, ignored = agree_on_segments(build_quads(NAME, PRICE), build_quads(NAME, PRICE), build_quads(ROW))
    np.testing.assert_allclose(labels, build_quads(NAME, PRICE))
    np.testing.assert_allclose(ignored, build_quads(ROW))


def test_prefers_the_boxes_of_the_detector_and_fits_the_others_to_their_height() -> None:
    tall = [(x0, y0 - 5, x1, y1 + 5) for x0, y0, x1, y1 in (NAME, PRICE)]
    labels, ignored = agree_on_segments(build_quads(*tall), build_quads(*tall), build_quads(NAME))
    np.testing.assert_allclose(labels, build_quads(NAME, PRICE), atol=1e-4)
    assert not len(ignored)


def test_keeps_a_segment_that_one_reader_confirms_unless_the_other_splits_it() -> None:
    labels, _ = agree_on_segments(build_quads(ROW), build_quads(), build_quads(ROW))
    np.testing.assert_allclose(labels, build_quads(ROW))
    left, right = (0.0, 0.0, 95.0, 20.0), (105.0, 0.0, 200.0, 20.0)
    labels, ignored = agree_on_segments(build_quads(ROW), build_quads(left, right), build_quads(ROW))
    assert not len(labels)
    assert len(ignored) == 4


def test_ignores_what_a_single_detector_finds() -> None:
    far = (0.0, 100.0, 50.0, 120.0)
    labels, ignored = agree_on_segments(build_quads(NAME), build_quads(NAME, far), build_quads(NAME))
    np.testing.assert_allclose(labels, build_quads(NAME))
    np.testing.assert_allclose(ignored, build_quads(far))


@pytest.mark.parametrize("fault", ["turned", "silent", "unsure"])
def test_leaves_out_pictures_that_a_detector_cannot_judge(fault: str) -> None:
    quads = build_quads(NAME)
    sure = [(LabeledSegment(quads[0], "Milk"), 0.2 if fault == "unsure" else 0.9)]
    detection = Detection(quads, np.ones(1, np.float32), rotation=90 if fault == "turned" else 0)
    picture = LabeledReceipt("one", Path("one.webp"), (), {})
    labels, ignored = label_picture(picture, detection, [sure, [] if fault == "silent" else sure])
    assert not len(labels)
    assert not len(ignored)


def test_writes_a_data_set_that_can_be_loaded(tmp_path: Path) -> None:
    picture = LabeledReceipt("one", tmp_path / "one.webp", (), {})
    for _ in range(2):
        write_labels(tmp_path / "set", picture, build_quads(NAME), build_quads(PRICE))
    write_split(tmp_path / "set", {"train": ["one"]})
    (loaded,) = load_split(tmp_path / "set", "train")
    np.testing.assert_allclose(loaded.quads, build_quads(NAME))
    np.testing.assert_allclose(loaded.ignored, build_quads(PRICE))
    assert loaded.image_path.resolve() == picture.image_path.resolve()
