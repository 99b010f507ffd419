"""Renders a document as pictures of its pages, in a process of its own that can be killed.

The answer has the invoice in a PDF as `einvoice`, or as `einvoice_fault` why it could not be read. The result is a part
for each page: the length of its description in four bytes, big endian, the description as JSON, and so the picture.
`shared.pictures.worker` tells how files and results pass.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from PIL import Image

from gateway.documents.limits import DocumentLimits
from gateway.documents.rendering import Pages, RenderedPage, RenderOptions, render
from gateway.einvoices.alone import read_alone, render_einvoice
from gateway.einvoices.attachments import find_einvoice
from gateway.einvoices.xml import EInvoiceError
from shared.pictures.worker import Output, limit_cpu_time, serve

_WEBP_QUALITY = 80
# Pages of photographs are noisy: as a PNG, 12 megapixels have 8 MB and take 0.5 s; as such a JPEG, 4 MB and 0.04 s.
_JPEG_QUALITY = 95
_MAX_PNG_PIXELS = 6_000_000


def render_document(data: bytes, arguments: dict[str, Any]) -> tuple[dict[str, Any], Output]:
    """Render a document of the format `kind` within `limits`; all pages, or `only` one for display."""
    options = RenderOptions(DocumentLimits.from_json(arguments["limits"]), arguments["only"])
    kind = arguments["kind"]
    if kind == "XML invoice":
        values = read_alone(data)
        return {"einvoice": values}, _encode_pages(render_einvoice(values, options), options)
    found = _find_einvoice(data) if kind == "PDF" and options.only is None else {}
    limit_cpu_time(options.limits.page_s)
    return found, _encode_pages(render(data, kind, options), options)


def _find_einvoice(data: bytes) -> dict[str, Any]:
    try:
        return {"einvoice": find_einvoice(data)}
    except EInvoiceError as error:
        return {"einvoice_fault": str(error)}


def _encode_pages(pages: Pages, options: RenderOptions) -> Iterator[bytes]:
    for page in pages:
        media_type, picture = _encode_shown(page.image) if options.only is not None else _encode_read(page)
        text = None if page.text is None else page.text.to_json()
        description = {"media_type": media_type, "size": page.size, "text": text}
        yield _add_length(json.dumps(description).encode()) + _add_length(picture)
        limit_cpu_time(options.limits.page_s)


def _encode_read(page: RenderedPage) -> tuple[str, bytes]:
    if page.is_photo or page.image.width * page.image.height > _MAX_PNG_PIXELS:
        return "image/jpeg", _encode(page.image, "JPEG", quality=_JPEG_QUALITY)
    return "image/png", _encode(page.image, "PNG", compress_level=1)


def _encode_shown(image: Image.Image) -> tuple[str, bytes]:
    return "image/webp", _encode(image, "WEBP", quality=_WEBP_QUALITY, method=2)


def _encode(image: Image.Image, name: str, **options: int) -> bytes:
    picture = BytesIO()
    image.save(picture, name, **options)
    return picture.getvalue()


def _add_length(part: bytes) -> bytes:
    return struct.pack(">I", len(part)) + part


if __name__ == "__main__":
    serve({"render": render_document})
