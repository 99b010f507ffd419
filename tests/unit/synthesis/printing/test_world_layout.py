"""Test printing the receipts of many countries."""

from __future__ import annotations

import random

import pytest

from services.recognizer.alphabet import DEFAULT_CHARACTERS
from synthesis.printing.sheet import group_segments
from synthesis.printing.typography import Face, can_print
from synthesis.printing.world_layout import draw_world_face, print_page
from synthesis.world.page import Page, Piece, text_cell

_FACE = Face("DejaVuSansMono.ttf", None, 24)


def _read(page: Page, face: Face = _FACE) -> list[str]:
    printed = print_page(random.Random(1), page, face)
    return [" ".join(run.text for run in runs) for runs in group_segments(printed.sheet)]


def test_prints_cells_where_they_belong() -> None:
    page = Page(30)
    page.add(text_cell("CAFÉ ŁÓDŹ", "company", "center", 0.5), scale=1.5)
    page.add(text_cell("Kawa"), text_cell("5,51 zł", "", "right", 1.0))
    printed = print_page(random.Random(1), page, _FACE)
    name, item, amount = printed.sheet.runs
    assert [run.text for run in (name, item, amount)] == ["CAFÉ ŁÓDŹ", "Kawa", "5,51 zł"]
    width = printed.sheet.width
    assert name.x + printed.sheet.measure(name.text, name.style) / 2 == pytest.approx(width / 2)
    assert amount.x + printed.sheet.measure(amount.text, amount.style) == pytest.approx(width)
    assert printed.entities["company"] == "CAFÉ ŁÓDŹ"


def test_breaks_text_that_is_too_long_and_leaves_lines_without_label() -> None:
    page = Page(12)
    page.add(text_cell("ONE TWO THREE FOUR"))
    page.add(text_cell("=" * 12))
    assert _read(page) == ["ONE TWO", "THREE FOUR"]


def test_prints_letters_that_the_font_lacks_without_accents() -> None:
    page = Page(30)
    page.add(text_cell("Ģimene"))
    assert _read(page, Face("Inconsolata.otf", None, 24)) == ["Gimene"]
    assert page.rows[0].cells[0].pieces == (Piece("Gimene"),)


def test_faces_have_every_character_of_the_recognizer() -> None:
    face, _ = draw_world_face(random.Random(1), DEFAULT_CHARACTERS)
    assert can_print(face, DEFAULT_CHARACTERS)
