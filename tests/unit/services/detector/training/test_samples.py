"""Test loading receipts and cutting training crops."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from services.detector.training.samples import CropSettings, LoadedReceipt, draw_crop, load_receipts
from shared.learning.dataset import load_split
from tests.support.written_receipts import write_receipts


def test_scales_crops_and_labels_to_working_height() -> None:
    gray = np.full((400, 300), 255, np.uint8)
    quads = []
    for y in range(40, 360, 60):
        cv2.rectangle(gray, (50, y), (250, y + 24), 0, -1)
        quads.append([(50, y), (250, y), (250, y + 24), (50, y + 24)])
    receipt = LoadedReceipt("one", gray, np.array(quads, np.float32), 24.0)
    settings = CropSettings(height=96, width=128, damage=0.0)
    for seed in range(8):
        crop, labels, _ = draw_crop(receipt, settings, np.random.default_rng(seed))
        assert crop.shape == (96, 128)
        heights = np.linalg.norm(labels[:, 3] - labels[:, 0], axis=1)
        assert ((heights > 18 * 0.74) & (heights < 18 * 1.36)).all()
        middle = labels.mean(axis=1).round().astype(int)
        seen = [(x, y) for x, y in middle if 2 < x < 125 and 2 < y < 93]
        blank = float(np.median(crop[crop > crop.mean()])) if (crop > crop.mean()).any() else 255.0
        assert all(crop[y, x] < blank for x, y in seen)


def test_skips_receipts_without_readable_picture(tmp_path: Path) -> None:
    write_receipts(tmp_path)
    (tmp_path / "images" / "r0.jpg").write_bytes(b"no picture")
    assert [kept.key for kept in load_receipts(load_split(tmp_path, "train"), 18.0)] == ["r1"]
