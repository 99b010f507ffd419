"""From the network's output to text proposals: one for each run of text in each column of cells. numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.detector.anchors import STRIDE, decode_vertical
from shared.arrays import Doubles, Flags, Floats, Indices


@dataclass(frozen=True)
class Proposals:
    """P proposals, each one cell wide, sorted by column.

    Attributes:
        column: Index of the column of cells.
        top: Upper edge in pixels.
        bottom: Lower edge in pixels.
        score: Probability of text.
        side: Side ramp, see :func:`services.detector.anchors.encode_side`.
    """

    column: Indices
    top: Floats
    bottom: Floats
    score: Floats
    side: Floats

    def __len__(self) -> int:
        """The number of proposals."""
        return len(self.column)

    def __getitem__(self, index: Indices | Flags) -> Proposals:
        """A selection of them."""
        return Proposals(self.column[index], self.top[index], self.bottom[index], self.score[index], self.side[index])

    @property
    def center(self) -> Floats:
        """Horizontal centers in pixels."""
        return ((self.column + 0.5) * STRIDE).astype(np.float32)


@dataclass(frozen=True)
class Chains:
    """N chains of proposals, each a candidate for a segment.

    Attributes:
        members: The proposals of the first chain from left to right, then those of the second, and so on.
        start: N indices of the first member of each.
        count: N numbers of members, from 1.
    """

    members: Proposals
    start: Indices
    count: Indices

    @classmethod
    def of(cls, proposals: Proposals, chain: Indices) -> tuple[Chains, Indices]:
        """Proposals sorted by column with the chain (0, 1, ...) of each; also gives the indices of the members."""
        order = np.argsort(chain, kind="stable")
        count = np.bincount(chain)
        return cls(proposals[order], np.cumsum(count) - count, count), order

    def __len__(self) -> int:
        """The number of chains."""
        return len(self.count)

    @property
    def last(self) -> Indices:
        """Indices of the last members."""
        return self.start + self.count - 1

    def __getitem__(self, kept: Flags) -> Chains:
        """Some of the chains."""
        count = self.count[kept]
        return Chains(self.members[np.repeat(kept, self.count)], np.cumsum(count) - count, count)

    def total(self, values: npt.NDArray[Any]) -> Doubles:
        """The sum over each chain of values of the members."""
        return np.asarray(np.add.reduceat(values, self.start, dtype=np.float64))

    def mean(self, values: npt.NDArray[Any]) -> Doubles:
        """The mean over each chain of values of the members."""
        return self.total(values) / self.count

    def median(self, values: Floats) -> Floats:
        """The median over each chain of values of the members."""
        ordered = values[np.lexsort((values, self.spread(np.arange(len(self)))))]
        below, above = self.start + (self.count - 1) // 2, self.start + self.count // 2
        return np.asarray(0.5 * (ordered[below] + ordered[above]), np.float32)

    def spread(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A value of each chain, for each of its members."""
        return np.repeat(values, self.count)


def decode_proposals(
    probability: Floats, vertical: Floats, side: Floats, anchor_heights: Floats, threshold: float
) -> Proposals:
    """Read all anchors that score at least a threshold.

    Args:
        probability: R x C x k probabilities of text.
        vertical: R x C x k x 2 vertical coordinates.
        side: R x C x k side ramps.
        anchor_heights: k heights in pixels.
        threshold: Least probability.
    """
    row, column, anchor = np.nonzero(probability >= threshold)
    order = np.argsort(column, kind="stable")
    row, column, anchor = row[order], column[order], anchor[order]
    top, bottom = decode_vertical(vertical[row, column, anchor], row, anchor_heights[anchor])
    return Proposals(column, top, bottom, probability[row, column, anchor], side[row, column, anchor])


def suppress(proposals: Proposals, overlap: float, agreement: float = 0.5) -> Proposals:
    """Non-maximum suppression within each column; what is suppressed by a like proposal is averaged into it.

    Columns are treated side by side: in each round the best proposal left in every column takes what overlaps it.

    Args:
        proposals: Sorted by column.
        overlap: Vertical intersection over union from which the weaker proposal goes.
        agreement: Vertical intersection over union from which it is also averaged in, weighted by score.
    """
    if not len(proposals):
        return proposals
    columns, slot, count = _slots(proposals.column)
    shape = (len(columns), count)

    def padded(values: Floats, fill: float) -> Floats:
        matrix = np.full(shape, fill, np.float32)
        matrix[slot] = values
        return matrix

    top, bottom = padded(proposals.top, 0.0), padded(proposals.bottom, 0.0)
    side, score = padded(proposals.side, 0.0), padded(proposals.score, -1.0)
    left = score.copy()
    everywhere = np.arange(len(columns))
    found: list[tuple[Floats, ...]] = []
    while len(everywhere):
        best = left[everywhere].argmax(axis=1)
        alive = left[everywhere, best] > 0
        everywhere, best = everywhere[alive], best[alive]
        if not len(everywhere):
            break
        t, b = top[everywhere], bottom[everywhere]
        best_top, best_bottom = top[everywhere, best][:, None], bottom[everywhere, best][:, None]
        shared = np.minimum(b, best_bottom) - np.maximum(t, best_top)
        union = np.maximum(b, best_bottom) - np.minimum(t, best_top)
        ratio = np.where(left[everywhere] > 0, shared / np.maximum(union, 1e-3), 0.0)
        weight = np.where(ratio >= agreement, score[everywhere], 0.0)
        weight[np.arange(len(best)), best] = score[everywhere, best]
        total = weight.sum(axis=1)
        mean_of = [(weight * values[everywhere]).sum(axis=1) / total for values in (top, bottom, side)]
        found.append((columns[everywhere].astype(np.float32), *mean_of, score[everywhere, best]))
        gone = ratio >= overlap
        gone[np.arange(len(best)), best] = True
        left[everywhere] = np.where(gone, -1.0, left[everywhere])
    column, new_top, new_bottom, new_side, new_score = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((new_top, column))
    return Proposals(column.astype(np.intp), new_top, new_bottom, new_score, new_side)[order]


def _slots(column: Indices) -> tuple[Indices, tuple[Indices, Indices], int]:
    """For sorted columns: the columns that occur, where each proposal stands in a padded matrix, its width."""
    columns, start, counts = np.unique(column, return_index=True, return_counts=True)
    row = np.repeat(np.arange(len(columns)), counts)
    within = np.arange(len(column)) - np.repeat(start, counts)
    return columns.astype(np.intp), (row, within), int(counts.max())
