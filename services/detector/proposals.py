"""Decode the output of the network into text proposals: one per run of text and column of cells. numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.detector.anchors import decode_vertical
from services.detector.network.architecture import STRIDE
from shared.arrays import Doubles, Flags, Floats, Indices


@dataclass(frozen=True)
class Proposals:
    """P proposals, each one cell wide, sorted by column.

    Attributes:
        column: Index of the column of cells.
        top: Top edge in pixels.
        bottom: Bottom edge in pixels.
        score: Probability of text, 0 to 1.
        side: Side ramp; see `services.detector.anchors.encode_side`.
    """

    column: Indices
    top: Floats
    bottom: Floats
    score: Floats
    side: Floats

    def __len__(self) -> int:
        """Return the number of proposals."""
        return len(self.column)

    def __getitem__(self, index: Indices | Flags) -> Proposals:
        """Select some of the proposals."""
        return Proposals(self.column[index], self.top[index], self.bottom[index], self.score[index], self.side[index])

    @property
    def center(self) -> Floats:
        """Horizontal centers in pixels, `(P,)`."""
        return ((self.column + 0.5) * STRIDE).astype(np.float32)


@dataclass(frozen=True)
class Chains:
    """N chains of proposals, each a candidate for a segment.

    Attributes:
        members: Proposals of the first chain from left to right, then those of the second, and so on.
        start: Index of the first member of each chain, `(N,)`.
        count: Number of members of each chain, `(N,)`.
    """

    members: Proposals
    start: Indices
    count: Indices

    @classmethod
    def group(cls, proposals: Proposals, chain: Indices) -> tuple[Chains, Indices]:
        """Group proposals, sorted by column, by the chain (0, 1, ...) of each.

        Returns:
            The chains, and the indices of their members.
        """
        order = np.argsort(chain, kind="stable")
        count = np.bincount(chain)
        return cls(proposals[order], np.cumsum(count) - count, count), order

    def __len__(self) -> int:
        """Return the number of chains."""
        return len(self.count)

    @property
    def last(self) -> Indices:
        """Indices of the last members, `(N,)`."""
        return self.start + self.count - 1

    def __getitem__(self, kept: Flags) -> Chains:
        """Select some of the chains."""
        count = self.count[kept]
        return Chains(self.members[np.repeat(kept, self.count)], np.cumsum(count) - count, count)

    def sum(self, values: NDArray[Any]) -> Doubles:
        """Sum values of the members over each chain."""
        return np.asarray(np.add.reduceat(values, self.start, dtype=np.float64))

    def mean(self, values: NDArray[Any]) -> Doubles:
        """Average values of the members over each chain."""
        return self.sum(values) / self.count

    def median(self, values: Floats) -> Floats:
        """Return the median of values of the members over each chain."""
        ordered = values[np.lexsort((values, self.repeat(np.arange(len(self)))))]
        below, above = self.start + (self.count - 1) // 2, self.start + self.count // 2
        return np.asarray(0.5 * (ordered[below] + ordered[above]), np.float32)

    def repeat(self, values: NDArray[Any]) -> NDArray[Any]:
        """Repeat a value of each chain for each of its members."""
        return np.repeat(values, self.count)


def decode_proposals(
    probability: Floats, vertical: Floats, side: Floats, anchor_heights: Floats, min_probability: float
) -> Proposals:
    """Decode all anchors that are probably text.

    Args:
        probability: `(R, C, k)` probabilities of text.
        vertical: `(R, C, k, 2)` vertical coordinates.
        side: `(R, C, k)` side ramps.
        anchor_heights: `(k,)` heights in pixels.
        min_probability: Minimum probability.
    """
    row, column, anchor = np.nonzero(probability >= min_probability)
    order = np.argsort(column, kind="stable")
    row, column, anchor = row[order], column[order], anchor[order]
    top, bottom = decode_vertical(vertical[row, column, anchor], row, anchor_heights[anchor])
    return Proposals(column, top, bottom, probability[row, column, anchor], side[row, column, anchor])


def suppress_overlaps(proposals: Proposals, overlap: float, agreement: float = 0.5) -> Proposals:
    """Suppress all but the best of overlapping proposals in each column, and average similar ones into it.

    Columns are processed in parallel: in each round the best remaining proposal of every column takes what it overlaps.

    Args:
        proposals: Proposals, sorted by column.
        overlap: Vertical intersection over union at which the weaker proposal is dropped.
        agreement: Vertical intersection over union at which it is also averaged in, weighted by score.
    """
    if not len(proposals):
        return proposals
    columns, slot, count = _assign_slots(proposals.column)
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


def _assign_slots(column: Indices) -> tuple[Indices, tuple[Indices, Indices], int]:
    """Return the distinct columns, the position of each proposal in a padded matrix, and the width of that matrix."""
    columns, start, counts = np.unique(column, return_index=True, return_counts=True)
    row = np.repeat(np.arange(len(columns)), counts)
    within = np.arange(len(column)) - np.repeat(start, counts)
    return columns.astype(np.intp), (row, within), int(counts.max())
