"""Interface between the predictor and the library that runs the CTPN."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from shared.arrays import Floats, Pixels


class Activations(NamedTuple):
    """Output of the network for one page of R x C cells with k anchors.

    Attributes:
        probability: `(R, C, k)` probabilities of text.
        vertical: `(R, C, k, 2)` vertical coordinates.
        side: `(R, C, k)` side ramps.
    """

    probability: Floats
    vertical: Floats
    side: Floats


class Engine(Protocol):
    """Runs the network.

    Attributes:
        batches_by_size: Whether it runs pages of one size together, so that a batch should hold one size only.
    """

    batches_by_size: bool

    def __call__(self, pages: Sequence[Pixels]) -> Iterator[Activations]:
        """Run pages and yield their activations in order.

        A run must be finished or closed before the next starts.

        Args:
            pages: `(H, W)` gray each.
        """
