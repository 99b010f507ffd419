"""Measure and render text in the fonts of receipt printers."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from shared.arrays import Floats

FONT_FOLDER = Path(__file__).parents[1] / "fonts"


@dataclass(frozen=True)
class Face:
    """A font as one printer uses it.

    Attributes:
        regular: File of the regular face.
        bold: File of the bold face; None prints twice, one dot apart, as printers do.
        size: Height of the em in dots.
        squeeze: Horizontal scale.
        stretch: Vertical scale.
        pitch: Distance between two lines as a factor of `size` x `stretch`.
        crisp: Whether dots are on or off (thermal head) or gray (laser).
        open_zero: Whether a zero is printed as a narrow O. The zero of many fixed-width fonts has a slash or a dot,
            which few printers have.
        capitals: Whether lower case letters look like capitals.
    """

    regular: str
    bold: str | None
    size: int
    squeeze: float = 1.0
    stretch: float = 1.0
    pitch: float = 1.2
    crisp: bool = True
    open_zero: bool = False
    capitals: bool = False


@dataclass(frozen=True)
class Style:
    """Style of a run. `wide` and `tall` multiply the scales of the face; `face` replaces the one of the printer."""

    bold: bool = False
    wide: float = 1.0
    tall: float = 1.0
    face: Face | None = None


PLAIN = Style()

# Faces and their weights: the narrow, tall letters of receipt printers first, then office fonts of till software.
FACES: tuple[tuple[Face, float], ...] = (
    (Face("terminus-normal.otb", "terminus-bold.otb", 24, 1.0, 1.2, 1.15), 26),
    (Face("terminus-normal.otb", None, 24, 1.0, 1.0, 1.2), 8),
    (Face("terminus-bold.otb", None, 24, 0.9, 1.1, 1.2), 5),
    (Face("terminus-normal.otb", None, 20, 1.1, 1.2, 1.2), 5),
    (Face("spleen-12x24.otf", None, 24, 1.0, 1.1, 1.2), 9),
    (Face("spleen-8x16.otf", None, 16, 1.5, 1.7, 1.2), 5),
    (Face("3270Condensed-Regular.ttf", None, 28, 1.0, 1.0, 1.1), 9),
    (Face("Inconsolata.otf", None, 25, 0.92, 1.15, 1.12), 8),
    (Face("LiberationMono-Regular.ttf", None, 22, 0.88, 1.1, 1.15), 6),
    (Face("CourierPrime.otf", None, 22, 0.9, 1.1, 1.15, crisp=False), 3),
    (Face("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf", 23, 1.0, 1.0, 1.2, crisp=False), 16),
    (Face("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf", 24, 0.84, 1.0, 1.2, crisp=False), 8),
    (Face("LiberationSans-Bold.ttf", None, 22, 0.92, 1.0, 1.2, crisp=False), 3),
    (Face("RobotoCondensed-Regular.ttf", None, 25, 1.0, 1.0, 1.15, crisp=False), 7),
)
_SLASHED = ("terminus", "spleen", "3270", "Inconsolata", "LiberationMono")
# Coarse faces for needle printers, of few dots.
NEEDLE_FACES: tuple[Face, ...] = (
    Face("terminus-normal.otb", None, 14, 1.0, 1.0, 1.25),
    Face("spleen-8x16.otf", None, 16, 1.0, 1.0, 1.1),
    Face("terminus-normal.otb", None, 16, 1.0, 1.0, 1.15),
    Face("terminus-normal.otb", None, 12, 1.0, 1.0, 1.3),
)


def draw_face(rng: random.Random) -> Face:
    """Draw a face by weight."""
    face = rng.choices([face for face, _ in FACES], [weight for _, weight in FACES])[0]
    return draw_zero(rng, face)


def draw_zero(rng: random.Random, face: Face) -> Face:
    """Return the face with an open zero in 80% of cases, if its own zero is not open."""
    return replace(face, open_zero=face.regular.startswith(_SLASHED) and rng.random() < 0.8)


@functools.cache
def _load_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT_FOLDER / name), size, layout_engine=ImageFont.Layout.BASIC)


def _select_font(face: Face, style: Style) -> ImageFont.FreeTypeFont:
    return _load_font(face.bold if style.bold and face.bold else face.regular, face.size)


def measure_text(face: Face, style: Style, text: str) -> float:
    """Return the advance width of a text in dots."""
    face = style.face or face
    return float(_select_font(face, style).getlength(text)) * face.squeeze * style.wide


def measure_line(face: Face, style: Style = PLAIN) -> float:
    """Return the distance from one line to the next in dots."""
    face = style.face or face
    return face.size * face.stretch * face.pitch * style.tall


@dataclass(frozen=True)
class Ink:
    """Ink of a text.

    Attributes:
        mask: `(h, w)` float32, 0 to 1.
        left: Dots from the start of the text to column 0.
        top: Dots from the top of the line to row 0.
        body: Top and bottom of capitals, in rows from the top of the line.
    """

    mask: Floats
    left: int
    top: int
    body: tuple[float, float]


def render_text(face: Face, style: Style, text: str) -> Ink | None:
    """Render the ink of a text, cropped to what is printed. Return None if there is none."""
    face = style.face or face
    font = _select_font(face, style)
    advance = int(font.getlength(text)) + 8
    tile = Image.new("L", (advance, max(face.size + face.size // 2, sum(font.getmetrics())) + 4), 0)
    if face.open_zero:
        ImageDraw.Draw(tile).text((2, 0), text.replace("0", " "), font=font, fill=255)
        _open_zeros(tile, font, text)
    else:
        ImageDraw.Draw(tile).text((2, 0), text, font=font, fill=255)
    mask = np.asarray(tile, np.float32) / 255
    if style.bold and not face.bold:
        mask[:, 1:] = np.maximum(mask[:, 1:], mask[:, :-1])
    scale_x, scale_y = face.squeeze * style.wide, face.stretch * style.tall
    if scale_x != 1 or scale_y != 1:
        size = (max(1, round(mask.shape[1] * scale_x)), max(1, round(mask.shape[0] * scale_y)))
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    if face.crisp:
        mask = (mask > 0.45).astype(np.float32)
    rows, columns = np.flatnonzero(mask.max(axis=1) > 0.2), np.flatnonzero(mask.max(axis=0) > 0.2)
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    cap_top, cap_bottom = _measure_capitals(face.regular, face.size)
    return Ink(
        np.ascontiguousarray(mask[top:bottom, left:right]),
        int(left - round(2 * scale_x)),
        int(top),
        (cap_top * scale_y, cap_bottom * scale_y),
    )


def _open_zeros(tile: Image.Image, font: ImageFont.FreeTypeFont, text: str) -> None:
    """Draw a narrow O at every zero of the text, in place; the font has a fixed width."""
    step = font.getlength("0")
    letter = Image.new("L", (round(step), tile.height), 0)
    ImageDraw.Draw(letter).text((0, 0), "O", font=font, fill=255)
    columns = np.flatnonzero(np.asarray(letter).max(axis=0))
    middle = int(columns.mean())
    # Removing the middle narrows the letter and keeps the thickness of its strokes.
    taken = max(1, round(0.14 * step))
    narrow = Image.fromarray(np.delete(np.asarray(letter), range(middle, middle + taken), axis=1))
    for place, character in enumerate(text):
        if character == "0":
            tile.paste(narrow, (2 + round(place * step + taken / 2), 0))


@functools.cache
def _measure_capitals(name: str, size: int) -> tuple[int, int]:
    """Return the first row of the ink of an H and the row after its last."""
    tile = Image.new("L", (2 * size, 2 * size), 0)
    ImageDraw.Draw(tile).text((2, 0), "H", font=_load_font(name, size), fill=255)
    ink = np.asarray(tile).max(axis=1)
    # Hairlines never reach full black.
    rows = np.flatnonzero(ink > 0.4 * float(ink.max()))
    return int(rows[0]), int(rows[-1]) + 1


@functools.cache
def has_glyph(name: str, character: str) -> bool:
    """Return whether a font has a glyph for a character."""
    font = _load_font(name, 24)
    return character == " " or bytes(font.getmask(character)) != bytes(font.getmask("\uffff"))


def looks_alike(name: str, one: str, other: str) -> bool:
    """Return whether a font draws two characters alike."""
    font = _load_font(name, 24)
    return bytes(font.getmask(one)) == bytes(font.getmask(other))


def can_print(face: Face, text: str) -> bool:
    """Return whether the face has every character of a text."""
    return all(has_glyph(name, character) for name in {face.regular, face.bold or face.regular} for character in text)
