"""What runs the CRNN below the predictor, and which library does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from shared.arrays import Floats


class Batch(NamedTuple):
    """Pictures of one size.

    Attributes:
        pictures: `(N, 1, H, W)` float32.
        frames: of each picture, how many of its `W / 4` frames hold text; behind them is padding.
    """

    pictures: Floats
    frames: Sequence[int]


class Engine(Protocol):
    """What runs the network: batches to `(N, T, classes)` float32 logits, which mean nothing in frames of padding."""

    def __call__(self, batches: Iterable[Batch]) -> Iterator[Floats]:
        """Run batches; the results come in their order, and some may be computed while others are used."""
