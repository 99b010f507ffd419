"""Sequences of unlike length laid one behind the other in rows of one length, for a recurrent network.

A step of an LSTM takes 7 microseconds for one row, 24 for eight, 35 for sixteen, and padding is computed like text: the
segments of a receipt in some twenty full rows take less time than in eight batches of one length each. Between two
sequences of a row one frame is left free, in which the network forgets (see `openvino_engine`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from shared.arrays import Floats

_SLACK = 4
"""Frames of a row beyond its longest sequence, so that several short ones and the frames between them fit in."""
_FEW = 5
"""Fewer rows than this are laid one behind the other, as libraries have quick code for one row and for many. 1,200
frames take 170 ms in one row, 410, 310 and 240 in two to four, 190 in five (float32, AVX2); in bfloat16 58, and 90, 69,
58, 53."""

_FEW_FRAMES = 64
"""A single row is filled up to a multiple of this: for every new length the network is prepared anew, which takes as
long as 100 frames do."""


class Place(NamedTuple):
    """Where a sequence begins: row and frame."""

    row: int
    start: int


@dataclass(frozen=True)
class Pack:
    """Sequences in rows.

    Attributes:
        sequences: which ones, as places in the list of lengths they were packed by.
        places: of each.
        lengths: of each, in frames.
        shape: rows and frames.
    """

    sequences: Sequence[int]
    places: Sequence[Place]
    lengths: Sequence[int]
    shape: tuple[int, int]

    def fill(self, sequences: Sequence[Floats]) -> tuple[Floats, Floats]:
        """The rows of sequences, `(T, channels)` each in the order of `places`.

        Returns:
            `(rows, frames, channels)`, and `(rows, frames, 1)` which is 1 where there is no sequence, else 0.
        """
        rows = np.zeros((*self.shape, sequences[0].shape[1]), np.float32)
        free = np.ones((*self.shape, 1), np.float32)
        for (row, start), sequence in zip(self.places, sequences, strict=True):
            rows[row, start : start + len(sequence)] = sequence
            free[row, start : start + len(sequence)] = 0.0
        return rows, free

    def take(self, rows: Floats) -> Iterator[Floats]:
        """What stands in the places of the sequences, in their order."""
        for (row, start), length in zip(self.places, self.lengths, strict=True):
            yield rows[row, start : start + length]


def pack(lengths: Sequence[int], parts: int) -> list[Pack]:
    """Lay sequences into rows.

    Args:
        lengths: frames of each sequence; where the longest come first, the least room stays unused.
        parts: into how many packs of about as many frames each, computed side by side.

    Returns:
        The packs, no more than there are rows.
    """
    frames = max(lengths, default=0) + _SLACK
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
    return [_pack(some if len(some) >= _FEW else [list(chain(*some))], lengths) for some in divided]


def _pack(rows: Sequence[Sequence[int]], lengths: Sequence[int]) -> Pack:
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
        frames = -(-frames // _FEW_FRAMES) * _FEW_FRAMES
    return Pack(sequences, places, [lengths[sequence] for sequence in sequences], (len(rows), frames))
