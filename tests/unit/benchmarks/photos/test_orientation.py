"""Measuring the orientation of pages."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.photos.long_receipts import render_long_receipt
from benchmarks.photos.orientation import measure
from shared.arrays import Pixels


def test_counts_pages_by_the_turn_that_was_found() -> None:
    page = np.full((40, 20), 255, np.uint8)
    page[:10, :10] = 0

    def find_dark_corner(turned: Pixels) -> int:
        # Never finds 270 degrees, at which the dark corner is at the bottom left.
        return {(0, 0): 0, (0, 1): 90, (1, 1): 180, (1, 0): 0}[
            next((row, column) for row in (0, 1) for column in (0, 1) if turned[-row, -column] == 0)
        ]

    assert measure([("a", page)], find_dark_corner) == {
        "pages": 4,
        "right": 0.75,
        "wrong": [{"key": "a", "turned": 270, "found": 0}],
    }


@pytest.mark.parametrize("seed", [0, 3])
def test_long_receipts_are_long_and_reproducible(seed: int) -> None:
    page = render_long_receipt(seed)
    assert page.shape[0] > 1.5 * page.shape[1]
    assert page.shape[2] == 3
    assert np.array_equal(page, render_long_receipt(seed))
