"""Flaws of pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.photos.flaws import FLAWS, draw_no_receipt
from shared.contracts import PageQuality


def draw_page() -> tuple[np.ndarray, np.ndarray]:
    image = np.full((400, 300, 3), 220, np.uint8)
    quads = []
    for y in range(60, 360, 30):
        cv2.putText(image, "TOTAL 123.45", (40, y), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (20, 20, 20), 2)
        quads.append([(40, y - 18), (220, y - 18), (220, y + 4), (40, y + 4)])
    return image, np.array(quads, np.float32)


@pytest.mark.parametrize("flaw", FLAWS)
def test_flaws_are_visible_and_reproducible(flaw: str) -> None:
    image, quads = draw_page()
    before = image.copy()
    apply = FLAWS[flaw][1]
    damaged = apply(image, quads, np.random.default_rng(4))
    assert damaged.dtype == np.uint8
    assert (image == before).all()
    assert np.array_equal(damaged, apply(image, quads, np.random.default_rng(4)))
    assert damaged.shape != image.shape or np.abs(damaged.astype(int) - image).max() > 50


def test_scores_of_flaws_exist() -> None:
    names = {name.partition(".")[0] for scores, _ in FLAWS.values() for name in scores}
    assert names <= set(PageQuality.model_fields)


def test_pictures_without_a_receipt_differ() -> None:
    rng = np.random.default_rng(2)
    first, second = draw_no_receipt(rng), draw_no_receipt(rng)
    assert first.shape != second.shape or not np.array_equal(first, second)
