"""Anchors, the targets that a labeled picture gives them, and how their coordinates are read.

A cell of the network is :data:`STRIDE` pixels wide; each of its k anchors is as wide as the cell, stands on the cell's
center and has one of k heights. Everything here is numpy, with pixels of the scaled picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.arrays import Flags, Floats, Indices

STRIDE = 16
#: The side ramp starts this many cells before an end: a cell whose center is farther inside has the target 0.
SIDE_REACH = 1.5
#: A cell is text where a segment covers half of it, and not text where it covers less than a quarter.
_TEXT_COVER, _BLANK_COVER = 8.0, 4.0
#: Height ratios from which an anchor fits a segment, and from which it is left out of the loss.
_FIT, _NEAR = 0.7, 0.5
#: A segment belongs to every row of cells whose center is this near (px) to its own, so that a segment on the border
#: of two rows is found by both; rows up to the second distance are left out of the loss.
_ROW_REACH, _ROW_NEAR = 10.0, 13.0
#: A segment narrower than this many heights (one or two characters) is short: it has few anchors, so each counts more.
_SHORT_ASPECT, _SHORT_WEIGHT = 1.7, 2.5
#: Where segments compete for an anchor, one that has a single column of cells counts as this much (px) nearer: it has
#: no other column to be found by.
_SINGLE_PRIORITY = 8.0


class Targets(NamedTuple):
    """What the network should say of one picture of R rows and C columns, k anchors.

    Attributes:
        labels: R x C x k, int8: 1 text, 0 not text, -1 left out.
        vertical: R x C x k x 2: center offset in anchor heights, log of the height ratio; 0 unless text.
        side: R x C x k: the side ramp; 0 unless text and near an end.
        weight: R x C x k: how much the anchor counts in the loss, 1 unless it is text of a short segment.
    """

    labels: npt.NDArray[np.int8]
    vertical: Floats
    side: Floats
    weight: Floats


def encode_side(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Floats:
    """The side ramp of cells inside a segment.

    Args:
        left: Distance from the segment's left end to the cell's center in cells, negative if the center lies outside.
        right: The same for the right end.

    Returns:
        Zero at :data:`SIDE_REACH` cells or more from both ends; toward the nearer end it rises by one a cell, with
        a plus sign for a right end and a minus sign for a left one.
    """
    to_right, to_left = np.maximum(SIDE_REACH - right, 0.0), np.maximum(SIDE_REACH - left, 0.0)
    return np.asarray(np.where(right <= left, to_right, -to_left), np.float32)


def decode_side(side: Floats, center: Floats) -> Floats:
    """The position (px) of the end that the side ramp of cells tells of; meaningful where the ramp is not near zero."""
    distance = (SIDE_REACH - np.abs(side)) * STRIDE
    return (center + np.sign(side) * distance).astype(np.float32)


def cell_centers(count: int) -> Floats:
    """Centers of `count` cells along one axis in pixels."""
    return (np.arange(count, dtype=np.float32) + 0.5) * STRIDE


def decode_vertical(vertical: Floats, rows: Indices, heights: Floats) -> tuple[Floats, Floats]:
    """Read the vertical coordinates of P anchors.

    Args:
        vertical: P x 2, as the network gives them.
        rows: P row indices.
        heights: P anchor heights in pixels.

    Returns:
        Top and bottom (P each) in pixels.
    """
    center = (rows + 0.5) * STRIDE + vertical[:, 0] * heights
    half = 0.5 * heights * np.exp(np.clip(vertical[:, 1], -2.0, 2.0))
    return (center - half).astype(np.float32), (center + half).astype(np.float32)


def is_short(quads: Floats) -> Flags:
    """Which of N quads (N x 4 x 2) hold hardly more than two characters, judged by their width in heights."""
    width = 0.5 * np.linalg.norm(quads[:, [1, 2]] - quads[:, [0, 3]], axis=2).sum(axis=1)
    height = 0.5 * np.linalg.norm(quads[:, [3, 2]] - quads[:, [0, 1]], axis=2).sum(axis=1)
    return np.asarray(width < _SHORT_ASPECT * height, np.bool_)


def build_targets(
    quads: Floats, rows: int, columns: int, anchor_heights: Sequence[float], ignored: Floats | None = None
) -> Targets:
    """Assign the labeled segments of a picture to anchors.

    An anchor is text if a segment covers half of its cell's width, has its center (at that column) near the cell's
    row and about the anchor's height. Anchors that nearly fit are left out. Where segments compete for an anchor the
    one nearest to the cell's center has it, with an advantage for a segment that has a single column of cells.

    Args:
        quads: N x 4 x 2, clockwise from the top left, in pixels; may reach over the picture's edges.
        rows: Rows of cells.
        columns: Columns of cells.
        anchor_heights: The k anchor heights in pixels.
        ignored: M x 4 x 2, print that is neither text nor blank: whatever anchor it touches is left out, unless a
            segment has it.

    Returns:
        The targets.
    """
    heights = np.asarray(anchor_heights, np.float32)
    shape = (rows, columns, len(heights))
    labels = np.zeros(shape, np.int8)
    vertical = np.zeros((*shape, 2), np.float32)
    side = np.zeros(shape, np.float32)
    weight = np.ones(shape, np.float32)
    distance = np.full(shape, np.inf, np.float32)
    short = is_short(quads)
    centers, row_centers = cell_centers(columns), cell_centers(rows)
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

        # rows x touched columns x k
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
    _leave_out(labels, ignored)
    return Targets(labels, vertical, side, weight)


def _leave_out(labels: npt.NDArray[np.int8], ignored: Floats | None) -> None:
    """Mark the blank anchors (R x C x k) of all cells that some quads (M x 4 x 2) touch as left out."""
    rows, columns, _ = labels.shape
    for quad in () if ignored is None else ignored:
        low = np.floor(quad.min(axis=0) / STRIDE - 0.5).astype(int)
        high = np.ceil(quad.max(axis=0) / STRIDE + 0.5).astype(int)
        x0, x1 = np.clip((low[0], high[0]), 0, columns)
        y0, y1 = np.clip((low[1], high[1]), 0, rows)
        cells = labels[y0:y1, x0:x1]
        cells[cells == 0] = -1
