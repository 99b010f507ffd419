"""Tests of the conversion to gray."""

from __future__ import annotations

import numpy as np
import pytest

from shared.pictures.gray import to_gray


def test_weights_channels_as_bgr() -> None:
    blue = np.zeros((2, 3, 3), np.uint8)
    blue[..., 0] = 255
    assert to_gray(blue).tolist() == [[29] * 3] * 2  # the weight of blue in BT.601


def test_returns_gray_images_unchanged() -> None:
    gray = np.full((2, 3), 7, np.uint8)
    assert to_gray(gray) is gray
    assert to_gray(gray[..., None]).tolist() == gray.tolist()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((4, 4, 4), np.uint8),
    ],
)
def test_rejects_other_arrays(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 array"):
        to_gray(image)
