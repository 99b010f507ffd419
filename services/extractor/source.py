"""The segments behind an encoded receipt: their positions, and the confidence of their readings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TypedDict

from services.extractor.encoding import Document, TextSegment
from shared.contracts import Quad
from shared.geometry import enclosing_quad, round_quad


class Place(TypedDict):
    """The keys of a field that locate it."""

    page: int
    quad: Quad
    lines: list[int]


class Source:
    """The segments that a document was encoded from."""

    def __init__(self, segments: Sequence[TextSegment], document: Document) -> None:
        self.segments = segments
        self.document = document

    def reading(self, parts: Iterable[tuple[int, int]]) -> float:
        """Return the probability that parts of segments were read without a mistake.

        Mistakes are assumed to be equally likely in all characters of a segment and independent of each other.

        Args:
            parts: Pairs of a segment's place in reading order and a number of its characters.
        """
        chances = (float(self._segment(place).confidence ** self._share(place, length)) for place, length in parts)
        return float(math.prod(chances))

    @cached_property
    def page_reading(self) -> float:
        """The mean confidence of all characters, 0 to 1; 1 without any."""
        lengths = [len(segment.text.strip()) for segment in self.segments]
        read = sum(length * segment.confidence for length, segment in zip(lengths, self.segments, strict=True))
        return float(read / sum(lengths)) if any(lengths) else 1.0

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
