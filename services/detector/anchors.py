"""Encode labeled segments as targets of anchors, and decode the coordinates of anchors. numpy only.

A cell of the network is `STRIDE` pixels wide. Each of its k anchors is as wide as the cell, centered on it, and has one
of k heights. All coordinates are pixels of the scaled page. The anchors are those of CTPN (arXiv:1609.03605, section
3.1), except for the side ramp; see `encode_side`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.detector.network.architecture import STRIDE
from shared.arrays import Flags, Floats, Indices

# Cells before an end at which the side ramp starts; the target of a cell farther inside is 0.
SIDE_REACH = 1.5
# Pixels of a cell that a segment covers: at least this many make it text, fewer than the second number make it blank.
_TEXT_COVER, _BLANK_COVER = 8.0, 4.0
# Minimum height ratio at which an anchor fits a segment, and at which it is excluded from the loss.
_FIT, _NEAR = 0.7, 0.5
# A segment belongs to every row of cells whose center is at most this far (px) from its own, so a segment on the border
# of two rows is found by both. Rows up to the second distance are excluded from the loss.
_ROW_REACH, _ROW_NEAR = 10.0, 13.0
# A segment narrower than this many heights (one or two characters) is short: it has few anchors, so each of them weighs
# more.
_SHORT_ASPECT, _SHORT_WEIGHT = 1.7, 2.5
# Pixels by which a segment with a single column of cells counts as nearer where segments compete for an anchor: no
# other column can find it.
_SINGLE_PRIORITY = 8.0


class Targets(NamedTuple):
    """Targets of one picture of R rows and C columns of cells with k anchors each.

    Attributes:
        labels: `(R, C, k)` int8: 1 text, 0 not text, -1 excluded from the loss.
        vertical: `(R, C, k, 2)`: center offset in anchor heights and log of the height ratio; 0 unless text.
        side: `(R, C, k)`: side ramp; 0 unless text and near an end.
        weight: `(R, C, k)`: weight of the anchor in the loss; 1 unless it is text of a short segment.
    """

    labels: NDArray[np.int8]
    vertical: Floats
    side: Floats
    weight: Floats


def encode_side(left: NDArray[Any], right: NDArray[Any]) -> Floats:
    """Return the side ramp of cells inside a segment.

    Args:
        left: Cells from the left end of the segment to the center of the cell, negative if the center is outside.
        right: Cells from the center of the cell to the right end, negative if the center is outside.

    Returns:
        0 at `SIDE_REACH` or more cells from both ends. Toward the nearer end it rises by one per cell, with a positive
        sign for a right end and a negative sign for a left end.
    """
    to_right, to_left = np.maximum(SIDE_REACH - right, 0.0), np.maximum(SIDE_REACH - left, 0.0)
    return np.asarray(np.where(right <= left, to_right, -to_left), np.float32)


def decode_side(side: Floats, center: Floats) -> Floats:
    """Return the position (px) of the end that the side ramp of a cell encodes; meaningless if the ramp is near 0."""
    distance = (SIDE_REACH - np.abs(side)) * STRIDE
    return (center + np.sign(side) * distance).astype(np.float32)


def compute_cell_centers(count: int) -> Floats:
    """Return the centers of `count` cells along one axis in pixels, `(count,)`."""
    return (np.arange(count, dtype=np.float32) + 0.5) * STRIDE


def decode_vertical(vertical: Floats, rows: Indices, heights: Floats) -> tuple[Floats, Floats]:
    """Decode the vertical coordinates of P anchors.

    Args:
        vertical: `(P, 2)`, as the network returns them.
        rows: `(P,)` row indices.
        heights: `(P,)` anchor heights in pixels.

    Returns:
        Top and bottom in pixels, `(P,)` each.
    """
    center = (rows + 0.5) * STRIDE + vertical[:, 0] * heights
    half = 0.5 * heights * np.exp(np.clip(vertical[:, 1], -2.0, 2.0))
    return (center - half).astype(np.float32), (center + half).astype(np.float32)


def is_short(quads: Floats) -> Flags:
    """Return which of N quads `(N, 4, 2)` are about two characters or shorter, by their width in heights."""
    width = 0.5 * np.linalg.norm(quads[:, [1, 2]] - quads[:, [0, 3]], axis=2).sum(axis=1)
    height = 0.5 * np.linalg.norm(quads[:, [3, 2]] - quads[:, [0, 1]], axis=2).sum(axis=1)
    return np.asarray(width < _SHORT_ASPECT * height, np.bool_)


def build_targets(
    quads: Floats, rows: int, columns: int, anchor_heights: Sequence[float], ignored: Floats | None = None
) -> Targets:
    """Assign the labeled segments of a picture to anchors.

    An anchor is text if a segment covers half of the width of its cell, has its center (at that column) near the row of
    the cell, and has about the height of the anchor. Anchors that nearly fit are excluded from the loss. Where segments
    compete for an anchor, the one closest to the center of the cell gets it, with an advantage for a segment that has a
    single column of cells.

    Args:
        quads: `(N, 4, 2)` in pixels, clockwise from the top left; may extend beyond the picture.
        rows: Number of rows of cells.
        columns: Number of columns of cells.
        anchor_heights: The k anchor heights in pixels.
        ignored: `(M, 4, 2)` print that is neither text nor blank. Anchors that it touches are excluded from the loss,
            unless a segment has them.
    """
    heights = np.asarray(anchor_heights, np.float32)
    shape = (rows, columns, len(heights))
    labels = np.zeros(shape, np.int8)
    vertical = np.zeros((*shape, 2), np.float32)
    side = np.zeros(shape, np.float32)
    weight = np.ones(shape, np.float32)
    distance = np.full(shape, np.inf, np.float32)
    short = is_short(quads)
    centers, row_centers = compute_cell_centers(columns), compute_cell_centers(rows)
    for index, quad in enumerate(quads):
        left, right = float(quad[[0, 3], 0].mean()), float(quad[[1, 2], 0].mean())
        cover = np.minimum(right, centers + STRIDE / 2) - np.maximum(left, centers - STRIDE / 2)
        touched = np.flatnonzero(cover >= min(_BLANK_COVER, 0.5 * cover.max()))
        if right - left < 1.0 or not len(touched) or cover.max() <= 0:
            continue
        is_text = cover[touched] >= min(_TEXT_COVER, cover.max())
        at = np.clip((centers[touched] - left) / (right - left), 0.0, 1.0)
        top = quad[0, 1] + at * (quad[1, 1] - quad[0, 1])
        bottom = quad[3, 1] + at * (quad[2, 1] - quad[3, 1])
        center, height = 0.5 * (top + bottom), np.maximum(bottom - top, 1.0)
        ramp = encode_side((centers[touched] - left) / STRIDE, (right - centers[touched]) / STRIDE)

        # Rows x touched columns x k.
        off_row = np.abs(center[None] - row_centers[:, None])[:, :, None]
        ratio = np.minimum(height[:, None] / heights, heights / height[:, None])[None]
        text = (off_row <= _ROW_REACH) & (ratio >= _FIT) & is_text[None, :, None]
        near = (off_row <= _ROW_NEAR) & (ratio >= _NEAR)
        rank = off_row - (_SINGLE_PRIORITY if is_text.sum() == 1 else 0.0)
        text &= rank < distance[:, touched]
        row, column, anchor = np.nonzero(near & (labels[:, touched] == 0))
        labels[row, touched[column], anchor] = -1
        row, column, anchor = np.nonzero(text)
        cell = touched[column]
        labels[row, cell, anchor] = 1
        distance[row, cell, anchor] = rank[row, column, 0]
        vertical[row, cell, anchor, 0] = (center[column] - row_centers[row]) / heights[anchor]
        vertical[row, cell, anchor, 1] = np.log(height[column] / heights[anchor])
        side[row, cell, anchor] = ramp[column]
        weight[row, cell, anchor] = _SHORT_WEIGHT if short[index] else 1.0
    if ignored is not None:
        _exclude_ignored(labels, ignored)
    return Targets(labels, vertical, side, weight)


def _exclude_ignored(labels: NDArray[np.int8], ignored: Floats) -> None:
    """Exclude the blank anchors `(R, C, k)` of all cells that quads `(M, 4, 2)` touch, in place."""
    rows, columns, _ = labels.shape
    for quad in ignored:
        low = np.floor(quad.min(axis=0) / STRIDE - 0.5).astype(int)
        high = np.ceil(quad.max(axis=0) / STRIDE + 0.5).astype(int)
        x0, x1 = np.clip((low[0], high[0]), 0, columns)
        y0, y1 = np.clip((low[1], high[1]), 0, rows)
        cells = labels[y0:y1, x0:x1]
        cells[cells == 0] = -1
