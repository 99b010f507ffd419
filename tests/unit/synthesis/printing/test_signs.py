"""Further fonts for synthetic receipts; those of the repository stand in for a folder of a user's own."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthesis.generator import render_receipt
from synthesis.printing.sheet import Sheet
from synthesis.printing.signs import FontError, draw_sign, sign_faces
from synthesis.printing.typography import FONT_FOLDER, Style, looks_alike, text_ink


def test_fonts_with_letters_are_taken_from_a_folder_and_below_it(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    (below / "narrow.TTF").write_bytes((FONT_FOLDER / "RobotoCondensed-Regular.ttf").read_bytes())
    (tmp_path / "broken.otf").write_bytes(b"no font")
    (tmp_path / "README.md").write_text("text")
    (face,) = sign_faces(tmp_path)
    assert face.regular == str(below / "narrow.TTF")
    assert not face.capitals


def test_a_folder_without_fonts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FontError, match="holds no font"):
        render_receipt(1, fonts=tmp_path)


def test_names_of_shops_stand_in_faces_of_their_own() -> None:
    faces = sign_faces(FONT_FOLDER)
    big = Style(bold=True, tall=1.5)
    styles = [draw_sign(random.Random(seed), faces, big) for seed in range(60)]
    drawn = [style for style in styles if style.face is not None]
    assert 20 < len(drawn) < 50
    assert len({style.face.regular for style in drawn if style.face}) > 3
    assert all(replace(style, face=None) == big for style in styles)
    assert draw_sign(random.Random(1), (), big) == big


def test_receipts_differ_by_the_fonts_and_keep_their_content() -> None:
    plain, other = (render_receipt("signs 3", fonts=fonts) for fonts in (None, FONT_FOLDER))
    assert plain.image.shape != other.image.shape or (plain.image != other.image).any()
    assert plain.entities["date"] == other.entities["date"] != ""
    company = other.entities["company"]
    assert company.split()[0] in " ".join(segment.text for segment in other.segments)


def test_a_face_of_capitals_is_labeled_in_capitals() -> None:
    face = replace(sign_faces(FONT_FOLDER)[0], capitals=True)
    sheet = Sheet(sign_faces(FONT_FOLDER)[1], 400, 10)
    sheet.line("Café Anna", style=Style(face=face))
    sheet.line("Café Anna")
    assert [run.text for run in sheet.runs] == ["CAFÉ ANNA", "Café Anna"]


def test_letters_that_look_alike_are_told_from_others() -> None:
    name = "LiberationSans-Regular.ttf"
    assert looks_alike(name, "a", "a")
    assert not looks_alike(name, "a", "A")


def test_ink_is_that_of_the_style_s_face() -> None:
    first, second = sign_faces(FONT_FOLDER)[:2]
    own, borrowed = text_ink(second, Style(), "Gh"), text_ink(first, Style(face=second), "Gh")
    assert own is not None
    assert borrowed is not None
    np.testing.assert_array_equal(own.mask, borrowed.mask)
