"""Spans of text that belong to a field, from the probabilities of characters. numpy only.

A field of several segments is a run of neighbors in reading order. Within a segment only whole words count, since the
network is often unsure about single characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from services.extractor.encoding import Document
from shared.arrays import Floats

# A word ends at a space, and before a bracket that follows without one: "SB(306295-X)".
_WORD = re.compile(r"\(?[^\s(]+(?:\([^\s)]*\)(?=\w))?|\(")
# A rest of a segment with fewer letters and digits than this joins the part next to it.
_LEFT_OUT = 3
# Score from which a part certainly belongs to a field.
_CLEAR = 0.9


@dataclass(frozen=True)
class Part:
    """The part of one segment that belongs to a field.

    Attributes:
        place: Place of the segment in reading order.
        start: First character in the document's text.
        end: End in the document's text.
        score: Mean probability of the field over the letters and digits of the part, 0 to 1.
    """

    place: int
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Span:
    """The parts of a field, in reading order.

    Attributes:
        parts: At least one part.
        score: Mean probability of the field over all letters and digits of the parts, 0 to 1.
        doubt: How unclear the least clear decision about a segment is, 0 (clear) to 1 (even odds).
    """

    parts: tuple[Part, ...]
    score: float
    doubt: float

    def text(self, document: Document) -> str:
        """Return the parts joined by single spaces."""
        return " ".join(" ".join(document.text[part.start : part.end] for part in self.parts).split())


def best_span(document: Document, probability: Floats, *, skip: int, most: int, edge: float = 0.0) -> Span | None:
    """Find the run of segments that is most likely a field.

    Args:
        document: The receipt.
        probability: (T,) probability of the field for each character.
        skip: Number of neighboring segments in between that may belong to something else.
        most: Maximum number of parts.
        edge: If one part certainly belongs to the field, drop first and last parts with a lower score than this.

    Returns:
        The span, or None if no run is more likely than not.
    """
    parts = [part for place in range(len(document.order)) if (part := _part(document, probability, place))]
    best: list[Part] = []
    best_gain = 0.0
    for first in range(len(parts)):
        run = [parts[first]]
        for part in parts[first + 1 :]:
            if part.place - run[-1].place > skip + 1 or len(run) == most:
                break
            run.append(part)
        gain = sum((part.score - 0.5) * (part.end - part.start) for part in run)
        if gain > best_gain:
            best, best_gain = run, gain
    if not best:
        return None
    best = _trim(best, edge)
    sizes = np.array([part.end - part.start for part in best])
    score = float((np.array([part.score for part in best]) * sizes).sum() / sizes.sum())
    return Span(tuple(best), score, _doubt(document, probability, best))


def mean_probability(document: Document, probability: Floats, start: int, end: int) -> float:
    """Return the mean over the letters and digits from `start` to `end`; 0 without any."""
    pairs = zip(document.text[start:end], probability[start:end].tolist(), strict=True)
    chosen = [value for character, value in pairs if character.isalnum()]
    return sum(chosen) / len(chosen) if chosen else 0.0


def _trim(parts: list[Part], edge: float) -> list[Part]:
    if max(part.score for part in parts) < _CLEAR:
        return parts
    clear = [number for number, part in enumerate(parts) if part.score >= edge]
    return parts[clear[0] : clear[-1] + 1]


def _part(document: Document, probability: Floats, place: int) -> Part | None:
    """Return the words of a segment that likely belong to a field: the run with the largest gain over even odds."""
    begin, text = int(document.start[place]), document.segment_text(place)
    words = [(begin + match.start(), begin + match.end()) for match in _WORD.finditer(text)]
    best, best_gain = None, 0.0
    gain, first = 0.0, 0
    for number, (start, end) in enumerate(words):
        if gain <= 0:
            gain, first = 0.0, number
        letters = sum(map(str.isalnum, document.text[start:end]))
        gain += (mean_probability(document, probability, start, end) - 0.5) * letters
        if gain > best_gain:
            best, best_gain = (words[first][0], end), gain
    if best is None:
        return None
    start, end = _take_rests(document, begin, begin + len(text), *best)
    score = mean_probability(document, probability, start, end)
    return Part(place, start, end, score) if score > 0.5 else None


def _take_rests(document: Document, begin: int, finish: int, start: int, end: int) -> tuple[int, int]:
    """Extend a part to the ends of its segment where only a period, a bracket or a short word would be left out."""
    if sum(character.isalnum() for character in document.text[begin:start]) < _LEFT_OUT:
        start = begin
    if sum(character.isalnum() for character in document.text[end:finish]) < _LEFT_OUT:
        end = finish
    return start, end


def _doubt(document: Document, probability: Floats, parts: list[Part]) -> float:
    taken = {part.place for part in parts}
    doubt = 0.0
    for place in range(len(document.order)):
        mean = mean_probability(document, probability, int(document.start[place]), int(document.start[place + 1]) - 1)
        if place in taken:
            mean = max(mean, next(part.score for part in parts if part.place == place))
        doubt = max(doubt, 1.0 - abs(2.0 * mean - 1.0))
    return doubt


def row_text(document: Document, row: int) -> str:
    """Return the text of a row, with tabs between segments."""
    return document.row_texts[row]
