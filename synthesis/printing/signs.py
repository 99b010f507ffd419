"""Load further fonts from a folder: shops print their names in fonts that receipt printers do not have."""

from __future__ import annotations

import functools
import random
import string
from dataclasses import replace
from pathlib import Path

from synthesis.printing.typography import Face, Style, has_glyph, looks_alike

_NEEDED = string.ascii_letters + string.digits + "&'.,-/:#()"
_SUFFIXES = {".ttf", ".otf"}
# Fonts that have symbols in place of letters, or small capitals in place of lower case.
_NO_LETTERS = ("D050000L", "StandardSymbols", "Go-Smallcaps")
# Letters that differ from their capitals in a font that has both cases.
# Letters that differ from their capitals in a font that has both cases.
_LETTERS = "abdeghnqrt"
# Share of receipts with a shop name in such a face, and share of receipts printed entirely in one.
_NAME, _WHOLE = 0.6, 0.12
_SIZE = 27


class FontError(ValueError):
    """The folder has no usable font; the message names it."""


@functools.cache
def load_sign_faces(folder: Path) -> tuple[Face, ...]:
    """Load the faces of all fonts in a folder and its subfolders that have the letters, digits and signs of receipts.

    Raises:
        FontError: If there is none.
    """
    paths = sorted(path.resolve() for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    names = [str(path) for path in paths if not path.name.startswith(_NO_LETTERS)]
    faces = tuple(_load_face(name) for name in names if _has_needed_glyphs(name))
    if not faces:
        raise FontError(f"{folder} has no font (.ttf, .otf) with the letters, digits and signs of receipts")
    return faces


def _load_face(name: str) -> Face:
    capitals = sum(looks_alike(name, letter, letter.upper()) for letter in _LETTERS) > len(_LETTERS) / 2
    return Face(name, None, _SIZE, crisp=False, capitals=capitals)


def _has_needed_glyphs(name: str) -> bool:
    try:
        return all(has_glyph(name, character) for character in _NEEDED)
    except OSError:
        # The file is not a font, in spite of its suffix.
        return False


def draw_receipt_face(rng: random.Random, faces: tuple[Face, ...]) -> Face | None:
    """Draw a face for a whole receipt, or None to use the one of a receipt printer."""
    if not faces or rng.random() >= _WHOLE:
        return None
    return _vary(rng, rng.choice(faces))


def draw_name_style(rng: random.Random, faces: tuple[Face, ...], style: Style) -> Style:
    """Draw the style of a shop name: as given, or with its own face."""
    if not faces or rng.random() >= _NAME:
        return style
    return replace(style, face=_vary(rng, rng.choice(faces)))


def _vary(rng: random.Random, face: Face) -> Face:
    return replace(face, size=rng.randint(20, 34), squeeze=rng.uniform(0.8, 1.15), stretch=rng.uniform(0.9, 1.2))
