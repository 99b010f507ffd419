"""Test measuring the detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from services.detector.predictor import Detection
from services.detector.training.damage import damage_page
from services.detector.training.evaluate import measure
from shared.learning.dataset import load_split, write_receipt, write_split
from shared.learning.labels import LabeledSegment


def test_measures_damaged_pictures_with_moved_labels(tmp_path: Path) -> None:
    quad = np.array([(20, 70), (140, 70), (140, 94), (20, 94)], np.float32)
    write_receipt(tmp_path, "r", np.full((200, 160, 3), 240, np.uint8), [LabeledSegment(quad, "TOTAL")], {})
    write_split(tmp_path, {"validation": ["r"]})
    receipts = load_split(tmp_path, "validation")
    _, quads, _ = damage_page(
        receipts[0].read_image(), receipts[0].quads, receipts[0].ignored, np.random.default_rng(1)
    )
    found = [Detection(quads, np.ones(1, np.float32))]
    assert measure(receipts, found, damaged=True)["iou50"]["hmean"] == 1.0
    assert not np.array_equal(quads[0], quad)
