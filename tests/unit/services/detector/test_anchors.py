"""Test the targets of anchors and decoding their coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from services.detector.anchors import (
    build_targets,
    compute_cell_centers,
    decode_side,
    decode_vertical,
    encode_side,
    is_short,
)
from services.detector.network.architecture import STRIDE

HEIGHTS = (8.0, 10.3, 13.3, 17.2, 22.2, 28.7, 37.1, 48.0)


def quad(x0: float, y0: float, x1: float, y1: float, rise: float = 0.0) -> np.ndarray:
    return np.array([(x0, y0), (x1, y0 + rise), (x1, y1 + rise), (x0, y1)], np.float32)


def test_targets_decode_to_their_segment() -> None:
    targets = build_targets(quad(40, 21, 202, 41)[None], rows=6, columns=16, anchor_heights=HEIGHTS)
    row, column, anchor = np.nonzero(targets.labels == 1)
    top, bottom = decode_vertical(targets.vertical[row, column, anchor], row, np.array(HEIGHTS, np.float32)[anchor])

    assert top == pytest.approx(np.full(len(top), 21), abs=1e-3)
    assert bottom == pytest.approx(np.full(len(bottom), 41), abs=1e-3)
    # Half of the width of a cell must be covered: 40 to 202 covers cells 2 (half) to 12 (10 of 16 px).
    assert sorted(set(column)) == list(range(2, 13))
    ends = decode_side(targets.side[row, column, anchor], compute_cell_centers(16)[column])
    sides = targets.side[row, column, anchor]
    assert set(np.round(ends[sides < 0])) == {40}
    assert set(np.round(ends[sides > 0])) == {202}


def test_only_fitting_anchors_in_near_rows_are_text() -> None:
    targets = build_targets(quad(0, 22, 160, 42)[None], rows=6, columns=10, anchor_heights=HEIGHTS)
    rows, _, anchors = np.nonzero(targets.labels == 1)
    # The center, 32, is on the border of both.
    assert set(rows) == {1, 2}
    ratio = np.minimum(20 / np.array(HEIGHTS, np.float32), np.array(HEIGHTS, np.float32) / 20)
    assert set(anchors) == set(np.flatnonzero(ratio >= 0.7))
    assert (targets.labels[1, 5, (ratio < 0.7) & (ratio >= 0.5)] == -1).all()
    assert (targets.labels[4:] == 0).all()


def test_cells_in_a_gap_are_not_text() -> None:
    quads = np.stack([quad(0, 16, 64, 32), quad(112, 16, 176, 32)])
    targets = build_targets(quads, rows=3, columns=11, anchor_heights=HEIGHTS)
    text = (targets.labels[1] == 1).any(axis=-1)
    assert text.tolist() == [True] * 4 + [False] * 3 + [True] * 4
    assert (targets.labels[:, 4:7] == 0).all()


def test_targets_follow_slanted_segment() -> None:
    targets = build_targets(quad(0, 20, 320, 40, rise=32)[None], rows=8, columns=20, anchor_heights=HEIGHTS)
    row, column, anchor = np.nonzero(targets.labels == 1)
    top, _ = decode_vertical(targets.vertical[row, column, anchor], row, np.array(HEIGHTS, np.float32)[anchor])
    assert top == pytest.approx(20 + compute_cell_centers(20)[column] / 10, abs=1e-3)


def test_nearer_segment_gets_anchor() -> None:
    # Centers 18 and 24; row 1 has its center at 24.
    quads = np.stack([quad(0, 10, 64, 26), quad(0, 16, 64, 32)])
    targets = build_targets(quads, rows=3, columns=4, anchor_heights=(16.0,))
    assert targets.vertical[1, 1, 0, 0] == pytest.approx(0.0)
    # The other segment has row 0.
    assert targets.labels[0, 1, 0] == 1
    assert targets.vertical[0, 1, 0, 0] == pytest.approx((18 - 8) / 16)


def test_narrow_segment_has_at_least_one_cell() -> None:
    targets = build_targets(quad(45, 20, 51, 38)[None], rows=3, columns=6, anchor_heights=HEIGHTS)
    columns = np.nonzero((targets.labels == 1).any(axis=(0, 2)))[0]
    assert len(columns) >= 1
    assert set(columns) <= {2, 3}


def test_segments_outside_of_picture_have_no_targets() -> None:
    quads = np.stack([quad(-90, 20, -10, 38), quad(200, 20, 300, 38)])
    targets = build_targets(quads, rows=3, columns=6, anchor_heights=HEIGHTS)
    assert (targets.labels == 0).all()
    assert build_targets(np.zeros((0, 4, 2), np.float32), 3, 6, HEIGHTS).labels.shape == (3, 6, len(HEIGHTS))


def test_side_ramp_rises_toward_both_ends() -> None:
    # Centers of ten cells, distances from the left end in cells.
    inside = np.arange(0, 10) + 0.5
    ramp = encode_side(inside, 10 - inside)
    assert ramp.tolist() == [-1.0, 0, 0, 0, 0, 0, 0, 0, 0, 1.0]
    assert decode_side(np.array([-1.0, 1.0], np.float32), np.array([8, 152], np.float32)).tolist() == [0, 160]
    assert decode_side(encode_side(np.array([0.2], np.float32), np.array([3], np.float32)), np.array([50], np.float32))[
        0
    ] == pytest.approx(50 - 0.2 * STRIDE, abs=1e-4)


def test_excludes_anchors_of_ignored_print_without_segment() -> None:
    ignored = quad(64, 16, 128, 32)[None]
    targets = build_targets(quad(96, 16, 160, 32)[None], 4, 12, HEIGHTS, ignored)
    assert (targets.labels[1, 4:6] == -1).all()
    assert (targets.labels[1, 7] == 1).any()
    assert (targets.labels[:, 0:3] == 0).all()
    assert (targets.labels[3] == 0).all()


def test_short_segments_weigh_more() -> None:
    quads = np.stack([quad(16, 16, 32, 34), quad(80, 16, 240, 34)])
    targets = build_targets(quads, rows=3, columns=16, anchor_heights=HEIGHTS)
    assert is_short(quads).tolist() == [True, False]
    text = targets.labels == 1
    assert (targets.weight[:, 1][text[:, 1]] > 1).all()
    assert (targets.weight[:, 5:][text[:, 5:]] == 1).all()


def test_segment_with_single_column_keeps_it() -> None:
    # Both in column 2; the wide one is nearer to row 1.
    narrow, wide = quad(36, 19, 44, 36), quad(44, 16, 200, 34)
    targets = build_targets(np.stack([narrow, wide]), rows=3, columns=13, anchor_heights=(17.2,))
    top, _ = decode_vertical(targets.vertical[1, 2], np.array([1]), np.array([17.2], np.float32))
    assert top[0] == pytest.approx(19, abs=1e-3)
