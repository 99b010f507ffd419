"""Judge by the reading whether a page was looked at the right way, and describe the other ways.

A text that is read upside down or in a mirror gets low confidences. The corners of a segment tell the recognizer where
its text starts and which side is its top, so another order of the corners is another way to look at it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts import Quad, RecognizedText, TurnedPage

# Legibility below which a page is looked at in other ways. That of the validation receipts is at least 0.73 (SROIE) and
# 0.53 (WildReceipt), and that of 12 photographs upside down or mirrored at most 0.28.
_ILLEGIBLE = 0.5
# Minimum gain in legibility of a better way.
_MIN_GAIN = 0.15
# Number of segments that are read in every way; the longest ones, which say most.
_SAMPLE = 16


@dataclass(frozen=True)
class View:
    """A way to look at a page.

    Attributes:
        corners: For each corner of a segment from the top left of the text on, its index among the detected ones.
        turn: Degrees clockwise by which the text is turned, in addition to what was detected.
        is_mirrored: Whether the text is mirrored.
    """

    corners: tuple[int, int, int, int]
    turn: int
    is_mirrored: bool

    def order_corners(self, quad: Quad) -> Quad:
        """Return a detected quad with its corners as they are in this view."""
        first, second, third, fourth = (quad[index] for index in self.corners)
        return first, second, third, fourth

    def describe_page(self, page: TurnedPage) -> TurnedPage:
        """Return a detected page as it is in this view."""
        return page.model_copy(update={"rotation": (page.rotation + self.turn) % 360, "mirrored": self.is_mirrored})


AS_DETECTED = View((0, 1, 2, 3), 0, is_mirrored=False)
OTHER_VIEWS = (
    View((2, 3, 0, 1), 180, is_mirrored=False),
    View((1, 0, 3, 2), 0, is_mirrored=True),
    View((3, 2, 1, 0), 180, is_mirrored=True),
)


def measure_legibility(texts: Sequence[RecognizedText]) -> float:
    """Return the mean confidence of texts, weighted by their length, 0 to 1.

    Short texts say little: many digits and capitals look alike upside down or mirrored.
    """
    total = sum(len(text.text.strip()) for text in texts)
    return sum(len(text.text.strip()) * text.confidence for text in texts) / total if total else 0.0


def is_illegible(texts: Sequence[RecognizedText]) -> bool:
    """Return whether the texts of a page suggest that it was looked at the wrong way."""
    return measure_legibility(texts) < _ILLEGIBLE


def choose_sample(quads: Sequence[Quad]) -> list[Quad]:
    """Return the longest segments of a page."""
    return sorted(quads, key=lambda quad: math.dist(quad[0], quad[1]), reverse=True)[:_SAMPLE]


def choose_view(views: Sequence[View], readings: Sequence[Sequence[RecognizedText]], least: float) -> View | None:
    """Choose the view in which segments are most legible.

    Args:
        views: The views.
        readings: Texts of the same segments in each of them.
        least: Legibility that a better view must exceed clearly.

    Returns:
        The view; None if none is clearly better.
    """
    legibility = [measure_legibility(texts) for texts in readings]
    best = max(range(len(views)), key=legibility.__getitem__)
    return views[best] if legibility[best] >= least + _MIN_GAIN else None
