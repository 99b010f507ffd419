"""Where the gaps between the words of a segment are."""

from __future__ import annotations

import numpy as np
import pytest

from services.recognizer.gaps import locate_gaps, move_to_ink


def draw_words(*words: tuple[int, int]) -> np.ndarray:
    """Return a segment of 100 columns with ink from and to these columns."""
    crop = np.full((20, 100), 250, np.uint8)
    for start, stop in words:
        crop[5:15, start:stop] = 20
    return crop


def test_locates_gaps_by_frames() -> None:
    # "AB C" and " D", after which the second segment has two frames of padding.
    paths = np.array([[2, 2, 0, 3, 1, 0, 4, 4], [1, 0, 5, 5, 0, 0, 0, 0]])
    assert locate_gaps(paths, [8, 6], ["AB C", " D"]) == [((0.5, 0.75),), ()]


def test_counts_several_spaces_as_one_gap() -> None:
    paths = np.array([[2, 1, 0, 1, 3, 1]])
    assert locate_gaps(paths, [6], ["A  B "]) == [((1 / 6, 4 / 6),)]


def test_locates_nothing_without_text() -> None:
    assert locate_gaps(np.zeros((2, 3), np.int64), [3, 3], ["", ""]) == [(), ()]


def test_moves_gap_to_ink() -> None:
    # The words have gaps of their own, which are narrower.
    crop = draw_words((10, 20), (22, 40), (60, 70), (72, 90))
    assert move_to_ink(crop, ((0.35, 0.65),)) == ((0.4, 0.6),)


def test_chooses_widest_blank_run() -> None:
    crop = draw_words((10, 40), (43, 46), (60, 90))
    assert move_to_ink(crop, ((0.35, 0.65),)) == ((0.46, 0.6),)


def test_parts_touching_words_in_the_middle() -> None:
    ((start, stop),) = move_to_ink(draw_words((10, 90)), ((0.4, 0.5),))
    assert start == stop == pytest.approx(0.45)


def test_keeps_gaps_in_order() -> None:
    # Both gaps touch the same run.
    moved = np.ravel(move_to_ink(draw_words((10, 40), (60, 90)), ((0.38, 0.45), (0.5, 0.62))))
    assert (np.diff(moved) >= 0).all()


def test_keeps_gaps_without_contrast() -> None:
    assert move_to_ink(draw_words(), ((0.1, 0.9),)) == ((0.1, 0.9),)
