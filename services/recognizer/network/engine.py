"""Interface between the predictor and the library that runs the CRNN."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from shared.arrays import Floats


class Batch(NamedTuple):
    """Pictures of one size.

    Attributes:
        pictures: `(N, 1, H, W)`, about -1 (black) to 1 (white).
        frames: For each picture, how many of its `W / 4` frames hold text; the others are padding.
    """

    pictures: Floats
    frames: Sequence[int]


class Engine(Protocol):
    """Runs the network."""

    def __call__(self, batches: Iterable[Batch]) -> Iterator[Floats]:
        """Run batches and yield their logits in order; some may be computed while the caller uses others.

        Yields:
            `(N, T, classes)` logits, meaningless in frames of padding.
        """
