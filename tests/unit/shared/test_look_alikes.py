"""Tests of the table of look-alike characters."""

from __future__ import annotations

import pytest

from shared.look_alikes import are_look_alikes, fold_look_alikes, look_alikes_of


@pytest.mark.parametrize(
    ("first", "second", "expected"), [("0", "O", True), ("Q", "0", True), ("1", "T", True), ("1", "7", False)]
)
def test_pairs_look_alike_in_either_order(first: str, second: str, expected: bool) -> None:
    assert are_look_alikes(first, second) is expected
    assert are_look_alikes(second, first) is expected


def test_character_does_not_look_like_itself() -> None:
    assert not are_look_alikes("O", "O")


def test_lists_look_alikes_of_a_character() -> None:
    assert look_alikes_of("0") == "DOQ"
    assert look_alikes_of("X") == ""


def test_folding_makes_misread_texts_equal() -> None:
    assert fold_look_alikes("B0DY SH0P 15L") == fold_look_alikes("8ODY 5HOP ISI")
    assert fold_look_alikes("TEXT 79") == "TEXT 79"
