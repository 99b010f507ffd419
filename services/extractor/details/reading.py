"""What the modules of this package read from: the receipt, its rows, and the network's probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np

from services.extractor.amounts.separators import is_shown, list_separated, separate
from services.extractor.network.classes import CLASSES
from services.extractor.source import Place, Source
from shared.arrays import Doubles, Floats
from shared.contracts import AmountField
from shared.normalization import AmountMatch, NumberFormat, currency, find_amounts, infer_number_format

AMOUNT_CLASSES = (
    "total", "subtotal", "tax", "tip", "discount", "service_charge", "rounding", "other_charge", "cash", "card",
    "wallet", "other_payment", "change", "item_unit_price", "item_amount", "item_discount",
)  # fmt: skip
"""Classes of the network that are amounts."""
_NUMBER_OF = {name: number for number, name in enumerate(CLASSES)}
_CERTAIN = 0.999
_LIKELY = 0.5


@dataclass(frozen=True)
class PrintedAmount:
    """An amount where it is printed.

    Attributes:
        place: Its segment, by place in reading order.
        row: Its row.
        start: Where its segment starts in the document's text.
        match: The amount within the segment.
    """

    place: int
    row: int
    start: int
    match: AmountMatch


class Reading:
    """A receipt with the probabilities of its characters.

    Args:
        source: The receipt.
        scores: (T, classes) probabilities; the first released networks tell the four main fields only.
        default_country: ISO 3166 code of the country to assume where the receipt does not tell.
    """

    def __init__(self, source: Source, scores: Floats, default_country: str | None = None) -> None:
        self.source = source
        self.document = source.document
        self.scores = scores
        self.default_country = default_country

    @property
    def knows_everything(self) -> bool:
        """Whether the network tells all classes, not only the four main fields."""
        return bool(self.scores.shape[1] > len(CLASSES))

    @cached_property
    def number_format(self) -> NumberFormat:
        """How the receipt prints amounts."""
        return infer_number_format(self.document.text, self.default_country)

    @cached_property
    def rows(self) -> list[str]:
        """The text of each row, segments divided by tabs."""
        return self.document.row_texts

    @cached_property
    def amounts(self) -> list[PrintedAmount]:
        """All amounts, in reading order, with the decimal separators that arithmetic restores."""
        found = {(place, match.number_start): match for place, match in self._printed}
        for place, text in self.segments() if self.separated else ():
            start = int(self.document.start[place])
            for first, last, match in separate(text, self.number_format):
                likely = sum(self.probability(name, start + first, start + last) for name in AMOUNT_CLASSES)
                if likely > _LIKELY and is_shown(match.amount, self.separated):
                    found[place, first] = match
        return [
            PrintedAmount(place, int(self.document.row[place]), int(self.document.start[place]), match)
            for (place, _), match in sorted(found.items(), key=lambda one: one[0])
        ]

    @cached_property
    def separated(self) -> Set[Decimal]:
        """The amounts that were read with a separator, where a receipt's amounts have one; otherwise none."""
        return list_separated((match for _, match in self._printed), self.number_format)

    @cached_property
    def _printed(self) -> list[tuple[int, AmountMatch]]:
        """The amounts as they were read, each with the place of its segment."""
        return [(place, match) for place, text in self.segments() for match in find_amounts(text, self.number_format)]

    def segments(self) -> Iterator[tuple[int, str]]:
        """Yield the place and text of each segment in reading order."""
        for place in range(len(self.document.order)):
            yield place, self.document.segment_text(place)

    def likely_segments(self, name: str, least: float) -> Iterator[tuple[int, str]]:
        """Yield the place and text of each segment with a character that has at least this probability of a class.

        Yield all of them if the network does not know the class.
        """
        for place in self.list_likely(name, least) if self.knows_everything else range(len(self.document.order)):
            yield place, self.document.segment_text(place)

    def probability(self, name: str, start: int, end: int) -> float:
        """Return the mean probability of a class over the letters and digits from start to end; 0 if it is unknown."""
        index = _NUMBER_OF[name]
        if index >= self.scores.shape[1]:
            return 0.0
        before, count = self._sums
        letters = count[end] - count[start]
        return float((before[end, index] - before[start, index]) / letters) if letters else 0.0

    def list_likely(self, name: str, least: float) -> list[int]:
        """Return the segments with a character that has at least this probability of a class, in reading order."""
        found = np.flatnonzero(self.scores[:, _NUMBER_OF[name]] > least)
        return list(dict.fromkeys(self.document.segment[found].tolist()))

    def probabilities(self, names: Sequence[str], printed: Sequence[PrintedAmount]) -> Doubles:
        """Return the probability of several classes together for the digits of each of N amounts, (N,)."""
        before, count = self._sums
        start = np.array([one.start + one.match.number_start for one in printed], np.intp)
        end = np.array([one.start + one.match.number_end for one in printed], np.intp)
        numbers = [_NUMBER_OF[name] for name in names]
        sums = before[end][:, numbers].sum(axis=1) - before[start][:, numbers].sum(axis=1)
        digits = np.array([count[last] - count[first] for first, last in zip(start, end, strict=True)])
        return np.asarray(np.minimum(sums / np.maximum(digits, 1), 1.0))

    @cached_property
    def _sums(self) -> tuple[Doubles, list[int]]:
        """The sums of the probabilities of the letters and digits before each character, and their numbers."""
        is_letter = np.fromiter(map(str.isalnum, self.document.text), bool, len(self.document.text))
        before = np.zeros((len(is_letter) + 1, self.scores.shape[1]))
        np.cumsum(np.where(is_letter[:, None], self.scores, 0.0), axis=0, out=before[1:])
        return before, [0, *np.cumsum(is_letter).tolist()]

    def where(self, *places: int) -> Place:
        """Return where segments are, for a field."""
        return self.source.where(places)

    def amount_field(self, printed: PrintedAmount, confidence: float) -> AmountField:
        """Return an amount as a field."""
        match = printed.match
        return AmountField(
            value=match.text,
            amount=str(match.amount),
            currency=currency(match.sign, self.document.text, self.default_country),
            confidence=self.confidence(confidence, printed.place, len(match.text)),
            **self.where(printed.place),
        )

    def confidence(self, score: float, place: int, length: int) -> float:
        """Return the probability that a part of a segment is what its score says and was read right."""
        return min(score, _CERTAIN) * self.source.reading([(place, length)])
