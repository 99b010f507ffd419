"""What labels say is to be ignored: finding it is neither right nor wrong.

The "don't care" regions of the ICDAR robust reading challenges (Karatzas et al., 2015, "ICDAR 2015 Competition on
Robust Reading", section 3): such a label is not asked for, and a detection that mostly lies in one is not counted.
"""

from __future__ import annotations

import numpy as np

from shared.arrays import Flags, Floats

_MOSTLY = 0.5


def counted(quads: Floats, ignored: Floats, labels: Floats) -> Flags:
    """Which of the quads found count.

    Those that lie by more than half in the boxes to ignore, and not by more than half in labeled ones, do not: what is
    to be ignored may be drawn generously around or over labeled print (handwriting across a receipt, for example).

    Args:
        quads: N x 4 x 2, in pixels of the page.
        ignored: M x 4 x 2, what the labels say is to be ignored.
        labels: L x 4 x 2.

    Returns:
        N, true for those that count.
    """
    if not len(quads) or not len(ignored):
        return np.ones(len(quads), bool)
    dropped = (_share_within(quads, ignored) > _MOSTLY) & (_share_within(quads, labels) <= _MOSTLY)
    return np.asarray(~dropped, bool)


def _share_within(quads: Floats, others: Floats) -> Floats:
    """Share of the box of each of N quads that lies in the boxes of others; overlapping ones count twice."""
    low, high = quads.min(axis=1), quads.max(axis=1)
    if not len(others):
        return np.zeros(len(quads), np.float32)
    sides = np.minimum(high[:, None], others.max(axis=1)[None]) - np.maximum(low[:, None], others.min(axis=1)[None])
    covered = np.clip(sides, 0.0, None).prod(axis=2).sum(axis=1)
    return np.asarray(covered / np.maximum((high - low).prod(axis=1), 1e-6), np.float32)
