"""Pack sequences of different lengths into rows of one length, for a recurrent network.

A step of an LSTM takes 7 microseconds for one row, 24 for eight and 35 for sixteen, and padding costs as much as text:
the segments of a receipt take less time in about twenty full rows than in eight batches of one length each. One frame
between two sequences of a row stays free, in which the network forgets (see `openvino_engine`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from shared.arrays import Floats

# Frames of a row beyond its longest sequence, so that several short ones and the frames between them fit.
_SLACK_FRAMES = 4
# Fewer rows are joined into one, because libraries are fast for one row and for many. 1,200 frames take 170 ms in one
# row, 410, 310 and 240 ms in two to four, and 190 ms in five (float32, AVX2); in bfloat16 58, and 90, 69, 58 and 53 ms.
_MIN_ROWS = 5
# A single row is padded to a multiple of this: preparing the network for a new length takes as long as 100 frames.
_SINGLE_ROW_FRAMES = 64


class Place(NamedTuple):
    """Start of a sequence."""

    row: int
    frame: int


@dataclass(frozen=True)
class Pack:
    """Sequences in rows.

    Attributes:
        sequences: Indices of the sequences in the list of lengths that was packed.
        places: Start of each sequence.
        lengths: Length of each sequence in frames.
        shape: Numbers of rows and frames.
    """

    sequences: Sequence[int]
    places: Sequence[Place]
    lengths: Sequence[int]
    shape: tuple[int, int]

    def fill(self, sequences: Sequence[Floats]) -> tuple[Floats, Floats]:
        """Put sequences into rows.

        Args:
            sequences: `(T, channels)` each, in the order of `places`.

        Returns:
            `(rows, frames, channels)`, and `(rows, frames, 1)` that is 1 where there is no sequence, otherwise 0.
        """
        rows = np.zeros((*self.shape, sequences[0].shape[1]), np.float32)
        free = np.ones((*self.shape, 1), np.float32)
        for (row, start), sequence in zip(self.places, sequences, strict=True):
            rows[row, start : start + len(sequence)] = sequence
            free[row, start : start + len(sequence)] = 0.0
        return rows, free

    def take(self, rows: Floats) -> Iterator[Floats]:
        """Yield the parts of `(rows, frames, channels)` at the places of the sequences, in order."""
        for (row, start), length in zip(self.places, self.lengths, strict=True):
            yield rows[row, start : start + length]


def pack(lengths: Sequence[int], parts: int) -> list[Pack]:
    """Pack sequences into rows.

    Args:
        lengths: Frames of each sequence; with the longest first, the least space stays unused.
        parts: Number of packs of about equal size, to be computed in parallel.

    Returns:
        The packs; fewer than `parts` if there are fewer rows.
    """
    frames = max(lengths, default=0) + _SLACK_FRAMES
    rows: list[list[int]] = []
    ends: list[int] = []
    for sequence, length in enumerate(lengths):
        row = next((row for row, end in enumerate(ends) if end + length <= frames), len(ends))
        if row == len(ends):
            rows.append([])
            ends.append(0)
        rows[row].append(sequence)
        ends[row] += length + 1
    divided = (rows[part::parts] for part in range(min(parts, len(rows))))
    return [_build_pack(some if len(some) >= _MIN_ROWS else [list(chain(*some))], lengths) for some in divided]


def _build_pack(rows: Sequence[Sequence[int]], lengths: Sequence[int]) -> Pack:
    sequences = [sequence for row in rows for sequence in row]
    places = []
    frames = 0
    for number, row in enumerate(rows):
        start = 0
        for sequence in row:
            places.append(Place(number, start))
            start += lengths[sequence] + 1
        frames = max(frames, start - 1)
    if len(rows) == 1:
        frames = -(-frames // _SINGLE_ROW_FRAMES) * _SINGLE_ROW_FRAMES
    return Pack(sequences, places, [lengths[sequence] for sequence in sequences], (len(rows), frames))
