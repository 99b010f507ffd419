"""Tests of placing rows of print on a page."""

from __future__ import annotations

import random
from itertools import pairwise

from synthesis.world.page import Cell, Page, Piece, capitalize, place_rows, strip_accents, text_cell


def test_columns_are_separate_segments_from_left_to_right() -> None:
    page = Page(40)
    page.add(text_cell("Coffee", "item_description"), text_cell("1.20", "item_amount", "right", 1.0), item=2)
    first, second = place_rows(page, random.Random(0))
    assert (first.text, second.text) == ("Coffee", "1.20")
    assert first.quad[1, 0] < second.quad[0, 0]
    assert first.item == second.item == 2
    assert set(second.kinds) == {"item_amount"}


def test_cells_without_room_between_them_are_read_as_one() -> None:
    page = Page(12)
    page.add(text_cell("Coffee", "item_description"), text_cell("11.20", "item_amount", "right", 1.0))
    (segment,) = place_rows(page, random.Random(0))
    assert segment.text == "Coffee 11.20"
    assert segment.kinds[6] == ""
    assert set(segment.kinds[7:]) == {"item_amount"}


def test_spaces_at_the_ends_are_not_part_of_a_segment() -> None:
    page = Page(20)
    page.add(Cell((Piece("1.20", "total"), Piece("  "))))
    (segment,) = place_rows(page, random.Random(0))
    assert segment.text == "1.20"
    assert segment.kinds == ("total",) * 4


def test_rows_follow_each_other_without_overlap() -> None:
    page = Page(20)
    for scale in (1.0, 2.0, 1.0):
        page.add(text_cell("TOTAL"), scale=scale)
    tops = [(one.quad[0, 1], one.quad[2, 1]) for one in place_rows(page, random.Random(1))]
    assert all(lower[0] >= upper[1] * 0.97 for upper, lower in pairwise(tops))


def test_changes_of_case_and_accents_keep_every_character_in_its_place() -> None:
    assert capitalize("Straße ŉ") == "STRAßE ŉ"
    assert strip_accents("Ščípa Øl") == "Scipa Øl"
