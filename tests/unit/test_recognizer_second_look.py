from __future__ import annotations

import numpy as np
import pytest

from services.recognizer.decoding import Recognition
from services.recognizer.second_look import looks, pays, vote


def test_looks_are_wider_narrower_looser_and_closer() -> None:
    crop = np.tile(np.arange(100, dtype=np.uint8), (40, 1))
    shapes = [look.shape for look in looks(crop)]
    assert shapes == [(40, 115), (40, 87), (44, 104), (36, 100)]
    assert all(look.dtype == np.uint8 for look in looks(crop))


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (11, 3), (12, 1), (300, 2)])
def test_nothing_is_cut_away_from_small_crops(shape: tuple[int, int]) -> None:
    found = looks(np.zeros(shape, np.uint8))
    assert all(look.size for look in found)
    assert len(found) == (4 if shape[0] >= 12 else 3)


@pytest.mark.parametrize(
    ("device", "feature", "expected"),
    [("cpu", "avx512_vnni", True), ("cpu", "amx_int8", True), ("auto", "avx2", False), ("cuda:1", "avx2", True)],
)
def test_it_pays_where_there_is_time(
    device: str, feature: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.processor.flags", lambda: frozenset({feature}))
    assert pays(device) is expected


def test_readings_that_agree_outvote_a_surer_one() -> None:
    readings = [Recognition("8O.00", 0.6), Recognition("80.00", 0.4), Recognition("80.00", 0.5)]
    text, confidence = vote(readings).text, vote(readings).confidence
    assert text == "80.00"
    assert confidence == pytest.approx(0.9 / 3)


def test_the_first_reading_wins_where_votes_are_equal() -> None:
    assert vote([Recognition("A", 0.5), Recognition("B", 0.5)]).text == "A"
    assert vote([Recognition("A", 0.0)]) == Recognition("A", 0.0)
