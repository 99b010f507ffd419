"""Compute the loss of CTPN: scores with hard negative mining, vertical coordinates, side ramps."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from services.detector.network.network import Output

# Hardest negatives per positive anchor.
_NEGATIVES = 3
# Width of the quadratic part of smooth L1; small, since errors of a tenth matter.
_VERTICAL_BETA, _SIDE_BETA = 0.1, 0.25
# Weight of ends, which are rarer than the inside of segments.
_END_WEIGHT = 2.0


class Loss(NamedTuple):
    """The three parts of the loss, scalars."""

    scores: torch.Tensor
    vertical: torch.Tensor
    side: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        """Sum of the parts, which is minimized."""
        return self.scores + self.vertical + self.side


def compute_loss(
    output: Output, labels: torch.Tensor, vertical: torch.Tensor, side: torch.Tensor, weight: torch.Tensor | None = None
) -> Loss:
    """Compare a batch with its targets (multi-task loss of CTPN, arXiv:1609.03605, equation 5).

    Args:
        output: Output of the network for N pictures of R x C cells with k anchors each.
        labels: `(N, R, C, k)`: 1 text, 0 not text, -1 excluded.
        vertical: `(N, R, C, k, 2)` vertical coordinates.
        side: `(N, R, C, k)` side ramps.
        weight: `(N, R, C, k)` weight of a text anchor; None for equal weights.

    Returns:
        Weighted means over the anchors that count.
    """
    # The softmax over two scores is the sigmoid of their difference.
    margin = output.scores[..., 1] - output.scores[..., 0]
    text = labels == 1
    count = int(text.sum())
    counts = torch.ones_like(margin)[text] if weight is None else weight[text]
    positive = F.softplus(-margin[text]) * counts
    negative = F.softplus(margin[labels == 0])
    hardest = negative.topk(min(len(negative), max(_NEGATIVES * count, 256))).values
    scores = (positive.sum() + hardest.sum()) / (counts.sum() + len(hardest)).clamp(min=1.0)
    if not count:
        return Loss(scores, output.vertical.sum() * 0.0, output.side.sum() * 0.0)
    coordinates = F.smooth_l1_loss(output.vertical[text], vertical[text], beta=_VERTICAL_BETA, reduction="none")
    coordinates = (coordinates.mean(dim=-1) * counts).sum() / counts.sum()
    end = (1.0 + (_END_WEIGHT - 1.0) * (side[text] != 0)) * counts
    ramp = F.smooth_l1_loss(output.side[text], side[text], beta=_SIDE_BETA, reduction="none")
    return Loss(scores, coordinates, (ramp * end).sum() / end.sum())
