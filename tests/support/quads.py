"""Quads for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from shared.arrays import Floats


def quads_from_boxes(boxes: ArrayLike) -> Floats:
    """Turn upright boxes `(N, 4)` of x0, y0, x1, y1 into quads `(N, 4, 2)`."""
    corners = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    return np.ascontiguousarray(corners[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))
