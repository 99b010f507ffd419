"""Tests of the released weights and their manifest."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.detector.network.loading import NAME
from services.detector.predictor import Predictor
from services.detector.settings import WEIGHTS, DetectorSettings
from services.detector.training.evaluate import record_measures
from shared.inference.weights import read_manifest


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.load(DetectorSettings(weights=WEIGHTS, device="cpu"))


def test_finds_printed_rows_and_separates_them_at_wide_gaps(predictor: Predictor) -> None:
    image = np.full((420, 460, 3), 245, np.uint8)
    rows = [("CASH BILL", ""), ("CHOCOLATE CAKE", "12.50"), ("ORANGE JUICE", "4.20"), ("TOTAL", "16.70")]
    for number, (left, right) in enumerate(rows):
        y = 80 + 70 * number
        cv2.putText(image, left, (40, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (30, 30, 30), 2, cv2.LINE_AA)
        cv2.putText(image, right, (340, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (30, 30, 30), 2, cv2.LINE_AA)
    (detection,) = predictor.predict([image])
    assert len(detection.quads) == 7
    centers = detection.quads.mean(axis=1)
    assert sum(centers[:, 0] > 320) == 3
    assert (detection.scores > 0.8).all()


def test_blank_page_has_no_segments(predictor: Predictor) -> None:
    noise = np.random.default_rng(0).normal(235, 6, (400, 300, 3)).clip(0, 255).astype(np.uint8)
    assert len(predictor.predict([noise])[0].scores) == 0


def test_manifest_has_data_recipe_and_measures() -> None:
    manifest = read_manifest(WEIGHTS, name=NAME)
    assert "CC BY 4.0" in manifest.training["data"]
    assert manifest.training["steps_done"] > 0
    assert 0.5 < manifest.measures["validation"]["deteval"]["hmean"] <= 1.0


def test_records_measures_in_manifest(tmp_path: Path) -> None:
    shutil.copy(WEIGHTS / "manifest.json", tmp_path)
    before = read_manifest(tmp_path, name=NAME)
    measures = {"precision": 0.5, "recall": 0.5, "hmean": 0.5}
    record_measures(tmp_path, "other", {"deteval": measures, "iou50": measures, "receipts": 3, "segments": 9})
    after = read_manifest(tmp_path, name=NAME)
    assert after.measures["other"] == {"deteval": measures, "iou50": measures, "receipts": 3}
    assert after.measures["validation"] == before.measures["validation"]
    assert after.version == before.version
