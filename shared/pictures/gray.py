"""Conversion of pixels to gray."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.arrays import Pixels


def to_gray(image: NDArray[Any]) -> Pixels:
    """Return an image as gray pixels `(H, W)`, the luma of ITU-R BT.601.

    Args:
        image: uint8, `(H, W)`, `(H, W, 1)` or `(H, W, 3)` BGR, not empty.

    Raises:
        ValueError: For any other array.
    """
    if image.dtype != np.uint8 or image.size == 0 or image.ndim < 2 or image.shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f"An image is a uint8 array (H, W) or (H, W, 3), not {image.dtype} {image.shape}")
    if image.ndim == 2:
        return image
    if image.shape[2] == 1:
        return np.ascontiguousarray(image[:, :, 0])
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
