"""Test fitting the logistic models."""

from __future__ import annotations

import numpy as np
import pytest

from services.detector.training.fitting import find_owners, fit_logistic


def test_logistic_regression_recovers_weights() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4000, 2)).astype(np.float32) * (1.0, 10.0)
    chance = 1 / (1 + np.exp(-(2.0 * features[:, 0] - 0.1 * features[:, 1] - 1.0)))
    weights = fit_logistic(features, rng.random(4000) < chance)
    assert weights == pytest.approx([2.0, -0.1, -1.0], abs=0.2)


def test_finds_labels_of_proposals() -> None:
    from services.detector.proposals import Proposals

    ones = np.ones(3, np.float32)
    proposals = Proposals(np.array([0, 2, 9]), 20 * ones, 40 * ones, ones, 0 * ones)
    boxes = np.array([(0, 21, 30, 41), (32, 19, 60, 41)], np.float32)
    assert find_owners(proposals, np.arange(3), boxes).tolist() == [0, 1, -1]
