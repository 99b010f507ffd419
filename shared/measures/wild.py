"""Measures on receipts whose labels leave out the spaces, such as those of WildReceipt (arXiv:2103.14470).

Texts are compared without white space and case. A company or an address counts as right from an edit similarity of 0.9
(one less the Levenshtein distance over the longer length); dates and totals have to be equal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from rapidfuzz.distance import Levenshtein

from shared.measures.deteval import iou_pairs
from shared.measures.matches import Matches

SIMILAR = 0.9
"""Edit similarity from which a company or an address is right."""


def packed(text: str) -> str:
    """The form in which texts are compared: no white space, upper case."""
    return "".join(text.upper().split())


def segments_read(
    labels: ArrayLike, texts: Sequence[str], found: ArrayLike, read: Sequence[str], threshold: float = 0.5
) -> Matches:
    """Whole segments of one receipt that were found and read right.

    Args:
        labels: Labeled boxes (N, 4) or quads (N, 4, 2), pixels.
        texts: What each of them says.
        found: Boxes or quads that were found, (M, 4) or (M, 4, 2).
        read: What was read in each of them.
        threshold: Least intersection over union of a match; matches are one to one, best first.
    """
    pairs = iou_pairs(labels, found, threshold)
    right = sum(packed(texts[label]) == packed(read[detection]) for label, detection in pairs)
    return Matches(matched=right, labeled=len(texts), answered=len(read))


def value_found(accepted: Sequence[str], answer: str | None, *, similar: bool = False) -> Matches:
    """One field of one receipt.

    Args:
        accepted: The texts that are right; none if the receipt does not have the field.
        answer: What was answered; None or '' for nothing.
        similar: Whether an edit similarity of `SIMILAR` is enough.
    """
    wanted = [packed(text) for text in accepted if packed(text)]
    given = packed(answer or "")
    if similar:
        right = bool(given) and any(Levenshtein.normalized_similarity(text, given) >= SIMILAR for text in wanted)
    else:
        right = bool(given) and given in wanted
    return Matches(matched=int(right), labeled=int(bool(wanted)), answered=int(bool(given)))


def boxes_of(quads: Sequence[ArrayLike]) -> np.ndarray:
    """Quads as (N, 4, 2) float32, also where there are none."""
    return np.array(quads, np.float32).reshape(-1, 4, 2)
