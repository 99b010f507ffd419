"""CTC over labels of which some do not tell capitals from lower case."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_IMPOSSIBLE = -1e4
"""Logarithm of a probability of zero, finite so that no gradient becomes NaN."""


def merge_case(log_probs: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Move the probability of every lower case letter to its capital.

    The result is normalised like the input. That matters: torch's CTC returns as gradient of its input the gradient
    of the scores before the softmax, which is right only if the probabilities of a frame add up to one.

    Args:
        log_probs: `(..., classes)`, normalised over the last axis.
        pairs: classes `(capital, lower)` of the letters.

    Returns:
        The same shape; lower case classes have probability zero.
    """
    if not pairs:
        return log_probs
    capital = torch.tensor([pair[0] for pair in pairs], device=log_probs.device)
    lower = torch.tensor([pair[1] for pair in pairs], device=log_probs.device)
    both = torch.logaddexp(log_probs.index_select(-1, capital), log_probs.index_select(-1, lower))
    merged = log_probs.index_copy(-1, capital, both)
    return merged.index_fill(-1, lower, _IMPOSSIBLE)


def ctc_loss(
    logits: Tensor,
    frames: Tensor,
    targets: Tensor,
    lengths: Tensor,
    cased: Tensor,
    pairs: Sequence[tuple[int, int]],
) -> Tensor:
    """CTC loss for each character of the labels (Graves et al., 2006).

    Args:
        logits: `(N, T, classes)` float32 scores.
        frames: `(N,)` frames of each segment, at most `T`.
        targets: classes of all labels, one after the other.
        lengths: `(N,)` characters of each label.
        cased: `(N,)` bool; where False, a lower case letter counts as its capital.
        pairs: classes `(capital, lower)` of the letters.

    Returns:
        The summed loss over the number of characters, a scalar.
    """
    log_probs = logits.log_softmax(-1)
    if not bool(cased.all()):
        log_probs = torch.where(cased[:, None, None], log_probs, merge_case(log_probs, pairs))
    total = F.ctc_loss(
        log_probs.transpose(0, 1), targets, frames, lengths, blank=0, reduction="sum", zero_infinity=True
    )  # N x T x C -> T x N x C
    return total / lengths.sum().clamp(min=1)
