"""Test joining proposals into segments: suppression, links, breaks, ends, slant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.detector.anchors import build_targets
from services.detector.breaks import FEATURES, describe_links
from services.detector.ink import compute_ink_strength, find_gaps, find_inked_columns
from services.detector.joining import (
    JoiningSettings,
    Segments,
    compute_growth,
    drop_covered,
    join_proposals,
    label_chains,
    link_proposals,
    move_ends_to_ink,
)
from services.detector.logistic import compute_logits
from services.detector.proposals import Proposals, decode_proposals, suppress_overlaps

HEIGHTS = np.array((8.0, 10.3, 13.3, 17.2, 22.2, 28.7, 37.1, 48.0), np.float32)
EXACT = JoiningSettings(grow=(0.0, 0.0, 0.0, 0.0))


def row_of_cells(first: int, last: int, top: float, bottom: float, side: dict[int, float] | None = None) -> Proposals:
    columns = np.arange(first, last + 1)
    count = len(columns)
    ramp = np.array([(side or {}).get(int(column), 0.0) for column in columns], np.float32)
    return Proposals(
        columns,
        np.full(count, top, np.float32),
        np.full(count, bottom, np.float32),
        np.full(count, 0.9, np.float32),
        ramp,
    )


def together(*parts: Proposals) -> Proposals:
    whole = Proposals(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Proposals.__dataclass_fields__)
    )
    return whole[np.lexsort((whole.top, whole.column))]


def perfect(quads: np.ndarray, rows: int, columns: int) -> Proposals:
    """Return the proposals of a perfectly trained network."""
    targets = build_targets(quads, rows, columns, HEIGHTS.tolist())
    probability = np.where(targets.labels == 1, 0.95, 0.02).astype(np.float32)
    return suppress_overlaps(decode_proposals(probability, targets.vertical, targets.side, HEIGHTS, 0.5), 0.3)


def box(x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


BLANK = np.zeros((160, 400), np.uint8)


def test_suppression_averages_similar_proposals() -> None:
    proposals = Proposals(
        np.array([0, 0, 0, 1]),
        np.array([10, 12, 40, 10], np.float32),
        np.array([30, 32, 60, 30], np.float32),
        np.array([0.9, 0.9, 0.8, 0.7], np.float32),
        np.array([0.2, 0.4, 0.0, 0.0], np.float32),
    )
    kept = suppress_overlaps(proposals, 0.3)
    assert kept.column.tolist() == [0, 0, 1]
    assert kept.top.tolist() == pytest.approx([11, 40, 10])
    assert kept.side.tolist() == pytest.approx([0.3, 0.0, 0.0])
    assert kept.score.tolist() == pytest.approx([0.9, 0.8, 0.7])


def test_handles_no_proposals() -> None:
    nothing = row_of_cells(0, -1, 0, 1)
    assert len(suppress_overlaps(nothing, 0.3)) == 0
    assert len(join_proposals(nothing, BLANK, EXACT).scores) == 0


def test_recovers_labels_from_their_targets() -> None:
    labels = np.array(
        [box(20, 20, 150, 40), box(200, 21, 330, 41), box(24, 50, 90, 68), box(180, 90, 230, 112)], np.float32
    )
    found = join_proposals(perfect(labels, 10, 25), BLANK, EXACT)
    order = np.lexsort((found.quads[:, 0, 0], found.quads[:, 0, 1].round(-1)))
    assert found.quads[order] == pytest.approx(labels, abs=1.0)
    assert found.scores == pytest.approx(np.full(4, 0.95), abs=1e-3)


def test_fall_of_side_ramp_separates_neighbors() -> None:
    one = row_of_cells(0, 9, 20, 40, {0: -1.0, 9: 1.0})
    two = row_of_cells(0, 9, 20, 40, {0: -1.0, 4: 1.0, 5: -1.0, 9: 1.0})
    assert len(join_proposals(one, BLANK, EXACT).scores) == 1
    parted = join_proposals(two, BLANK, EXACT)
    assert sorted(parted.quads[:, 0, 0].tolist()) == pytest.approx([0, 80])
    assert sorted(parted.quads[:, 1, 0].tolist()) == pytest.approx([80, 160])


def test_segments_end_at_gap_of_break() -> None:
    strength = np.zeros((60, 200), np.uint8)
    strength[22:38, 4:70] = 80.0
    strength[22:38, 88:156] = 80.0
    # The ramps put each end into the ink of the other segment.
    proposals = row_of_cells(0, 9, 20, 40, {0: -1.2, 4: 0.3, 5: -0.3, 9: 1.2})
    weights = (*(1.0 if name == "gap" else 0.0 for name in FEATURES), -0.8)
    found = join_proposals(proposals, strength, replace(EXACT, break_weights=weights))
    left, right = found.quads[np.argsort(found.quads[:, 0, 0])]
    assert left[1, 0] == pytest.approx(88)
    assert right[0, 0] == pytest.approx(70)


def test_does_not_link_stacked_lines() -> None:
    proposals = together(row_of_cells(0, 5, 20, 38), row_of_cells(0, 5, 40, 58))
    found = join_proposals(proposals, BLANK, EXACT)
    assert sorted(found.quads[:, 0, 1].tolist()) == pytest.approx([20, 40])


def test_links_require_similar_heights_and_are_mutual() -> None:
    proposals = together(row_of_cells(0, 0, 20, 40), row_of_cells(1, 1, 10, 60), row_of_cells(1, 1, 22, 42))
    following = link_proposals(proposals, EXACT)
    assert following[0] == int(np.flatnonzero(proposals.top == 22)[0])
    assert label_chains(following).tolist().count(label_chains(following)[0]) == 2


def test_links_bridge_few_missing_columns() -> None:
    near = together(row_of_cells(0, 3, 20, 40), row_of_cells(6, 9, 20, 40))
    far = together(row_of_cells(0, 3, 20, 40), row_of_cells(7, 9, 20, 40))
    assert len(set(label_chains(link_proposals(near, EXACT)).tolist())) == 1
    assert len(set(label_chains(link_proposals(far, EXACT)).tolist())) == 2


def test_slanted_text_has_slanted_quad() -> None:
    level, slanted = row_of_cells(0, 11, 20, 40), row_of_cells(0, 11, 20, 40)
    rise = np.linspace(0, 30, 12).astype(np.float32)
    slanted = replace(slanted, top=slanted.top + rise, bottom=slanted.bottom + rise)
    assert join_proposals(level, BLANK, EXACT).quads[0, 0, 1] == join_proposals(level, BLANK, EXACT).quads[0, 1, 1]
    quad = join_proposals(slanted, BLANK, EXACT).quads[0]
    assert quad[1, 1] - quad[0, 1] == pytest.approx(30 * 12 / 11, rel=0.05)
    assert quad[3, 1] - quad[0, 1] == pytest.approx(20, abs=0.5)


def test_growth_is_in_heights_per_side() -> None:
    proposals = row_of_cells(2, 5, 20, 40, {2: -1.0, 5: 1.0})
    quad = join_proposals(proposals, BLANK, replace(EXACT, grow=(0.1, 0.2, 0.3, 0.4))).quads[0]
    assert quad[0].tolist() == pytest.approx([32 - 6, 18])
    assert quad[2].tolist() == pytest.approx([96 + 8, 44])


def test_ends_move_to_near_ink() -> None:
    strength = np.zeros((60, 300), np.uint8)
    strength[22:38, 50:160] = 80.0
    # The margin is a tenth of the height.
    assert move_ends_to_ink(strength, (44, 20, 164, 40), 1.0) == pytest.approx((48, 162))
    assert move_ends_to_ink(strength, (44, 20, 164, 40), 0.5) == pytest.approx((46, 163))
    assert move_ends_to_ink(strength, (44, 20, 164, 40), 0.0) == (44, 164)
    # An end too far from the ink stays.
    assert move_ends_to_ink(strength, (10, 20, 164, 40), 1.0)[0] == 10
    assert move_ends_to_ink(np.zeros_like(strength), (44, 20, 164, 40), 1.0) == (44, 164)


def test_drops_covered_segments() -> None:
    quads = np.array([box(0, 0, 100, 20), box(40, 4, 60, 24), box(0, 21, 100, 40)], np.float32)
    kept = drop_covered(Segments(quads, np.array([0.9, 0.95, 0.9], np.float32)), 0.6)
    assert kept.quads[:, 0].tolist() == [[0, 0], [0, 21]]


def test_drops_segments_with_low_scores() -> None:
    weak = replace(row_of_cells(0, 5, 20, 40), score=np.full(6, 0.55, np.float32))
    assert len(join_proposals(weak, BLANK, replace(EXACT, min_score=0.6)).scores) == 0
    assert len(join_proposals(weak, BLANK, replace(EXACT, min_score=0.5)).scores) == 1


def test_finds_gaps_between_ink() -> None:
    gray = np.full((60, 120), 230, np.uint8)
    # Strokes two pixels apart.
    gray[22:38, 10:40:3] = 40
    gray[22:38, 70:100:3] = 40
    # A rule below the text.
    gray[42:44] = 40
    ink = find_inked_columns(compute_ink_strength(gray), (0, 20, 120, 40))
    gaps = find_gaps(ink, 0)
    widest = gaps.width[1:-1].argmax() + 1
    assert (gaps.start[widest], gaps.stop[widest]) == (38, 70)
    assert not find_inked_columns(compute_ink_strength(gray), (-20, -20, 0, -5)).any()


def test_link_features_are_in_order_of_names() -> None:
    strength = np.zeros((60, 200), np.uint8)
    strength[22:38, :60] = 80.0
    strength[22:38, 80:160] = 80.0
    proposals = row_of_cells(0, 9, 20, 40, {4: 0.5, 5: -0.25})
    following = link_proposals(proposals, EXACT)
    links = describe_links(proposals, following, label_chains(following), strength)
    at = dict(zip(FEATURES, links.features[4], strict=True))
    assert at["side_left"] == pytest.approx(0.5)
    assert at["fall"] == pytest.approx(0.75)
    assert at["gap"] == pytest.approx(1.0)
    assert at["columns_missing"] == 0
    assert (links.gap_start[4], links.gap_stop[4]) == (60, 80)
    weights = np.zeros(len(FEATURES) + 1)
    weights[FEATURES.index("fall")], weights[-1] = 2.0, -1.0
    assert compute_logits(links.features, weights)[4] == pytest.approx(0.5)


def test_settings_survive_manifest() -> None:
    settings = JoiningSettings(grow=(0.1, 0.2, 0.3, 0.4), min_score=0.7)
    assert JoiningSettings.from_dict(settings.to_dict()) == settings
    with pytest.raises(ValueError, match="break_weights"):
        JoiningSettings.from_dict({**settings.to_dict(), "break_weights": [1.0]})
    with pytest.raises(TypeError):
        JoiningSettings.from_dict({**settings.to_dict(), "unknown": 1})


def test_short_segments_have_own_growth() -> None:
    settings = JoiningSettings(grow=(0.2, 0.2, 0.3, 0.3), grow_short=(0.0, 0.0, 0.1, 0.1))
    assert compute_growth(0.5, settings) == pytest.approx([0.0, 0.0, 0.1, 0.1])
    assert compute_growth(1.3, settings) == pytest.approx([0.1, 0.1, 0.2, 0.2])
    assert compute_growth(9.0, settings) == pytest.approx([0.2, 0.2, 0.3, 0.3])


def test_settings_of_older_weights_have_one_growth() -> None:
    old = JoiningSettings(grow=(0.1, 0.2, 0.3, 0.4)).to_dict()
    del old["grow_short"], old["accept_weights"], old["accept_threshold"]
    settings = JoiningSettings.from_dict(old)
    assert settings.grow_short == settings.grow == (0.1, 0.2, 0.3, 0.4)
    assert settings.accept_weights == ()
    with pytest.raises(ValueError, match="accept_weights"):
        JoiningSettings.from_dict({**old, "accept_weights": [1.0]})
