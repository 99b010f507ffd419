"""What runs the CTPN below the predictor, and which library does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from shared.arrays import Floats, Pixels


class Activations(NamedTuple):
    """What the network says of one page of R x C cells with k anchors, float32.

    Attributes:
        probability: R x C x k probabilities of text.
        vertical: R x C x k x 2 vertical coordinates.
        side: R x C x k side ramps.
    """

    probability: Floats
    vertical: Floats
    side: Floats


class Engine(Protocol):
    """What runs the network.

    Attributes:
        by_size: Whether pages of one size are computed together, so that a batch should hold no others.
    """

    by_size: bool

    def __call__(self, pages: Sequence[Pixels]) -> Iterator[Activations]:
        """Run pages, H x W gray (uint8) each; what is said of them comes in their order.

        One run has to end, or to be closed, before the next begins.
        """
