"""Test estimating the skew of lines from positions of characters."""

from __future__ import annotations

import numpy as np
import pytest

from services.detector.orientation.skew import estimate_skew
from services.detector.scale import find_characters, find_ink
from tests.support.printed_pages import turn_page


def test_contrast_is_higher_along_lines() -> None:
    characters = find_characters(find_ink(turn_page(90, 3.0)[0]))
    assert characters is not None
    across, along = (estimate_skew(characters.centers, characters.height, axis) for axis in (0, 1))
    assert along.contrast > 1.4 * across.contrast


@pytest.mark.parametrize("centers", [np.zeros((0, 2)), np.ones((1, 2)), np.ones((5, 2))])
def test_too_little_text_has_no_clear_skew(centers: np.ndarray) -> None:
    skew = estimate_skew(centers, 10.0, 0)
    assert abs(skew.degrees) <= 16.5
    assert skew.contrast == pytest.approx(1.0)
