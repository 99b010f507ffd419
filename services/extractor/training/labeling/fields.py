"""Find which characters of a receipt are its company, date, address and total, from four labeled strings.

A value is searched for by its letters and digits only, since labels differ from the print in punctuation and spaces.
Where the print also differs in a few letters (people typed the labels), the most similar run of segments counts.
Serving code never imports this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from services.extractor.encoding import Document, TextSegment, encode
from services.extractor.spans import row_text
from services.extractor.totals import is_total_row
from shared.arrays import Floats
from shared.contracts import FIELD_NAMES
from shared.learning.labels import LabeledReceipt
from shared.normalization import find_amounts, find_dates, parse_amount, parse_date

IGNORED = -100
NO_GROUPS = -1
_COMPANY, _DATE, _ADDRESS, _TOTAL = (1 + FIELD_NAMES.index(name) for name in ("company", "date", "address", "total"))

# Minimum similarity, 0 to 1, of a value that is not printed letter by letter.
_SIMILAR = 0.75
_MAX_SEGMENTS = 8


@dataclass
class LabeledText:
    """One segment with the label of each of its characters.

    Attributes:
        quad: (4, 2) pixels.
        text: What is printed or was read.
        labels: (len(text),) see `services.extractor.training.labeling.targets`; IGNORED where nothing is known.
        confidence: Of the reading, 0 to 1.
        group: The item it belongs to, from 1; 0 if it belongs to none; NO_GROUPS if the dataset does not tell.
    """

    quad: Floats
    text: str
    labels: npt.NDArray[np.int64]
    confidence: float = 1.0
    group: int = NO_GROUPS


def label(receipt: LabeledReceipt) -> list[LabeledText]:
    """Label the segments of a receipt with 0 to 4 or IGNORED; returns them in reading order."""
    segments = [TextSegment(segment.quad, segment.text) for segment in receipt.segments]
    document = encode(segments)
    labels = np.zeros(len(document.text), np.int64)
    _mark_total(document, receipt.entities["total"], labels)
    _mark_date(document, receipt.entities["date"], labels)
    for name, number in (("address", _ADDRESS), ("company", _COMPANY)):
        span = locate(document, receipt.entities[name])
        if span is not None:
            labels[span[0] : span[1]] = number
    return [
        LabeledText(
            quad=segments[document.order[i]].quad,
            text=document.segment_text(i),
            labels=labels[document.start[i] : document.start[i + 1] - 1].copy(),
        )
        for i in range(len(document.order))
    ]


def letters(text: str) -> tuple[str, list[int]]:
    """Return the letters and digits of a text in upper case, and the place of each in the text."""
    places = [i for i, character in enumerate(text) if character.isalnum()]
    return "".join(text[i].upper()[:1] for i in places), places


def locate(document: Document, value: str) -> tuple[int, int] | None:
    """Return start and end of a value in a document, including closing punctuation; None if it is not there."""
    wanted, _ = letters(value)
    if not wanted:
        return None
    printed, places = letters(document.text)
    found = _exact(document, printed, places, wanted)
    if found is None:
        found = _similar(document, wanted)
    if found is None:
        return None
    start, end = found
    while end < len(document.text) and document.text[end] in ".)" and value.rstrip()[-1:] == document.text[end]:
        end += 1
    while start > 0 and document.text[start - 1] == "(" and value.lstrip()[:1] == "(":
        start -= 1
    return start, end


def _exact(document: Document, printed: str, places: Sequence[int], wanted: str) -> tuple[int, int] | None:
    """Return the first occurrence at the start of a segment; without one, the first of all."""
    first: tuple[int, int] | None = None
    at = printed.find(wanted)
    while at >= 0:
        span = (places[at], places[at + len(wanted) - 1] + 1)
        before = document.text[document.start[document.segment[span[0]]] : span[0]]
        if not any(character.isalnum() for character in before):
            return span
        first = first or span
        at = printed.find(wanted, at + 1)
    return first


def _similar(document: Document, wanted: str) -> tuple[int, int] | None:
    """Return the run of neighboring whole segments that is most similar to the value."""
    texts = [letters(document.segment_text(i))[0] for i in range(len(document.order))]
    best, best_span = _SIMILAR, None
    for first in range(len(texts)):
        joined = ""
        for last in range(first, min(first + _MAX_SEGMENTS, len(texts))):
            joined += texts[last]
            if len(joined) > 1.5 * len(wanted) + 4:
                break
            similarity = Levenshtein.normalized_similarity(joined, wanted)
            if similarity > best:
                best = similarity
                best_span = (int(document.start[first]), int(document.start[last + 1]) - 1)
    return best_span


def _mark_date(document: Document, value: str, labels: npt.NDArray[np.int64]) -> None:
    """Mark every print of the date in the form of the label; other forms of the same day are IGNORED."""
    wanted = letters(value)[0]
    day = parse_date(value)
    marked = False
    for i in range(len(document.order)):
        text, offset = document.segment_text(i), int(document.start[i])
        for match in find_dates(text):
            span = slice(offset + match.start, offset + match.end)
            if letters(match.text)[0] == wanted:
                labels[span] = _DATE
                marked = True
            elif day is not None and day in (match.day_first, match.month_first):
                labels[span] = IGNORED
    if not marked:
        found = locate(document, value)
        if found is not None:
            labels[found[0] : found[1]] = _DATE


def _mark_total(document: Document, value: str, labels: npt.NDArray[np.int64]) -> None:
    """Mark the total on rows that name it, without such rows every print of it; its other prints are IGNORED."""
    wanted = parse_amount(value)
    if wanted is None:
        return
    wanted_sign = find_amounts(value)[0].sign if find_amounts(value) else ""
    spans: list[tuple[slice, int]] = []
    for i in range(len(document.order)):
        text, offset = document.segment_text(i), int(document.start[i])
        for match in find_amounts(text):
            if match.amount == wanted:
                first, last = (match.start, match.end) if wanted_sign else (match.number_start, match.number_end)
                spans.append((slice(offset + first, offset + last), int(document.row[i])))
    named = [is_total_row(row_text(document, row)) for _, row in spans]
    for (span, _), name in zip(spans, named, strict=True):
        labels[span] = _TOTAL if name or not any(named) else IGNORED
