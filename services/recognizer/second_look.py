"""Doubtful segments are read again, stretched and cut a little otherwise, and the readings vote.

A network that is sure reads the same whatever the crop's exact width and edges; where it is not, the looks fall on its
mistakes in different ways (test-time augmentation). numpy and cv2 only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognizer.decoding import Recognition
from shared.processor import adds_up_int8

DOUBTFUL = 0.65
"""Confidence below which a text is read again: one segment of 25 on receipts of SROIE, one of 12 on WildReceipt."""
_STRETCHES = (1.15, 0.87)
_EDGE = 0.05
"""Share of the height that is added to or taken from each side."""
_LEAST_ROWS = 12
"""Crops with fewer rows are left whole: their edges may be all there is of a letter."""


def pays(device: str) -> bool:
    """Whether there is time for it: where the processor multiplies int8 fast it costs a twentieth, elsewhere a tenth.

    Args:
        device: As `select_device` takes it; a GPU has time.
    """
    return device.startswith("cuda") or adds_up_int8()


def looks(crop: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Other looks at a segment: wider, narrower, with more around it, with less.

    Args:
        crop: `(h, w)` grey, not empty.

    Returns:
        Four crops, `(h, w)` each of its own size; three where too little would be left.
    """
    height, width = crop.shape
    edge = max(1, round(_EDGE * height))
    found = [
        np.asarray(cv2.resize(crop, (max(1, round(width * factor)), height), interpolation=cv2.INTER_LINEAR), np.uint8)
        for factor in _STRETCHES
    ]
    found.append(np.asarray(cv2.copyMakeBorder(crop, edge, edge, edge, edge, cv2.BORDER_REPLICATE), np.uint8))
    if height >= _LEAST_ROWS:
        found.append(crop[edge:-edge])
    return found


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
