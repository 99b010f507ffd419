"""Damaging labeled receipts."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.damage import KINDS, damage, write_copy
from shared.learning.dataset import load_split, write_receipt, write_split
from shared.learning.labels import LabeledReceipt, LabeledSegment

QUADS = np.array(
    [[[40, 30], [140, 30], [140, 50], [40, 50]], [[60, 150], [110, 150], [110, 170], [60, 170]]], np.float32
)


@pytest.fixture
def receipt(tmp_path: Path) -> LabeledReceipt:
    image = np.full((240, 180, 3), 235, np.uint8)
    for quad in QUADS:
        (left, top), (right, bottom) = (corner.astype(int).tolist() for corner in (quad[0] + 3, quad[2] - 4))
        cv2.rectangle(image, (left, top), (right, bottom), (20, 20, 20), -1)
    segments = [LabeledSegment(quad, text) for quad, text in zip(QUADS, ("SHOP", "9.00"), strict=True)]
    write_receipt(tmp_path, "a", image, segments, {"total": "9.00"})
    write_split(tmp_path, {"validation": ["a"]})
    return load_split(tmp_path, "validation")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_labels_stay_on_the_print(receipt: LabeledReceipt, kind: str) -> None:
    image, quads = damage(receipt, kind, seed=3)
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(float)
    for quad in quads:
        inside = np.zeros(gray.shape, np.uint8)
        cv2.fillConvexPoly(inside, quad.astype(np.int32), 1)
        around = cv2.dilate(inside, np.ones((9, 9), np.uint8)) - inside
        assert gray[inside > 0].mean() < 0.8 * gray[around > 0].mean()


@pytest.mark.parametrize("kind", ["skewed", "table", "crumpled"])
def test_damage_depends_on_the_seed(receipt: LabeledReceipt, kind: str) -> None:
    first, again, other = (damage(receipt, kind, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_a_rotation_keeps_the_first_corner_at_the_start_of_the_text(receipt: LabeledReceipt) -> None:
    image, quads = damage(receipt, "turned_90", seed=1)
    assert image.shape[:2] == (180, 240)
    assert quads[0].tolist() == [[210, 40], [210, 140], [190, 140], [190, 40]]


def test_writes_a_data_set(receipt: LabeledReceipt, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    write_copy([receipt], "shrunk_60", 1, out)
    write_split(out, {"validation": ["a"]})
    (copy,) = load_split(out, "validation")
    assert copy.entities["total"] == "9.00"
    assert copy.quads[0, 0].tolist() == [24, 18]
    assert json.loads((out / "split.json").read_text()) == {"validation": ["a"]}
