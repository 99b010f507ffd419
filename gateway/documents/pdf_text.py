"""Read the text layer of a PDF page with pdfium. Runs in a process that can be killed."""

from __future__ import annotations

import unicodedata
from ctypes import byref, c_int

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from gateway.documents.text_layer import MAX_CHARACTERS, Box, TextLayer

# Pages are asked for at this many times their size, because pdfium returns whole pixels.
_PRECISION = 8
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# pdfium's marker of a hyphen at the end of a line.
_HYPHEN_MARK = 2
_NO_BOX: Box = (0.0, 0.0, 0.0, 0.0)


def read_text_layer(page: pdfium.PdfPage, size: tuple[int, int]) -> TextLayer | None:
    """Return the text layer of a page.

    Args:
        page: The page.
        size: Width and height in pixels of the rendered page.

    Returns:
        The layer; None if the page has none or too much text.
    """
    text = page.get_textpage()
    try:
        count = raw.FPDFText_CountChars(text)
        if not 0 < count <= MAX_CHARACTERS:
            return None
        characters, boxes = [], []
        for index in range(count):
            character = _read_character(text, index)
            characters.append(character)
            boxes.append(_NO_BOX if character == " " else _find_box(page, text, index, size))
        return TextLayer(tuple(characters), tuple(boxes))
    finally:
        text.close()


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
