"""Which segments are text, how they grow, and what the search for settings tries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.detector.acceptance import FEATURES, acceptance_logits, describe_segments
from services.detector.joining import JoiningSettings, candidates, growth, join
from services.detector.predictor import Detection
from services.detector.proposals import Proposals
from services.detector.training.damage import damage_page
from services.detector.training.evaluate import measure
from services.detector.training.tune import GRID, with_value
from shared.learning.dataset import load_split, write_receipt, write_split
from shared.learning.labels import LabeledSegment
from shared.measures.ignored import select_counted

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


def test_segments_are_described_in_the_order_of_the_features() -> None:
    strength = BLANK.copy()
    strength[22:38, 0:96:2] = 80.0
    proposals = page(row(0, 5, 20, 0.9), row(12, 12, 20, 0.7), row(20, 22, 120, 0.6))
    segments, chains = candidates(proposals, strength, JoiningSettings(least_score=0.3, short_score=0.3))
    described = describe_segments(chains, segments.quads, strength)
    assert described.shape == (3, len(FEATURES))
    values = {name: described[:, index].tolist() for index, name in enumerate(FEATURES)}
    assert values["single"] == [0, 1, 0]
    assert values["mean_score"] == pytest.approx([0.9, 0.7, 0.6])
    assert values["on_a_row"] == [0, 1, 0]  # the sure word has no sure neighbor, the lone character has one
    assert values["density"][0] > 0.2
    assert values["density"][2] == 0


def test_a_model_that_dislikes_lone_segments_drops_them() -> None:
    weights = np.zeros(len(FEATURES) + 1)
    weights[FEATURES.index("single")], weights[-1] = -4.0, 2.0
    proposals = page(row(0, 5, 20, 0.9), row(12, 12, 20, 0.9))
    plain = JoiningSettings()
    assert len(join(proposals, BLANK, plain).scores) == 2
    kept = join(proposals, BLANK, JoiningSettings(accept_weights=tuple(weights)))
    assert kept.quads[:, :, 0].max() < 120
    assert len(join(proposals, BLANK, JoiningSettings(accept_weights=tuple(weights), accept_threshold=-3)).scores) == 2
    assert acceptance_logits(np.eye(len(FEATURES), dtype=np.float32), weights)[FEATURES.index("single")] == -2.0


def test_short_segments_grow_in_their_own_way() -> None:
    settings = JoiningSettings(grow=(0.2, 0.2, 0.3, 0.3), grow_short=(0.0, 0.0, 0.1, 0.1))
    assert growth(0.5, settings) == pytest.approx([0.0, 0.0, 0.1, 0.1])
    assert growth(1.3, settings) == pytest.approx([0.1, 0.1, 0.2, 0.2])
    assert growth(9.0, settings) == pytest.approx([0.2, 0.2, 0.3, 0.3])


def test_settings_of_older_weights_grow_alike() -> None:
    old = JoiningSettings(grow=(0.1, 0.2, 0.3, 0.4)).to_dict()
    del old["grow_short"], old["accept_weights"], old["accept_threshold"]
    settings = JoiningSettings.from_dict(old)
    assert settings.grow_short == settings.grow == (0.1, 0.2, 0.3, 0.4)
    assert settings.accept_weights == ()
    with pytest.raises(ValueError, match="weights of acceptance"):
        JoiningSettings.from_dict({**old, "accept_weights": [1.0]})


def test_every_setting_of_the_search_exists() -> None:
    settings = JoiningSettings()
    for name, values in GRID.items():
        changed = [with_value(settings, name, value) for value in values]
        assert len(set(changed)) == len(values)
    assert with_value(settings, "grow/vertical", 0.5).grow == (0.5, 0.5, *settings.grow[2:])
    assert with_value(settings, "grow_short/horizontal", 0.5).grow_short == (*settings.grow_short[:2], 0.5, 0.5)


def test_segments_on_ignored_print_are_not_counted() -> None:
    def box(x0: float, x1: float) -> list[tuple[float, float]]:
        return [(x0, 0), (x1, 0), (x1, 20), (x0, 20)]

    quads = np.array([box(0, 100), box(200, 300)], np.float32)
    ignored = np.array([box(40, 100), box(260, 400)], np.float32)
    none = quads[:0]
    assert select_counted(quads, ignored, none).tolist() == [False] + [True] * (len(quads) - 1)
    assert select_counted(quads, ignored, quads[:1]).tolist() == [True, True]  # it is on a label too
    assert select_counted(quads, none, none).tolist() == [True, True]
    assert select_counted(none, ignored, none).tolist() == []


def test_damaged_pictures_are_measured_against_their_own_labels(tmp_path: Path) -> None:
    quad = np.array([(20, 70), (140, 70), (140, 94), (20, 94)], np.float32)
    write_receipt(tmp_path, "r", np.full((200, 160, 3), 240, np.uint8), [LabeledSegment(quad, "TOTAL")], {})
    write_split(tmp_path, {"validation": ["r"]})
    receipts = load_split(tmp_path, "validation")
    _, quads, _ = damage_page(
        receipts[0].read_image(), receipts[0].quads, receipts[0].ignored, np.random.default_rng(1)
    )
    found = [Detection(quads, np.ones(1, np.float32))]
    assert measure(receipts, found, damaged=True)["iou50"]["hmean"] == 1.0
    assert not np.array_equal(quads[0], quad)
