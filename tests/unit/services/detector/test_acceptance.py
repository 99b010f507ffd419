"""Test the model of segments."""

from __future__ import annotations

import numpy as np
import pytest

from services.detector.acceptance import FEATURES, describe_segments
from services.detector.joining import JoiningSettings, find_candidates, join_proposals
from services.detector.logistic import compute_logits
from services.detector.proposals import Proposals

BLANK = np.zeros((160, 400), np.uint8)


def row(first: int, last: int, top: float, score: float) -> Proposals:
    columns = np.arange(first, last + 1)
    like = np.ones(len(columns), np.float32)
    return Proposals(columns, top * like, (top + 20) * like, score * like, 0 * like)


def page(*rows: Proposals) -> Proposals:
    whole = Proposals(
        *(np.concatenate([getattr(part, name) for part in rows]) for name in Proposals.__dataclass_fields__)
    )
    return whole[np.lexsort((whole.top, whole.column))]


def test_features_are_in_order_of_names() -> None:
    strength = BLANK.copy()
    strength[22:38, 0:96:2] = 80.0
    proposals = page(row(0, 5, 20, 0.9), row(12, 12, 20, 0.7), row(20, 22, 120, 0.6))
    segments, chains = find_candidates(proposals, strength, JoiningSettings(min_score=0.3, short_score=0.3))
    described = describe_segments(chains, segments.quads, strength)
    assert described.shape == (3, len(FEATURES))
    values = {name: described[:, index].tolist() for index, name in enumerate(FEATURES)}
    assert values["single"] == [0, 1, 0]
    assert values["mean_score"] == pytest.approx([0.9, 0.7, 0.6])
    # Only the single character has a sure neighbor on its row.
    assert values["on_a_row"] == [0, 1, 0]
    assert values["density"][0] > 0.2
    assert values["density"][2] == 0


def test_model_drops_segments_below_threshold() -> None:
    weights = np.zeros(len(FEATURES) + 1)
    weights[FEATURES.index("single")], weights[-1] = -4.0, 2.0
    proposals = page(row(0, 5, 20, 0.9), row(12, 12, 20, 0.9))
    plain = JoiningSettings()
    assert len(join_proposals(proposals, BLANK, plain).scores) == 2
    kept = join_proposals(proposals, BLANK, JoiningSettings(accept_weights=tuple(weights)))
    assert kept.quads[:, :, 0].max() < 120
    assert (
        len(
            join_proposals(proposals, BLANK, JoiningSettings(accept_weights=tuple(weights), accept_threshold=-3)).scores
        )
        == 2
    )
    assert compute_logits(np.eye(len(FEATURES), dtype=np.float32), weights)[FEATURES.index("single")] == -2.0
