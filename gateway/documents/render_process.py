"""Renders a document as pictures of its pages, in a process of its own that can be killed.

The result is the pages, each after its length in four bytes, big endian: PNGs, or one WebP if a single page is to be
displayed. `shared.pictures.worker` tells how files and results pass.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
import pypdfium2 as pdfium
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile
from pillow_heif import HeifImageFile

from gateway.documents.limits import DocumentLimits, page_not_found_problem
from shared.arrays import Pixels
from shared.pictures.decoding import apply_orientation, bgr_pixels
from shared.pictures.header import PictureLimits, check_size, damaged_picture_problem
from shared.pictures.worker import Output, limit_cpu_time, serve
from shared.problems import ProblemError

Pages = Iterator[Pixels]

_DPI = 200.0
_POINTS_PER_INCH = 72.0
# Sizes are rounded up, so pages are made a little smaller than the limits.
_SIZE_MARGIN = 0.998
_WEBP_QUALITY = 80


def render(data: bytes, kind: str, limits: DocumentLimits, only: int | None = None) -> Pages:
    """Render the pages of a document, one after the other.

    Args:
        data: The whole file.
        kind: One of `RENDERERS`.
        limits: Checked before anything is rendered.
        only: Number of the only page wanted, from 0; None for all pages.

    Yields:
        Pages, `(H, W, 3)` BGR.

    Raises:
        ProblemError: 413 `too-many-pages`, `picture-too-large` or `document-too-large`, 422 `document-locked`,
            `no-pages`, `picture-damaged` or `picture-too-small`, 404 `no-such-page`.
    """
    pixels = 0
    try:
        for page in RENDERERS[kind](data, limits, only):
            pixels += page.shape[0] * page.shape[1]
            if pixels > limits.max_document_pixels:
                raise _too_large_problem(limits)
            yield page
    except ProblemError:
        raise
    except MemoryError as error:
        raise damaged_picture_problem(kind, "its pages need more memory than is available") from error
    # Decoders raise anything for damaged files.
    except Exception as error:
        raise damaged_picture_problem(kind, "it is truncated or damaged") from error


def _render_pdf(data: bytes, limits: DocumentLimits, only: int | None) -> Pages:
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise ProblemError(
                422,
                "document-locked",
                "The document is locked",
                "The PDF is protected by a password. Remove it, for example by printing to a new PDF.",
            ) from error
        raise
    for number in _select_pages(len(document), limits, only):
        page = document[number]
        width, height = page.get_size()
        scale = _choose_scale(width, height, limits.picture)
        check_size((int(width * scale), int(height * scale)), limits.picture)
        yield np.ascontiguousarray(page.render(scale=scale).to_numpy()[:, :, :3])


def _choose_scale(width: float, height: float, limits: PictureLimits) -> float:
    """Return the pixels per point of a page in points: those of `_DPI`, or as many as the limits allow."""
    by_side = limits.max_side / max(width, height, 1.0)
    by_area = math.sqrt(limits.max_pixels / max(width * height, 1.0))
    return min(_DPI / _POINTS_PER_INCH, _SIZE_MARGIN * by_side, _SIZE_MARGIN * by_area)


def _render_frames(
    open_image: Callable[[BytesIO], ImageFile], data: bytes, limits: DocumentLimits, only: int | None
) -> Pages:
    with open_image(BytesIO(data)) as image:
        for number in _select_pages(int(getattr(image, "n_frames", 1)), limits, only):
            image.seek(number)
            check_size(image.size, limits.picture)
            image.load()
            yield bgr_pixels(apply_orientation(image))


def _render_first(
    open_image: Callable[[BytesIO], ImageFile], data: bytes, limits: DocumentLimits, only: int | None
) -> Pages:
    """Render the first picture of a file whose others are thumbnails, bursts or videos."""
    _select_pages(1, limits, only)
    with open_image(BytesIO(data)) as image:
        check_size(image.size, limits.picture)
        image.load()
        yield bgr_pixels(apply_orientation(image))


# By format.
RENDERERS: dict[str, Callable[[bytes, DocumentLimits, int | None], Pages]] = {
    "PDF": _render_pdf,
    "TIFF": partial(_render_frames, TiffImageFile),
    "BMP": partial(_render_first, BmpImageFile),
    "HEIC": partial(_render_first, HeifImageFile),
    "AVIF": partial(_render_first, AvifImageFile),
}


def _select_pages(count: int, limits: DocumentLimits, only: int | None) -> Sequence[int]:
    """Check the number of pages, and return the numbers of those wanted."""
    if count < 1:
        raise ProblemError(422, "no-pages", "There are no pages", "The document has no pages. Send one with pages.")
    if count > limits.max_pages:
        raise ProblemError(
            413,
            "too-many-pages",
            "The document has too many pages",
            f"The document has {count:,} pages; at most {limits.max_pages:,} are allowed. Send a part of it.",
            extra={"pages": count, "max_pages": limits.max_pages},
        )
    if only is None:
        return range(count)
    if only >= count:
        raise page_not_found_problem(only, count)
    return [only]


def _too_large_problem(limits: DocumentLimits) -> ProblemError:
    return ProblemError(
        413,
        "document-too-large",
        "The document is too large",
        f"All pages together have more than {limits.max_document_pixels:,} pixels. Send a part of the document.",
        extra={"max_pixels": limits.max_document_pixels},
    )


def render_document(data: bytes, arguments: dict[str, Any]) -> tuple[dict[str, Any], Output]:
    """Render a document of the format `kind` within `limits`; all pages, or `only` one for display."""
    limits = DocumentLimits.from_json(arguments["limits"])
    return {}, _encode_pages(render(data, arguments["kind"], limits, arguments["only"]), limits, arguments["only"])


def _encode_pages(pages: Pages, limits: DocumentLimits, only: int | None) -> Iterator[bytes]:
    for page in pages:
        picture = BytesIO()
        if only is None:
            Image.fromarray(page[:, :, ::-1]).save(picture, "PNG", compress_level=1)
        else:
            Image.fromarray(page[:, :, ::-1]).save(picture, "WEBP", quality=_WEBP_QUALITY, method=2)
        yield struct.pack(">I", picture.tell()) + picture.getvalue()
        limit_cpu_time(limits.page_s)


if __name__ == "__main__":
    serve({"render": render_document})
