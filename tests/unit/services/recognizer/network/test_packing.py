"""Test packing sequences into rows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from services.recognizer.network.packing import pack

RECEIPT = [192] * 5 + [160] * 3 + [128] * 6 + [96] * 11 + [64] * 5 + [48] * 9 + [32] * 12 + [16] * 10


@pytest.mark.parametrize("lengths", [RECEIPT, RECEIPT[::-1], [7], [3, 1, 2, 9, 9, 1]])
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_takes_every_sequence_from_its_place(lengths: list[int], parts: int) -> None:
    sequences = [np.full((length, 2), 1.0 + i, np.float32) for i, length in enumerate(lengths)]
    packs = pack(lengths, parts)
    assert len(packs) <= min(parts, len(lengths))
    assert sorted(i for one in packs for i in one.sequences) == list(range(len(lengths)))
    for one in packs:
        rows, free = one.fill([sequences[i] for i in one.sequences])
        for index, taken in zip(one.sequences, one.take(rows), strict=True):
            np.testing.assert_array_equal(taken, sequences[index])
        np.testing.assert_array_equal(rows[..., :1] == 0, free == 1)


@pytest.mark.parametrize("parts", [1, 2])
def test_neighbors_in_row_have_free_frame_between(parts: int) -> None:
    for one in pack(RECEIPT, parts):
        spans = sorted(
            (row, start, start + length) for (row, start), length in zip(one.places, one.lengths, strict=True)
        )
        for (row, _, end), (other, start, _) in itertools.pairwise(spans):
            assert row != other or start > end


def test_packs_tightly() -> None:
    for one in pack(RECEIPT, 2):
        rows, frames = one.shape
        assert sum(one.lengths) > 0.8 * rows * frames


@pytest.mark.parametrize(
    ("count", "shapes"), [(4, [(1, 256), (1, 256)]), (8, [(1, 448), (1, 448)]), (10, [(5, 100)] * 2)]
)
def test_joins_few_rows_into_one(count: int, shapes: list[tuple[int, int]]) -> None:
    assert [one.shape for one in pack([100] * count, 2)] == shapes


def test_packs_have_similar_sizes() -> None:
    first, second = (sum(one.lengths) for one in pack(RECEIPT, 2))
    assert abs(first - second) < 200


def test_packs_no_sequences() -> None:
    assert pack([], 2) == []
