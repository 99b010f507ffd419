"""Measuring how several receipts in one picture are separated."""

from __future__ import annotations

import numpy as np

from benchmarks.photos.several import is_separated


def make_receipt(x: float) -> np.ndarray:
    """Return the quads of four segments below each other, 40 pixels wide."""
    return np.array([[(x, y), (x + 40, y), (x + 40, y + 10), (x, y + 10)] for y in (0, 20, 40, 60)], np.float32)


def outline(low: float, high: float) -> np.ndarray:
    return np.array([(low, -5), (high, -5), (high, 75), (low, 75)], np.float32)


LEFT, RIGHT = make_receipt(0), make_receipt(60)


def test_each_receipt_needs_its_own_outline() -> None:
    assert is_separated([LEFT, RIGHT], [outline(55, 105), outline(-5, 45)])
    assert not is_separated([LEFT, RIGHT], [])
    assert not is_separated([LEFT, RIGHT], [outline(-5, 45)])
    # The first outline has both receipts, the second has the paper beside them.
    assert not is_separated([LEFT, RIGHT], [outline(-5, 105), outline(120, 160)])
    assert not is_separated([LEFT, RIGHT], [outline(-5, 105), outline(-5, 106)])


def test_single_receipt_must_not_be_split() -> None:
    assert is_separated([LEFT], [])
    assert not is_separated([LEFT], [outline(-5, 20), outline(20, 45)])
