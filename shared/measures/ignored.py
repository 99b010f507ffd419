"""Exclude detections of print that the labels mark as ignored: finding it is neither right nor wrong.

These are the "don't care" regions of the ICDAR robust reading challenges (Karatzas et al., 2015, "ICDAR 2015
Competition on Robust Reading", section 3).
"""

from __future__ import annotations

import numpy as np

from shared.arrays import Flags, Floats

# A quad is inside a region if more than this share of its box is.
_MOSTLY = 0.5


def select_counted(quads: Floats, ignored: Floats, labels: Floats) -> Flags:
    """Select the detected quads that count.

    A quad does not count if more than half of it is inside ignored boxes, unless more than half of it is inside labeled
    ones: ignored boxes may be drawn generously around or over labeled print, such as handwriting across a receipt.

    Args:
        quads: `(N, 4, 2)` in pixels of the page.
        ignored: `(M, 4, 2)` ignored print.
        labels: `(L, 4, 2)` labeled print.

    Returns:
        `(N,)`, True for those that count.
    """
    if not len(quads) or not len(ignored):
        return np.ones(len(quads), bool)
    dropped = (_share_within(quads, ignored) > _MOSTLY) & (_share_within(quads, labels) <= _MOSTLY)
    return np.asarray(~dropped, bool)


def _share_within(quads: Floats, others: Floats) -> Floats:
    """Return the share of the box of each of N quads inside the boxes of others; overlapping ones count twice."""
    low, high = quads.min(axis=1), quads.max(axis=1)
    if not len(others):
        return np.zeros(len(quads), np.float32)
    sides = np.minimum(high[:, None], others.max(axis=1)[None]) - np.maximum(low[:, None], others.min(axis=1)[None])
    covered = np.clip(sides, 0.0, None).prod(axis=2).sum(axis=1)
    return np.asarray(covered / np.maximum((high - low).prod(axis=1), 1e-6), np.float32)
