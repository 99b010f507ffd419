"""Small PDFs with text."""

from __future__ import annotations

import ctypes
import io
from collections.abc import Sequence

import pypdfium2 as pdfium
import pypdfium2.raw as raw

INVISIBLE = 3


def build_text_pdf(
    texts: Sequence[tuple[str, float, float]],
    *,
    size: tuple[int, int] = (300, 400),
    font_size: float = 14,
    rotation: int = 0,
    mode: int = 0,
    color: tuple[int, int, int, int] = (0, 0, 0, 255),
    cover: bool = False,
) -> bytes:
    """Build a PDF of one page.

    Args:
        texts: Texts with their left and baseline, in points from the lower left corner.
        size: Width and height of the page in points.
        font_size: Size of the font in points.
        rotation: Degrees clockwise by which viewers turn the page.
        mode: Text rendering mode (ISO 32000, 9.3.6): 0 fills the letters, `INVISIBLE` draws nothing.
        color: Red, green, blue and opacity of the letters, 0 to 255.
        cover: Whether a white rectangle lies on the texts.
    """
    document = pdfium.PdfDocument.new()
    page = document.new_page(*size)
    font = raw.FPDFText_LoadStandardFont(document, b"Helvetica")
    for text, left, baseline in texts:
        piece = raw.FPDFPageObj_CreateTextObj(document, font, font_size)
        letters = ctypes.create_string_buffer(f"{text}\0".encode("utf-16-le"))
        raw.FPDFText_SetText(piece, ctypes.cast(letters, ctypes.POINTER(ctypes.c_ushort)))
        raw.FPDFTextObj_SetTextRenderMode(piece, mode)
        raw.FPDFPageObj_SetFillColor(piece, *color)
        raw.FPDFPageObj_Transform(piece, 1, 0, 0, 1, left, baseline)
        raw.FPDFPage_InsertObject(page, piece)
    if cover:
        rectangle = raw.FPDFPageObj_CreateNewRect(0, 0, *size)
        raw.FPDFPageObj_SetFillColor(rectangle, 255, 255, 255, 255)
        raw.FPDFPath_SetDrawMode(rectangle, raw.FPDF_FILLMODE_WINDING, False)
        raw.FPDFPage_InsertObject(page, rectangle)
    page.set_rotation(rotation)
    page.gen_content()
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()
