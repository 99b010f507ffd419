"""Tests of fitting the scoring of fields."""

from __future__ import annotations

import numpy as np

from services.extractor.encoding import TextSegment
from services.extractor.totals import FEATURES as TOTAL_FEATURES
from services.extractor.training.fitting import fit_total, without_total


def test_finds_the_feature_that_identifies_a_total() -> None:
    draw = np.random.default_rng(0)
    cases = []
    for _ in range(40):
        features = draw.normal(size=(5, len(TOTAL_FEATURES)))
        cases.append((features, int(np.argmax(features[:, 4]))))
    weights, _ = fit_total(cases)
    assert weights[4] > 1.5
    assert weights[4] > 2 * max(abs(weights[i]) for i in (1, 2, 3, 5))


def test_finds_the_threshold_for_receipts_without_a_total() -> None:
    """The right amounts have the logit 4, all others -4, as all amounts of receipts without a total have."""
    bare = np.zeros((5, len(TOTAL_FEATURES)))
    bare[:, 0] = -4.0
    whole = bare.copy()
    whole[2, 0] = 4.0
    weights, no_total = fit_total([(whole, 2)] * 40, [bare] * 40)
    assert -4.0 * weights[0] < no_total < 4.0 * weights[0]
    assert fit_total([(whole, 2)] * 40)[1] < no_total


def test_removing_the_total_keeps_the_rest() -> None:
    quad = np.zeros((4, 2), np.float32)
    segments = [TextSegment(quad, text) for text in ("TOTAL RM9.00", "CASH", "10.00", "9.00", "CHANGE 1.00")]
    assert [one.text for one in without_total(segments, {"total": "RM 9.00"})] == ["CASH", "10.00", "CHANGE 1.00"]
