"""The loss of CTPN (training only): scores with hard negative mining, vertical coordinates, side refinement."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from services.detector.network.network import Output

#: Hardest negatives kept for each positive anchor.
_NEGATIVES = 3
#: Widths of the quadratic part of smooth L1; small, since errors of a tenth matter.
_VERTICAL_BETA, _SIDE_BETA = 0.1, 0.25
#: Ends are rarer than the inside of segments.
_END_WEIGHT = 2.0


class Loss(NamedTuple):
    """The three parts, each a scalar tensor."""

    scores: torch.Tensor
    vertical: torch.Tensor
    side: torch.Tensor

    def total(self) -> torch.Tensor:
        """The sum that is minimized."""
        return self.scores + self.vertical + self.side


def ctpn_loss(
    output: Output, labels: torch.Tensor, vertical: torch.Tensor, side: torch.Tensor, weight: torch.Tensor | None = None
) -> Loss:
    """Compare a batch with its targets.

    Args:
        output: Of the network, N pictures of R x C cells and k anchors.
        labels: N x R x C x k: 1 text, 0 not text, -1 left out.
        vertical: N x R x C x k x 2.
        side: N x R x C x k.
        weight: N x R x C x k, how much a text anchor counts; all the same if left out.

    Returns:
        Weighted means over the anchors that count.
    """
    margin = output.scores[..., 1] - output.scores[..., 0]  # softmax over two scores is a sigmoid of their difference
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
