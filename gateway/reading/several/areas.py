"""Tell to which of several receipts on a page something belongs: the one in whose outline it is, or the nearest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.arrays import Doubles
from shared.contracts import Quad


def find_area(quad: Quad, outlines: Sequence[Quad]) -> int:
    """Return the index of the outline in which the center of a quad is, or that is nearest to it."""
    center = np.mean(quad, axis=0)
    distances = [_measure_distance(center, np.array(outline, np.float64)) for outline in outlines]
    return int(np.argmin(distances))


def _measure_distance(point: Doubles, outline: Doubles) -> float:
    """Return by how far a point is outside a convex outline `(4, 2)`; negative inside."""
    edges = np.roll(outline, -1, axis=0) - outline
    lengths = np.maximum(np.linalg.norm(edges, axis=1), 1e-6)
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / lengths[:, None]
    return float(((point - outline) * normals).sum(axis=1).max())
