"""Label the boundaries between words: they part segments if the words are in different labeled segments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.segmentation.readings import ReadReceipt
from gateway.reading.segmentation.boundaries import Boundaries, Words, describe_boundaries, list_words
from shared.arrays import Doubles, Floats, Indices, Integers
from shared.contracts import Quad, RecognizedText
from shared.measures.wild import stack_quads

UNKNOWN = -1
# Points along a word that are looked up in the labels.
_POINTS = np.linspace(0.1, 0.9, 5)
# A point belongs to a label up to this far (heights) beyond its ends, if the label is not much higher than the line.
_BEYOND, _MAX_HEIGHT = 0.25, 2.5


@dataclass(frozen=True)
class LabeledPage:
    """The words of one receipt.

    Attributes:
        receipt: The receipt and its readings.
        quads: Lines that have text.
        texts: Their texts.
        words: The words of these lines; None if there are none.
        boundaries: The boundaries between them.
        parted: `(B,)` 1 for boundaries that part segments, 0 for others, and `UNKNOWN`.
    """

    receipt: ReadReceipt
    quads: list[Quad]
    texts: list[RecognizedText]
    words: Words | None = None
    boundaries: Boundaries | None = None
    parted: Integers | None = None


def label_page(receipt: ReadReceipt) -> LabeledPage:
    """Describe and label the boundaries of a receipt."""
    pairs = zip(receipt.reading.quads, receipt.reading.texts, strict=True)
    printed = [(quad, text) for quad, text in pairs if text.text.strip()]
    quads, texts = [quad for quad, _ in printed], [text for _, text in printed]
    if not printed:
        return LabeledPage(receipt, quads, texts)
    words = list_words(quads, texts)
    boundaries = describe_boundaries(words)
    owner = find_owners(words, stack_quads(quads), receipt.labeled.quads)
    left, right = owner[boundaries.left], owner[boundaries.left + 1]
    parted = np.where((left < 0) | (right < 0), UNKNOWN, left != right).astype(np.int64)
    return LabeledPage(receipt, quads, texts, words, boundaries, parted)


def find_owners(words: Words, quads: Floats, labels: Floats) -> Indices:
    """Return the index of the labeled quad `(L, 4, 2)` that most points of each word are in, or -1, `(W,)`."""
    if not len(labels):
        return np.full(len(words.texts), -1, np.intp)
    share = words.start[:, None] + (words.stop - words.start)[:, None] * _POINTS
    lines = quads[words.line].astype(np.float64)
    begin, end = 0.5 * (lines[:, 0] + lines[:, 3]), 0.5 * (lines[:, 1] + lines[:, 2])
    points = begin[:, None] + share[..., None] * (end - begin)[:, None]
    heights = np.repeat(np.linalg.norm(lines[:, 3] - lines[:, 0], axis=1), len(_POINTS))
    owner = _find_labels(points.reshape(-1, 2), heights, labels.astype(np.float64)).reshape(len(lines), -1)
    return np.array([np.bincount(row + 1, minlength=1).argmax() - 1 for row in owner], np.intp)


def _find_labels(points: Doubles, heights: Doubles, labels: Doubles) -> Indices:
    """Return the label that each point `(P, 2)` on a line of some height is in, or -1, `(P,)`."""
    along = 0.5 * (labels[:, 1] - labels[:, 0] + labels[:, 2] - labels[:, 3])
    width = np.maximum(np.linalg.norm(along, axis=1), 1e-6)
    height = np.maximum(np.linalg.norm(0.5 * (labels[:, 3] - labels[:, 0] + labels[:, 2] - labels[:, 1]), axis=1), 1.0)
    axis = along / width[:, None]
    away = points[:, None] - labels.mean(axis=1)[None]
    beyond = (np.abs((away * axis).sum(axis=2)) - width / 2) / height
    aside = np.abs(away[..., 1] * axis[:, 0] - away[..., 0] * axis[:, 1]) / height
    fits = (beyond < _BEYOND) & (aside < 0.5) & (height[None] < _MAX_HEIGHT * heights[:, None])
    distance = np.where(fits, np.maximum(beyond, -0.2) + 0.5 * aside, np.inf)
    return np.where(fits.any(axis=1), distance.argmin(axis=1), -1).astype(np.intp)
