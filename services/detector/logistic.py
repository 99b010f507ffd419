"""Evaluate the logistic models of breaks and segments. numpy only."""

from __future__ import annotations

import numpy as np

from shared.arrays import Doubles, Floats


def compute_logits(features: Floats, weights: Doubles) -> Floats:
    """Return the logits of a logistic model.

    Args:
        features: `(N, F)`.
        weights: `(F + 1,)`; the last one is the constant.

    Returns:
        `(N,)`.
    """
    return np.asarray(features @ weights[:-1] + weights[-1], np.float32)
