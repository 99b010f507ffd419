"""Draws what was read next to the picture it was read from."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from gateway.documents.limits import DocumentLimits
from gateway.documents.renderer import RENDERED_FORMATS
from gateway.documents.rendering import RenderOptions, render
from shared.contracts import FIELD_NAMES, Line, Quad, Receipt
from shared.pictures.header import identify_format

COLORS = {"company": "#c2410c", "date": "#0f766e", "address": "#6d28d9", "total": "#be123c"}
_LINE_COLOR = "#3b82f6"
_TEXT_COLOR = "#475569"
_BACKGROUND = "#ffffff"
_MAX_SIDE_PX = 1400
# Space between the picture and the text, for the names of the fields.
_GUTTER_PX = 130
_TAG_HEIGHT_PX = 20
_TAG_MARGIN_PX = 12
_MIN_FONT_PX = 7.0
_PALETTE_COLORS = 128


def draw_file(data: bytes, receipt: Receipt, target: Path, *, page: int = 0) -> None:
    """Draw a receipt and write the result as a PNG file.

    Args:
        data: The bytes of the picture or document.
        receipt: What was read from it.
        target: The file to write; its folder is created if needed.
        page: Index of the page to draw, from 0.
    """
    picture = load_page(data, page)
    target.parent.mkdir(parents=True, exist_ok=True)
    draw_receipt(picture, receipt).quantize(_PALETTE_COLORS).save(target, optimize=True)


def load_page(data: bytes, number: int = 0) -> Image.Image:
    """Return a page of a picture or a document as it is displayed: with its EXIF orientation applied."""
    kind = identify_format(data)
    if kind in RENDERED_FORMATS:
        return next(render(data, kind, RenderOptions(DocumentLimits(), only=number))).image
    with Image.open(io.BytesIO(data)) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def draw_receipt(picture: Image.Image, receipt: Receipt) -> Image.Image:
    """Draw the picture with the lines outlined, and to its right their text in the same places.

    Args:
        picture: The first page, of any size.
        receipt: What was read.

    Returns:
        A picture slightly more than twice as wide, shrunk if it is large. The lines of a field have its color; the
        gutter between the halves shows its name and confidence.
    """
    page = receipt.pages[0]
    scale = min(1.0, _MAX_SIDE_PX / max(page.width, page.height))
    width, height = max(1, round(page.width * scale)), max(1, round(page.height * scale))
    sheet = Image.new("RGB", (2 * width + _GUTTER_PX, height), _BACKGROUND)
    sheet.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (0, 0))
    pen = ImageDraw.Draw(sheet)
    colors = {
        line: COLORS[name]
        for name in FIELD_NAMES
        if (field := receipt.fields.get(name)) is not None
        for line in field.lines
    }
    for index, line in enumerate(receipt.lines):
        if line.page != 0:
            continue
        color = colors.get(index)
        pen.polygon(_scale(line.quad, scale), outline=color or _LINE_COLOR, width=3 if color else 1)
        _draw_text(pen, line, scale, width + _GUTTER_PX, color or _TEXT_COLOR)
    _draw_field_tags(pen, receipt, scale, width)
    return sheet


def _draw_text(pen: ImageDraw.ImageDraw, line: Line, scale: float, left: float, color: str) -> None:
    """Draw the text of a line in its place on the right half, as large as its quad allows."""
    corners = _scale(line.quad, scale)
    (x0, x1), (y0, y1) = ((min(axis), max(axis)) for axis in zip(*corners, strict=True))
    size = max(_MIN_FONT_PX, 0.72 * (y1 - y0))
    font = ImageFont.load_default(size)
    text_width = pen.textlength(line.text, font=font)
    if text_width > x1 - x0 > 0:
        font = ImageFont.load_default(max(_MIN_FONT_PX, size * (x1 - x0) / text_width))
    pen.text((left + x0, (y0 + y1) / 2), line.text, fill=color, font=font, anchor="lm")


def _draw_field_tags(pen: ImageDraw.ImageDraw, receipt: Receipt, scale: float, left: float) -> None:
    """Draw the name and confidence of each field into the gutter that begins at `left`, linked to its quad."""
    tags = []
    for name in FIELD_NAMES:
        field = receipt.fields.get(name)
        if field is not None and field.page == 0:
            corners = _scale(field.quad, scale)
            right, y = max(x for x, _ in corners), sum(y for _, y in corners) / len(corners)
            tags.append((y, right, name, f"{name} {field.confidence:.0%}"))
    font, lowest = ImageFont.load_default(14), 0.0
    start, end = left + _TAG_MARGIN_PX, left + _GUTTER_PX - _TAG_MARGIN_PX
    for y, right, name, label in sorted(tags):
        top = max(lowest, y - _TAG_HEIGHT_PX / 2)
        lowest = top + _TAG_HEIGHT_PX + 2  # below the previous tag
        pen.line([(right, y), (start, top + _TAG_HEIGHT_PX / 2)], fill=COLORS[name], width=2)
        pen.rectangle((start, top, end, top + _TAG_HEIGHT_PX), fill=COLORS[name])
        pen.text(((start + end) / 2, top + _TAG_HEIGHT_PX / 2), label, fill=_BACKGROUND, font=font, anchor="mm")


def _scale(quad: Quad, scale: float) -> list[tuple[float, float]]:
    return [(x * scale, y * scale) for x, y in quad]
