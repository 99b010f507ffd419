"""Test the damage of training crops and the labels that move with it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.detector.training.damage import (
    damage_page,
    degrade,
    draw_bend,
    draw_perspective,
    move_points,
    put_on_background,
    warp_image,
)
from services.detector.training.samples import CropSettings, LoadedReceipt, draw_crop, measure_tilt

NOWHERE = np.zeros((0, 4, 2), np.float32)


def rows_of_print(count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Draw black bars on white; return the image with the quads of the bars."""
    gray = np.full((400, 300), 255, np.uint8)
    quads = []
    for y in range(40, 40 + 50 * count, 50):
        cv2.rectangle(gray, (60, y), (240, y + 20), 0, -1)
        quads.append([(60, y), (240, y), (240, y + 20), (60, y + 20)])
    return gray, np.array(quads, np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_labels_move_with_print(seed: int) -> None:
    gray, quads = rows_of_print()
    rng = np.random.default_rng(seed)
    matrix, field = draw_perspective(300, 400, rng), draw_bend(300, 400, rng)
    bent = warp_image(gray, matrix, field, (300, 400))
    mask = np.zeros_like(gray)
    for quad in move_points(quads, matrix, field):
        cv2.fillConvexPoly(mask, quad.round().astype(np.int32), 255)
    ink = bent < 128
    assert (ink & (mask > 0)).sum() / (ink | (mask > 0)).sum() > 0.8
    still = np.zeros_like(gray)
    for quad in quads:
        cv2.fillConvexPoly(still, quad.astype(np.int32), 255)
    # The print has moved.
    assert (ink & (still > 0)).sum() / (ink | (still > 0)).sum() < 0.99


def test_moves_no_points() -> None:
    rng = np.random.default_rng(0)
    assert move_points(NOWHERE, draw_perspective(64, 64, rng), draw_bend(64, 64, rng)).shape == (0, 4, 2)


def test_background_keeps_print() -> None:
    gray, quads = rows_of_print()
    laid = put_on_background(gray, quads, 12.0, np.random.default_rng(3))
    assert np.array_equal(laid[42:58, 70:230], gray[42:58, 70:230])
    assert abs(float(laid[:10, :10].mean()) - 255) > 5


def test_degrade_keeps_shape_and_type() -> None:
    gray, _ = rows_of_print()
    for seed in range(8):
        worn = degrade(gray, np.random.default_rng(seed))
        assert worn.shape == gray.shape
        assert worn.dtype == np.uint8


def test_damage_is_reproducible() -> None:
    gray, quads = rows_of_print()
    image = np.repeat(gray[:, :, None], 3, axis=2)
    first, second = (damage_page(image, quads, NOWHERE, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert np.abs(first[1] - quads).max() > 0.5


@pytest.mark.parametrize("angle", [0.0, 3.0, 90.0, -170.0])
def test_measures_tilt_of_rows(angle: float) -> None:
    _, quads = rows_of_print()
    turn = np.deg2rad(angle)
    turned = quads @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    assert measure_tilt(turned.astype(np.float32)) == pytest.approx(angle, abs=0.01)


def test_crops_of_tilted_receipt_are_upright() -> None:
    gray, quads = rows_of_print()
    sideways = np.rot90(gray, -1)
    turned = np.stack([399 - quads[..., 1], quads[..., 0]], axis=-1).astype(np.float32)
    receipt = LoadedReceipt("askew", sideways, turned, 20.0, tilt=measure_tilt(turned))
    settings = CropSettings(height=256, width=256, damage=0.0)
    for seed in range(4):
        crop, labels, _ = draw_crop(receipt, settings, np.random.default_rng(seed))
        assert len(labels)
        assert abs(measure_tilt(labels)) < 2.6
        seen = [(x, y) for x, y in labels.mean(axis=1).round().astype(int) if 4 < x < 251 and 4 < y < 251]
        assert all(crop[y, x] < crop.mean() for x, y in seen)


def test_damaged_crop_has_ignored_print() -> None:
    gray, quads = rows_of_print()
    receipt = LoadedReceipt("one", gray, quads[:4], 20.0, ignored=quads[4:])
    settings = CropSettings(height=256, width=256, damage=1.0)
    crop, labels, ignored = draw_crop(receipt, settings, np.random.default_rng(1))
    assert crop.shape == (256, 256)
    assert len(labels) <= 4
    assert ignored.shape == (2, 4, 2)
