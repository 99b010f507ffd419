"""Find which characters of a receipt are its other fields and its items, from labeled strings.

Receipts that people corrected have them (`quittance corrections export`), and made-up pictures of the world. People
type amounts in their own way, so an amount is searched for by its value, everything else by its letters and digits.
What is not found, or is found in several places that nothing tells apart, stays open. Serving code never imports this
module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np

from services.extractor.encoding import TextSegment, encode
from services.extractor.network.classes import AMOUNT_CLASSES, CLASSES, ITEM_CLASSES
from services.extractor.training.labeling.fields import LabeledText, letters
from services.extractor.training.labeling.targets import BACKGROUND
from shared.learning.labels import LabeledReceipt
from shared.normalization import NumberFormat, find_amounts, find_concepts, infer_number_format
from shared.normalization.vocabulary import Concept

# Rows that an item may go on for below the row of its description, and begin above it.
_ROWS_BELOW, _ROWS_ABOVE = 3, 1
_NO_ITEM = 0
# The concepts that announce a class, where it is not called like its concept.
_CONCEPTS: Mapping[str, Concept] = {
    "service_charge": "service",
    "other_payment": "voucher",
    "item_discount": "discount",
}
_NUMBERS = ("item_quantity", "sub_quantity")


class _Place(NamedTuple):
    segment: int
    start: int
    end: int


def add_details(segments: Sequence[LabeledText], receipt: LabeledReceipt) -> list[LabeledText]:
    """Return segments in reading order with the classes of a receipt's details and items, where they were open."""
    if not receipt.details and receipt.items is None:
        return list(segments)
    finder = _Finder([replace(one, labels=one.labels.copy()) for one in segments])
    for item, parts in enumerate(receipt.items or (), start=1):
        finder.mark_item(item, parts)
    for kind, texts in receipt.details.items():
        if kind in CLASSES:
            for text in texts:
                finder.mark_field(kind, text)
    if receipt.items is None:
        return finder.segments
    # All items are labeled, so other segments belong to none.
    return [one if one.group > 0 else replace(one, group=_NO_ITEM) for one in finder.segments]


class _Finder:
    """Finds texts in the segments of a receipt and marks them.

    Args:
        segments: In reading order; they are changed.
    """

    def __init__(self, segments: list[LabeledText]) -> None:
        self.segments = segments
        document = encode([TextSegment(one.quad, one.text) for one in segments])
        self._row = np.zeros(len(segments), int)
        self._row[document.order] = document.row
        self._format = infer_number_format(document.text)
        self._next = 0

    def mark_item(self, number: int, texts: Mapping[str, Sequence[str]]) -> None:
        """Mark the parts of an item: first its description, then the others near it."""
        description = texts.get("item_description", ())
        first = self._find_next(description[0]) if description else None
        if first is None:
            return
        self._mark("item_description", first, number)
        row = self._row[first.segment]
        self._next = first.segment + 1
        window = np.flatnonzero((self._row >= row - _ROWS_ABOVE) & (self._row <= row + _ROWS_BELOW))
        # What is on the row itself or below it comes before what is above it.
        near: list[int] = sorted(window.tolist(), key=lambda place: (self._row[place] < row, place))
        for kind, parts in texts.items():
            if kind not in ITEM_CLASSES:
                continue
            # A description may go on below.
            for text in parts[1:] if kind == "item_description" else parts:
                place = next((found for at in near for found in self._find_in(at, kind, text)), None)
                if place is not None:
                    self._mark(kind, place, number)

    def mark_field(self, kind: str, text: str) -> None:
        """Mark a field: the place that its words announce, otherwise the only one."""
        places = [place for at in range(len(self.segments)) for place in self._find_in(at, kind, text)]
        concept = _CONCEPTS.get(kind, kind)
        announced = [place for place in places if concept in find_concepts(self._row_text(place.segment))]
        found = announced or places
        if len(found) == 1:
            self._mark(kind, found[0], None)

    def _find_next(self, text: str) -> _Place | None:
        """Return the next segment that has a description; each item is below the one before it."""
        for at in range(self._next, len(self.segments)):
            place = next(self._find_in(at, "item_description", text), None)
            if place is not None:
                return place
        return None

    def _find_in(self, at: int, kind: str, text: str) -> Iterator[_Place]:
        """Yield the open places of a text in a segment."""
        segment = self.segments[at]
        spans = (
            _find_amount(segment.text, text, self._format) if kind in AMOUNT_CLASSES else _find_text(segment.text, text)
        )
        for start, end in spans:
            if BACKGROUND.issuperset(segment.labels[start:end].tolist()):
                yield _Place(at, start, end)

    def _row_text(self, at: int) -> str:
        return " ".join(self.segments[other].text for other in np.flatnonzero(self._row == self._row[at]))

    def _mark(self, kind: str, place: _Place, item: int | None) -> None:
        segment = self.segments[place.segment]
        segment.labels[place.start : place.end] = CLASSES.index(kind)
        if item is not None:
            self.segments[place.segment] = replace(segment, group=item)


def _find_amount(printed: str, text: str, number_format: NumberFormat) -> Iterator[tuple[int, int]]:
    """Yield where an amount is printed, whatever the form in which it is written."""
    wanted = {match.amount for match in find_amounts(text, number_format)}
    with suppress(InvalidOperation):
        wanted.add(Decimal(text))
    for match in find_amounts(printed, number_format):
        if match.amount in wanted:
            yield match.number_start, match.number_end


def _find_text(printed: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a text begins and ends with whole words, in any case and punctuation."""
    wanted, _ = letters(text)
    found, places = letters(printed)
    at = found.find(wanted) if wanted else -1
    while at >= 0:
        start, end = places[at], places[at + len(wanted) - 1] + 1
        if not printed[start - 1 : start].isalnum() and not printed[end : end + 1].isalnum():
            yield start, end
        at = found.find(wanted, at + 1)
