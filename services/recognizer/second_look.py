"""Doubtful segments are read again, a little wider and narrower, and the readings vote.

A network that is sure reads the same whatever the crop's exact width; where it is not, it makes other mistakes at each
(test-time augmentation). numpy and cv2 only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np

from services.recognizer.decoding import Recognition
from shared.arrays import Pixels

DOUBTFUL = 0.6
"""Confidence below which a text is read again: one segment of 30 on receipts of SROIE, one of 14 on WildReceipt."""
_STRETCHES = (1.15, 0.87)


def looks(crop: Pixels) -> list[Pixels]:
    """Other looks at a segment: wider and narrower.

    Args:
        crop: `(h, w)` gray, not empty.

    Returns:
        Two crops of the same height.
    """
    height, width = crop.shape
    sizes = ((max(1, round(width * factor)), height) for factor in _STRETCHES)
    return [np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR), np.uint8) for size in sizes]


def vote(readings: Sequence[Recognition]) -> Recognition:
    """The text that has most of the confidence of all readings.

    Args:
        readings: At least one; the first wins where votes are equal.

    Returns:
        The text; its confidence is the mean over the readings, where one that says otherwise counts as zero.
    """
    votes: defaultdict[str, float] = defaultdict(float)
    for one in readings:
        votes[one.text] += one.confidence
    text = max(votes, key=votes.__getitem__)
    return Recognition(text, votes[text] / len(readings))
