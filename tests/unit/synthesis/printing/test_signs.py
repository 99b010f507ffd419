"""Test further fonts for synthetic receipts, with the fonts of the repository in place of a user's folder."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthesis.generator import render_receipt
from synthesis.printing.sheet import Sheet
from synthesis.printing.signs import FontError, draw_name_style, load_sign_faces
from synthesis.printing.typography import FONT_FOLDER, Style, looks_alike, render_text


def test_loads_fonts_with_letters_from_folder_and_subfolders(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    (below / "narrow.TTF").write_bytes((FONT_FOLDER / "RobotoCondensed-Regular.ttf").read_bytes())
    (tmp_path / "broken.otf").write_bytes(b"not a font")
    (tmp_path / "README.md").write_text("text")
    (face,) = load_sign_faces(tmp_path)
    assert face.regular == str(below / "narrow.TTF")
    assert not face.capitals


def test_rejects_folder_without_fonts(tmp_path: Path) -> None:
    with pytest.raises(FontError, match="has no font"):
        render_receipt(1, fonts=tmp_path)


def test_draws_own_faces_for_shop_names() -> None:
    faces = load_sign_faces(FONT_FOLDER)
    big = Style(bold=True, tall=1.5)
    styles = [draw_name_style(random.Random(seed), faces, big) for seed in range(60)]
    drawn = [style for style in styles if style.face is not None]
    assert 20 < len(drawn) < 50
    assert len({style.face.regular for style in drawn if style.face}) > 3
    assert all(replace(style, face=None) == big for style in styles)
    assert draw_name_style(random.Random(1), (), big) == big


def test_fonts_change_picture_but_not_content() -> None:
    plain, other = (render_receipt("signs 3", fonts=fonts) for fonts in (None, FONT_FOLDER))
    assert plain.image.shape != other.image.shape or (plain.image != other.image).any()
    assert plain.entities["date"] == other.entities["date"] != ""
    company = other.entities["company"]
    assert company.split()[0] in " ".join(segment.text for segment in other.segments)


def test_labels_face_of_capitals_in_capitals() -> None:
    face = replace(load_sign_faces(FONT_FOLDER)[0], capitals=True)
    sheet = Sheet(load_sign_faces(FONT_FOLDER)[1], 400, 10)
    sheet.print_line("Café Anna", style=Style(face=face))
    sheet.print_line("Café Anna")
    assert [run.text for run in sheet.runs] == ["CAFÉ ANNA", "Café Anna"]


def test_looks_alike_compares_glyphs() -> None:
    name = "LiberationSans-Regular.ttf"
    assert looks_alike(name, "a", "a")
    assert not looks_alike(name, "a", "A")


def test_style_face_replaces_printer_face() -> None:
    first, second = load_sign_faces(FONT_FOLDER)[:2]
    own, borrowed = render_text(second, Style(), "Gh"), render_text(first, Style(face=second), "Gh")
    assert own is not None
    assert borrowed is not None
    np.testing.assert_array_equal(own.mask, borrowed.mask)
