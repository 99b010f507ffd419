"""Where the characters of an encoded receipt are on its pages, and how surely they were read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypedDict

from services.extractor.encoding import Document, TextSegment
from shared.contracts import Quad
from shared.geometry import enclosing_quad, round_quad


class Place(TypedDict):
    """The part of a field that says where it is."""

    page: int
    quad: Quad
    lines: list[int]


class Source:
    """Where the text of a receipt came from."""

    def __init__(self, segments: Sequence[TextSegment], document: Document) -> None:
        self.segments = segments
        self.document = document

    def reading(self, parts: Iterable[tuple[int, int]]) -> float:
        """Probability that parts of segments, each a place and a number of characters, were read without a mistake.

        A part of a segment has its share of the characters in which a mistake could be, taken to be alike and
        independent of each other.
        """
        chances = (float(self._segment(place).confidence ** self._share(place, length)) for place, length in parts)
        return float(math.prod(chances))

    def _share(self, place: int, length: int) -> float:
        return min(1.0, length / max(1, len(self.document.segment_text(place).strip())))

    def where(self, places: Sequence[int]) -> Place:
        """Return `page`, `quad` and `lines` of a field for segments, all on the page of the first one."""
        page = self._segment(places[0]).page
        quads = [self._segment(place).quad for place in places if self._segment(place).page == page]
        return Place(
            page=page,
            quad=round_quad(enclosing_quad(quads) if len(quads) > 1 else quads[0]),
            lines=sorted(int(self.document.order[place]) for place in places),
        )

    def _segment(self, place: int) -> TextSegment:
        return self.segments[int(self.document.order[place])]
