"""Test jitter and wear of training segments."""

from __future__ import annotations

import numpy as np

from services.recognizer.alphabet import Alphabet
from services.recognizer.training.augmentation import cut_jittered, wear_cut
from services.recognizer.training.samples import (
    MARGIN,
    STORED_HEIGHT,
    Sample,
)

ALPHABET = Alphabet()


def sample(text: str, aspect: float, *, cased: bool = True) -> Sample:
    pixels = np.full((STORED_HEIGHT + 2 * MARGIN, round(aspect * STORED_HEIGHT) + 2 * MARGIN), 220, np.uint8)
    return Sample(pixels, text, ALPHABET.encode(text), cased, "r")


def test_exact_cut_is_label_box() -> None:
    stored = sample("AB", 2.0).pixels.copy()
    stored[MARGIN:-MARGIN, MARGIN:-MARGIN] = 10
    cut = cut_jittered(stored, MARGIN, height=32, stretch=1.5, rng=None)
    assert cut.shape == (32, 96)
    assert cut[2:-2, 2:-2].max() == 10


def test_jitter_stays_near_box() -> None:
    rng = np.random.default_rng(0)
    stored = sample("ABCDE", 4.0).pixels
    widths = [cut_jittered(stored, MARGIN, height=32, stretch=1.0, rng=rng).shape[1] for _ in range(200)]
    assert all(width % 4 == 0 for width in widths)
    assert 75 < min(widths) < 128 < max(widths) < 220


def test_wear_changes_image_and_keeps_shape() -> None:
    rng = np.random.default_rng(0)
    image = np.tile(np.array([30, 220], np.uint8).repeat(6), (32, 8))
    worn = [wear_cut(image, rng) for _ in range(50)]
    assert all(out.shape == image.shape and out.dtype == np.uint8 for out in worn)
    assert len({out.tobytes() for out in worn}) > 40
    # Still legible.
    assert np.median([np.ptp(out) for out in worn]) > 60
