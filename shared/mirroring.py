"""Recognize quads of mirrored text. numpy only: the gateway needs it, and has no OpenCV."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def is_mirrored(quads: ArrayLike) -> bool:
    """Return whether quads `(N, 4, 2)`, together, run counterclockwise, as those of mirrored text do."""
    corners = np.asarray(quads, dtype=np.float64).reshape(-1, 4, 2)
    along = corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3]
    down = corners[:, 3] - corners[:, 0] + corners[:, 2] - corners[:, 1]
    return float((along[:, 0] * down[:, 1] - along[:, 1] * down[:, 0]).sum()) < 0
