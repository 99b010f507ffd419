"""Made-up receipts of many countries, labeled character by character. Training only."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import numpy as np

from services.extractor.companies.brands import load_brands
from services.extractor.network.classes import CLASSES, OTHER
from services.extractor.training.labeling.fields import IGNORED, LabeledText
from synthesis.world import page
from synthesis.world.receipt import make_receipt

_NUMBER = {page.OTHER: CLASSES.index(OTHER), page.UNKNOWN: IGNORED} | {name: i for i, name in enumerate(CLASSES)}
# One of so many brands is kept for measuring how the network reads brands that it has not seen.
_HELD_OUT_BRANDS = 10


class WorldReceipts(Sequence[list[LabeledText]]):
    """A sequence of made-up receipts, each of which is made when it is asked for.

    Args:
        count: Number of receipts.
        seed: Of the first one; the others have the following ones.
        shares: Weight per country (ISO 3166); None for the usual ones.
        held_out: Whether merchants have the brands that are kept for measuring, instead of all others.
    """

    def __init__(
        self, count: int, seed: int = 0, *, shares: Mapping[str, float] | None = None, held_out: bool = False
    ) -> None:
        self._count = count
        self._seed = seed
        self._shares = shares
        self._brands = [name for name in load_brands()[1] if is_held_out(name) == held_out]

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> list[LabeledText]: ...

    @overload
    def __getitem__(self, index: slice) -> list[list[LabeledText]]: ...

    def __getitem__(self, index: int | slice) -> list[LabeledText] | list[list[LabeledText]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        receipt = make_receipt(self._seed + index % self._count, shares=self._shares, brands=self._brands)
        return [_labeled(segment) for segment in receipt.segments]

    def __iter__(self) -> Iterator[list[LabeledText]]:
        return (self[i] for i in range(self._count))


def is_held_out(brand: str) -> bool:
    """Whether a brand is kept for measuring."""
    return zlib.crc32(brand.encode()) % _HELD_OUT_BRANDS == 0


def _labeled(segment: page.Segment) -> LabeledText:
    labels = np.array([_NUMBER[kind] for kind in segment.kinds], np.int64)
    return LabeledText(segment.quad, segment.text, labels, group=segment.item)
