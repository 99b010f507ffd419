"""Read uncertain segments again, wider and narrower, and let the readings vote (test-time augmentation).

If the network is certain, the reading does not depend on the exact width of the crop. If it is not, its mistakes
differ. numpy and cv2 only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np

from services.recognizer.decoding import Recognition
from shared.arrays import Pixels

# Confidence below which a segment is read again: one of 30 segments on receipts of SROIE, one of 14 on WildReceipt.
DOUBTFUL_CONFIDENCE = 0.6
# Factors of the width of a crop.
_STRETCHES = (1.15, 0.87)


def stretch_crop(crop: Pixels) -> list[Pixels]:
    """Return a wider and a narrower version of a crop.

    Args:
        crop: `(h, w)` gray, not empty.

    Returns:
        Two crops of the same height.
    """
    height, width = crop.shape
    sizes = ((max(1, round(width * factor)), height) for factor in _STRETCHES)
    return [np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR), np.uint8) for size in sizes]


def vote(readings: Sequence[Recognition]) -> Recognition:
    """Choose the text with the highest total confidence.

    Args:
        readings: At least one; the first one wins a tie.

    Returns:
        The text; its confidence is the mean over all readings, with 0 for those that differ.
    """
    votes: defaultdict[str, float] = defaultdict(float)
    for one in readings:
        votes[one.text] += one.confidence
    text = max(votes, key=votes.__getitem__)
    gaps = next(one.gaps for one in readings if one.text == text)
    return Recognition(text, votes[text] / len(readings), gaps)
