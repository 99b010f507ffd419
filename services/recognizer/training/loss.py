"""Compute the CTC loss for labels that may ignore case or omit spaces."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

# Logarithm of probability zero, finite so that no gradient becomes NaN.
_IMPOSSIBLE = -1e4


def merge_log_case(log_probs: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Move the probability of every lower case letter to its capital.

    The result is normalized like the input. That matters: CTC of torch returns as gradient of its input the gradient of
    the scores before the softmax, which is correct only if the probabilities of a frame sum to one.

    Args:
        log_probs: `(..., classes)`, normalized over the last axis.
        pairs: Classes `(capital, lower)` of the letters.

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


def merge_log_space(log_probs: Tensor, space: int, blank: int = 0) -> Tensor:
    """Move the probability of the space to the blank, so that frames between words are neutral.

    Args:
        log_probs: `(..., classes)`, normalized over the last axis; the result is too.
        space: Class of the space.
        blank: Class of the blank.
    """
    both = torch.logaddexp(log_probs[..., blank], log_probs[..., space])
    index = torch.tensor([blank, space], device=log_probs.device)
    return log_probs.index_copy(-1, index, torch.stack([both, torch.full_like(both, _IMPOSSIBLE)], dim=-1))


def compute_loss(
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
    """Compute the CTC loss per character of the labels (Graves et al., 2006).

    Args:
        logits: `(N, T, classes)` float32 scores.
        frames: `(N,)` frames of each segment, at most `T`.
        targets: Classes of all labels, concatenated.
        lengths: `(N,)` characters of each label.
        cased: `(N,)` bool; where False, a lower case letter counts as its capital.
        pairs: Classes `(capital, lower)` of the letters.
        spaced: `(N,)` bool; where False, a space counts as nothing. None if all labels have their spaces.
        space: Class of the space; required with `spaced`.

    Returns:
        The summed loss over the number of characters, a scalar.
    """
    log_probs = logits.log_softmax(-1)
    if not bool(cased.all()):
        log_probs = torch.where(cased[:, None, None], log_probs, merge_log_case(log_probs, pairs))
    if spaced is not None and space is not None and not bool(spaced.all()):
        log_probs = torch.where(spaced[:, None, None], log_probs, merge_log_space(log_probs, space))
    total = F.ctc_loss(
        log_probs.transpose(0, 1),
        targets,
        frames,
        lengths,
        blank=0,
        reduction="sum",
        zero_infinity=True,
        # N x T x C -> T x N x C.
    )
    return total / lengths.sum().clamp(min=1)
