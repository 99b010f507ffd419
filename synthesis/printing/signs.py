"""Further faces, from a folder of fonts: shops set their names in letters that no receipt printer has."""

from __future__ import annotations

import functools
import random
import string
from dataclasses import replace
from pathlib import Path

from synthesis.printing.typography import Face, Style, has_glyph, looks_alike

_NEEDED = string.ascii_letters + string.digits + "&'.,-/:#()"
_SUFFIXES = {".ttf", ".otf"}
_NO_LETTERS = ("D050000L", "StandardSymbols", "Go-Smallcaps")
"""Fonts that draw something else in the places of letters, or small letters as small capitals."""
_LETTERS = "abdeghnqrt"  # of which each looks unlike its capital in a font that has both
_NAME, _WHOLE = 0.6, 0.12
"""Share of the receipts whose names stand in such a face, and of those that are printed in one as a whole."""
_SIZE = 27


class FontError(ValueError):
    """A folder of fonts that holds none of use; the message names it."""


@functools.cache
def sign_faces(folder: Path) -> tuple[Face, ...]:
    """The faces of all fonts in a folder and below it that have the letters, digits and signs of receipts.

    Raises:
        FontError: If there is none.
    """
    paths = sorted(path.resolve() for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    faces = tuple(_face(str(path)) for path in paths if not path.name.startswith(_NO_LETTERS) and _fits(str(path)))
    if not faces:
        raise FontError(f"{folder} holds no font (.ttf, .otf) with the letters, digits and signs of receipts")
    return faces


def _face(name: str) -> Face:
    capitals = sum(looks_alike(name, letter, letter.upper()) for letter in _LETTERS) > len(_LETTERS) / 2
    return Face(name, None, _SIZE, crisp=False, capitals=capitals)


def _fits(name: str) -> bool:
    try:
        return all(has_glyph(name, character) for character in _NEEDED)
    except OSError:  # no font, whatever its name says
        return False


def draw_whole(rng: random.Random, faces: tuple[Face, ...]) -> Face | None:
    """A face for a whole receipt, or None for one of a receipt printer."""
    if not faces or rng.random() >= _WHOLE:
        return None
    return _varied(rng, rng.choice(faces))


def draw_sign(rng: random.Random, faces: tuple[Face, ...], style: Style) -> Style:
    """The style of a shop's name: as the printer has it, or in a face of its own."""
    if not faces or rng.random() >= _NAME:
        return style
    return replace(style, face=_varied(rng, rng.choice(faces)))


def _varied(rng: random.Random, face: Face) -> Face:
    return replace(face, size=rng.randint(20, 34), squeeze=rng.uniform(0.8, 1.15), stretch=rng.uniform(0.9, 1.2))
