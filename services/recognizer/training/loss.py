"""CTC over labels of which some do not tell capitals from lower case, and some leave out the spaces."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_IMPOSSIBLE = -1e4
"""Logarithm of a probability of zero, finite so that no gradient becomes NaN."""


def merge_case(log_probs: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Move the probability of every lower case letter to its capital.

    The result is normalized like the input. That matters: torch's CTC returns as gradient of its input the gradient
    of the scores before the softmax, which is right only if the probabilities of a frame add up to one.

    Args:
        log_probs: `(..., classes)`, normalized over the last axis.
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


def merge_space(log_probs: Tensor, space: int, blank: int = 0) -> Tensor:
    """Move the probability of the space to the blank: a frame between words says nothing either way.

    Args:
        log_probs: `(..., classes)`, normalized over the last axis; stays so.
        space: class of the space.
        blank: class of the blank.
    """
    both = torch.logaddexp(log_probs[..., blank], log_probs[..., space])
    index = torch.tensor([blank, space], device=log_probs.device)
    return log_probs.index_copy(-1, index, torch.stack([both, torch.full_like(both, _IMPOSSIBLE)], dim=-1))


def ctc_loss(
    logits: Tensor,
    frames: Tensor,
    targets: Tensor,
    lengths: Tensor,
    cased: Tensor,
    pairs: Sequence[tuple[int, int]],
    *,
    spaced: Tensor | None = None,
    space: int | None = None,
) -> Tensor:
    """CTC loss for each character of the labels (Graves et al., 2006).

    Args:
        logits: `(N, T, classes)` float32 scores.
        frames: `(N,)` frames of each segment, at most `T`.
        targets: classes of all labels, one after the other.
        lengths: `(N,)` characters of each label.
        cased: `(N,)` bool; where False, a lower case letter counts as its capital.
        pairs: classes `(capital, lower)` of the letters.
        spaced: `(N,)` bool; where False, a space counts as nothing. None: all labels have their spaces.
        space: class of the space; needed with `spaced`.

    Returns:
        The summed loss over the number of characters, a scalar.
    """
    log_probs = logits.log_softmax(-1)
    if not bool(cased.all()):
        log_probs = torch.where(cased[:, None, None], log_probs, merge_case(log_probs, pairs))
    if spaced is not None and space is not None and not bool(spaced.all()):
        log_probs = torch.where(spaced[:, None, None], log_probs, merge_space(log_probs, space))
    total = F.ctc_loss(
        log_probs.transpose(0, 1), targets, frames, lengths, blank=0, reduction="sum", zero_infinity=True
    )  # N x T x C -> T x N x C
    return total / lengths.sum().clamp(min=1)
