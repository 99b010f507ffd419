"""Draws what was read beside the picture it was read from."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from gateway.documents.limits import DocumentLimits
from gateway.documents.render_process import RENDERERS, render
from quittance.evaluation.scores import field_of
from shared.contracts import FIELD_NAMES, Line, Quad, Receipt, ReceiptField
from shared.pictures.decoding import format_of

COLORS = {"company": "#c2410c", "date": "#0f766e", "address": "#6d28d9", "total": "#be123c"}
_LINE_COLOR = "#3b82f6"
_TEXT_COLOR = "#475569"
_PAPER = "#ffffff"
_LARGEST_SIDE = 1400
# Between the picture and the text: room for the names of the fields.
_GUTTER = 130
_TAG_HEIGHT = 20
_PALETTE = 128


def draw_file(path: Path, receipt: Receipt, folder: Path) -> Path:
    """Draws a receipt beside its picture and writes that as a PNG file.

    Args:
        path: The picture, or a document, of which the first page is drawn.
        receipt: What was read from it.
        folder: Where to write; made if it is not there. The file has the picture's name.

    Returns:
        The file that was written.
    """
    picture = first_page(path.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{path.stem}-read.png"
    drawing(picture, receipt).quantize(_PALETTE).save(target, optimize=True)
    return target


def first_page(data: bytes) -> Image.Image:
    """The first page of a picture or a document, as it is seen: turned as its EXIF orientation says."""
    kind = format_of(data)
    if kind in RENDERERS:
        return Image.fromarray(next(render(data, kind, DocumentLimits()))[:, :, ::-1])
    with Image.open(io.BytesIO(data)) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def drawing(picture: Image.Image, receipt: Receipt) -> Image.Image:
    """The picture with the found segments outlined; to its right the text that was read, at the same places.

    Args:
        picture: The page as the receipt's coordinates see it.
        receipt: What was read; of several pages, the first is drawn.

    Returns:
        A picture more than twice as wide, shrunk if it is large. The segments of a field have its color; between the
        halves stand its name and confidence.
    """
    scale = min(1.0, _LARGEST_SIDE / max(picture.size))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    sheet = Image.new("RGB", (2 * width + _GUTTER, height), _PAPER)
    sheet.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (0, 0))
    pen = ImageDraw.Draw(sheet)
    owners = {line: name for name in FIELD_NAMES for line in _lines_of(field_of(receipt.fields, name))}
    for index, line in enumerate(receipt.lines):
        if line.page != 0:
            continue
        color = COLORS.get(owners.get(index, ""))
        pen.polygon(_scaled(line.quad, scale), outline=color or _LINE_COLOR, width=3 if color else 1)
        _write(pen, line, scale, width + _GUTTER, color or _TEXT_COLOR)
    _name_fields(pen, receipt, scale, width)
    return sheet


def _write(pen: ImageDraw.ImageDraw, line: Line, scale: float, left: float, color: str) -> None:
    """Sets the text of a line at its place on the right, as large as fits its quad."""
    corners = _scaled(line.quad, scale)
    (x0, x1), (y0, y1) = ((min(axis), max(axis)) for axis in zip(*corners, strict=True))
    size = max(7.0, 0.72 * (y1 - y0))
    font = ImageFont.load_default(size)
    wide = pen.textlength(line.text, font=font)
    if wide > x1 - x0 > 0:
        font = ImageFont.load_default(max(7.0, size * (x1 - x0) / wide))
    pen.text((left + x0, (y0 + y1) / 2), line.text, fill=color, font=font, anchor="lm")


def _name_fields(pen: ImageDraw.ImageDraw, receipt: Receipt, scale: float, left: float) -> None:
    """Writes name and confidence of each field into the gutter that begins at `left`, with a line to its quad."""
    tags = []
    for name in FIELD_NAMES:
        field = field_of(receipt.fields, name)
        if field is not None and field.page == 0:
            corners = _scaled(field.quad, scale)
            right, y = max(x for x, _ in corners), sum(y for _, y in corners) / len(corners)
            tags.append((y, right, name, f"{name} {field.confidence:.0%}"))
    font, lowest = ImageFont.load_default(14), 0.0
    for y, right, name, label in sorted(tags):
        top = max(lowest, y - _TAG_HEIGHT / 2)
        lowest = top + _TAG_HEIGHT + 2  # a tag makes room for the one above it
        pen.line([(right, y), (left + 12, top + _TAG_HEIGHT / 2)], fill=COLORS[name], width=2)
        pen.rectangle((left + 12, top, left + _GUTTER - 12, top + _TAG_HEIGHT), fill=COLORS[name])
        pen.text((left + _GUTTER / 2, top + _TAG_HEIGHT / 2), label, fill=_PAPER, font=font, anchor="mm")


def _lines_of(field: ReceiptField | None) -> list[int]:
    return field.lines if field else []


def _scaled(quad: Quad, scale: float) -> list[tuple[float, float]]:
    return [(x * scale, y * scale) for x, y in quad]
