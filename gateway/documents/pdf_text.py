"""Read the text layer of a PDF page with pdfium. Runs in a process that can be killed.

Text may be invisible: drawn in no color or that of the paper, outside the page, or below a picture, as in scans with
the result of a text recognition. Only characters that leave ink count. To see it, the page is rendered again without
them.
"""

from __future__ import annotations

import unicodedata
from ctypes import addressof, byref, c_int
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw
from PIL import Image

from gateway.documents.text_layer import MAX_CHARACTERS, Box, TextLayer
from shared.arrays import Flags

# Pages are asked for at this many times their size, because pdfium returns whole pixels.
_PRECISION = 8
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# pdfium's marker of a hyphen at the end of a line.
_HYPHEN_MARK = 2
_NO_BOX: Box = (0.0, 0.0, 0.0, 0.0)
# Text rendering modes that draw nothing (ISO 32000-1, 9.3.6).
_INVISIBLE_MODES = frozenset({raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP})
# Difference of gray levels from which there is ink.
_MIN_CONTRAST = 24


def read_text_layer(page: pdfium.PdfPage, image: Image.Image, scale: float) -> TextLayer | None:
    """Return the text layer of a page: the characters that leave ink.

    Args:
        page: The page; it is without its text afterwards.
        image: The page as rendered.
        scale: Pixels per point of the rendered page.

    Returns:
        The layer; None if the page has none or too much text.
    """
    text = page.get_textpage()
    try:
        count = raw.FPDFText_CountChars(text)
        if not 0 < count <= MAX_CHARACTERS:
            return None
        objects = [raw.FPDFText_GetTextObject(text, index) for index in range(count)]
        characters, boxes = [], []
        for index, piece in enumerate(objects):
            if piece and raw.FPDFTextObj_GetTextRenderMode(piece) in _INVISIBLE_MODES:
                continue
            character = _read_character(text, index)
            characters.append(character)
            boxes.append(_NO_BOX if character == " " else _find_box(page, text, index, image.size))
        ink = _find_ink(page, objects, image, scale)
    finally:
        text.close()
    return _keep_visible(characters, boxes, ink)


def _find_ink(page: pdfium.PdfPage, objects: list[Any], image: Image.Image, scale: float) -> Flags:
    """Return where text objects leave ink on the rendered page, `(H, W)`."""
    for piece in {addressof(piece.contents): piece for piece in objects if piece}.values():
        raw.FPDFPageObj_SetIsActive(piece, False)
    without = page.render(scale=scale, grayscale=True).to_pil()
    difference = np.asarray(image.convert("L"), np.int16) - np.asarray(without.convert("L"), np.int16)
    return np.asarray(np.abs(difference) >= _MIN_CONTRAST)


def _keep_visible(characters: list[str], boxes: list[Box], ink: Flags) -> TextLayer | None:
    kept = [
        (character, box)
        for character, box in zip(characters, boxes, strict=True)
        if character == " " or _has_ink(box, ink)
    ]
    if all(character == " " for character, _ in kept):
        return None
    return TextLayer(tuple(character for character, _ in kept), tuple(box for _, box in kept))


def _has_ink(box: Box, ink: Flags) -> bool:
    left, top, right, bottom = (max(0, round(value)) for value in box)
    return bool(ink[top : bottom + 1, left : right + 1].any())


def _read_character(text: pdfium.PdfTextPage, index: int) -> str:
    code = raw.FPDFText_GetUnicode(text, index)
    if code == _HYPHEN_MARK:
        return "-"
    if code <= 0 or 0xD800 <= code < 0xE000 or raw.FPDFText_HasUnicodeMapError(text, index) == 1:
        return _REPLACEMENT
    character = unicodedata.normalize("NFC", chr(code))
    if character.isspace():
        return " "
    if not character.isprintable():
        return _REPLACEMENT
    is_ligature = unicodedata.decomposition(character).startswith("<compat>") and character.isalpha()
    return unicodedata.normalize("NFKC", character) if is_ligature else character


def _find_box(page: pdfium.PdfPage, text: pdfium.PdfTextPage, index: int, size: tuple[int, int]) -> Box:
    """Return the box of a character, over the whole height of its font, in pixels of the rendered page."""
    box = raw.FS_RECTF()
    if not raw.FPDFText_GetLooseCharBox(text, index, byref(box)):
        return _NO_BOX
    corners = [_to_pixels(page, x, y, size) for x, y in ((box.left, box.top), (box.right, box.bottom))]
    (x0, x1), (y0, y1) = (sorted(axis) for axis in zip(*corners, strict=True))
    return x0, y0, x1, y1


def _to_pixels(page: pdfium.PdfPage, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
    """Map a point in points of the page, whose origin is at its lower left, to the rendered page."""
    left, top = c_int(), c_int()
    width, height = size[0] * _PRECISION, size[1] * _PRECISION
    raw.FPDF_PageToDevice(page, 0, 0, width, height, 0, x, y, byref(left), byref(top))
    return left.value / _PRECISION, top.value / _PRECISION
