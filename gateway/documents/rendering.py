"""Decode documents and pictures of any accepted format, page by page. Runs in a process that can be killed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from typing import Any, Literal

import numpy as np
import pypdfium2 as pdfium
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile
from pillow_heif import HeifImage, open_heif
from pillow_heif import options as heif_options

from gateway.documents.limits import DocumentLimits, page_not_found_problem
from gateway.documents.pdf_text import read_text_layer
from gateway.documents.text_layer import TextLayer
from shared.arrays import Pixels
from shared.pictures.decoding import apply_orientation, decode_picture, flatten_picture, reduce_picture
from shared.pictures.header import FORMATS, check_size, damaged_picture_problem
from shared.problems import ProblemError

_DPI = 200.0
_POINTS_PER_INCH = 72.0
# Sizes are rounded up, so pages are made a little smaller than the limits.
_SIZE_MARGIN = 0.998
_STRIP_ROWS = 512
# The side of a WebP has 14 bits.
_MAX_SHOWN_SIDE = 16_383

# Depth maps, previews and masks need not be valid for the picture to be read.
heif_options.DEPTH_IMAGES = heif_options.AUX_IMAGES = heif_options.THUMBNAILS = False


@dataclass(frozen=True)
class RenderedPage:
    """One page.

    Attributes:
        image: Gray, or RGB if the page is to be shown, with its EXIF orientation applied.
        size: Width and height in pixels of the page; `image` has fewer if it was reduced.
        is_photo: Whether the page comes from a lossy format.
        text: The text layer of a page of a PDF.
    """

    image: Image.Image
    size: tuple[int, int]
    is_photo: bool
    text: TextLayer | None = None


@dataclass(frozen=True)
class RenderOptions:
    """What to render.

    Attributes:
        limits: Checked before anything is rendered.
        only: Number of the only page wanted, from 0, which is to be shown to people; None for all pages, which are to
            be read.
    """

    limits: DocumentLimits
    only: int | None = None

    def finish(self, image: Image.Image, size: tuple[int, int], *, is_photo: bool = False) -> RenderedPage:
        """Return a loaded picture as a page of `size`, reduced to what is needed."""
        flat = flatten_picture(image, "L" if self.only is None else "RGB")
        max_side = None if self.only is None else _MAX_SHOWN_SIDE
        return RenderedPage(reduce_picture(flat, self.limits.enough_pixels, max_side), size, is_photo)


Pages = Iterator[RenderedPage]


def render(data: bytes, kind: str, options: RenderOptions) -> Pages:
    """Render the pages of a document, one after the other.

    Args:
        data: The whole file.
        kind: One of `RENDERERS`.
        options: What to render.

    Raises:
        ProblemError: 413 `too-many-pages`, `picture-too-large` or `document-too-large`, 422 `document-locked`,
            `no-pages`, `picture-damaged`, `picture-too-slow` or `picture-too-small`, 404 `no-such-page`.
    """
    pixels = 0
    try:
        for page in RENDERERS[kind](data, options):
            pixels += page.image.width * page.image.height
            if pixels > options.limits.max_document_pixels:
                raise _too_large_problem(options.limits)
            yield page
    except ProblemError:
        raise
    except MemoryError as error:
        raise damaged_picture_problem(kind, "its pages need more memory than is available") from error
    # Decoders raise anything for damaged files.
    except Exception as error:
        raise damaged_picture_problem(kind, "it is truncated or damaged") from error


def _render_pdf(data: bytes, options: RenderOptions) -> Pages:
    limits = options.limits
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
    for number in select_pages(len(document), options):
        page = document[number]
        width, height = page.get_size()
        scale = _choose_scale(width, height, limits)
        check_size((int(width * scale), int(height * scale)), limits.picture)
        image = page.render(scale=scale, rev_byteorder=True).to_pil()
        rendered = options.finish(image, image.size)
        yield rendered if options.only is not None else replace(rendered, text=read_text_layer(page, image, scale))


def _choose_scale(width: float, height: float, limits: DocumentLimits) -> float:
    """Return the pixels per point of a page in points: those of `_DPI`, or as many as the limits allow."""
    by_side = limits.picture.max_side / max(width, height, 1.0)
    max_pixels = min(limits.picture.max_pixels, limits.enough_pixels)
    by_area = math.sqrt(max_pixels / max(width * height, 1.0))
    return min(_DPI / _POINTS_PER_INCH, _SIZE_MARGIN * by_side, _SIZE_MARGIN * by_area)


def _render_frames(open_image: Callable[[BytesIO], ImageFile], data: bytes, options: RenderOptions) -> Pages:
    """Render all pictures of a file."""
    with open_image(BytesIO(data)) as image:
        for number in select_pages(int(getattr(image, "n_frames", 1)), options):
            image.seek(number)
            yield _render_frame(image, options, is_photo=False)


def _render_first(
    open_image: Callable[[BytesIO], ImageFile], is_photo: bool, data: bytes, options: RenderOptions
) -> Pages:
    """Render the first picture of a file whose others are thumbnails, bursts or videos."""
    select_pages(1, options)
    with open_image(BytesIO(data)) as image:
        yield _render_frame(image, options, is_photo=is_photo)


def _render_frame(image: ImageFile, options: RenderOptions, *, is_photo: bool) -> RenderedPage:
    check_size(image.size, options.limits.picture)
    image.load()
    upright = apply_orientation(image)
    return options.finish(upright, upright.size, is_photo=is_photo)


def _render_heic(data: bytes, options: RenderOptions) -> Pages:
    """Render the primary picture of a HEIC. Its orientation is part of the coding and is applied by the decoder."""
    select_pages(1, options)
    file = open_heif(BytesIO(data), convert_hdr_to_8bit=True, remove_stride=False)
    picture = file[file.primary_index]
    check_size(picture.size, options.limits.picture)
    image = _flatten_in_strips(picture, "L" if options.only is None else "RGB")
    yield options.finish(image, image.size, is_photo=True)


def _flatten_in_strips(picture: HeifImage, mode: Literal["L", "RGB"]) -> Image.Image:
    """Decode a HEIC as gray or RGB. Pillow's own image of all its colors would need as much memory again."""
    if picture.has_alpha:
        # What replaces transparency depends on the whole picture.
        return flatten_picture(picture.to_pillow(), mode)
    pixels, stride = memoryview(picture.data), picture.stride
    width, height = picture.size
    whole = Image.new(mode, (width, height))
    for top in range(0, height, _STRIP_ROWS):
        rows = min(_STRIP_ROWS, height - top)
        part = bytes(pixels[top * stride : (top + rows) * stride])
        strip = Image.frombytes(picture.mode, (width, rows), part, "raw", picture.mode, stride)
        whole.paste(flatten_picture(strip, mode), (0, top))
    return whole


def _render_jpeg_xl(data: bytes, options: RenderOptions) -> Pages:
    """Render the first frame of a JPEG XL; its decoder applies the orientation."""
    # Takes 0.15 s to import, which senders of other files should not wait for.
    from imagecodecs import jpegxl_decode

    select_pages(1, options)
    pixels = np.asarray(jpegxl_decode(data, index=0, numthreads=1))
    image = Image.fromarray(_reduce_samples(pixels))
    check_size(image.size, options.limits.picture)
    yield options.finish(image, image.size, is_photo=True)


def _reduce_samples(pixels: np.ndarray[Any, np.dtype[Any]]) -> Pixels:
    """Return samples of any type as uint8; those of floating point are from 0 to 1."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    return np.asarray(np.clip(pixels.astype(np.float32) * 255, 0, 255), np.uint8)


def _render_picture(data: bytes, options: RenderOptions) -> Pages:
    """Render a JPEG, PNG or WebP for reading; browsers show it as it is."""
    select_pages(1, options)
    picture = decode_picture(data, options.limits.picture, options.limits.enough_pixels)
    yield RenderedPage(Image.fromarray(picture.pixels), picture.full_size, picture.format == "JPEG")


# By format.
RENDERERS: dict[str, Callable[[bytes, RenderOptions], Pages]] = {
    "PDF": _render_pdf,
    "TIFF": partial(_render_frames, TiffImageFile),
    "BMP": partial(_render_first, BmpImageFile, False),
    "HEIC": _render_heic,
    "AVIF": partial(_render_first, AvifImageFile, True),
    "GIF": partial(_render_first, GifImageFile, False),
    "JPEG XL": _render_jpeg_xl,
    **dict.fromkeys(FORMATS, _render_picture),
}


def select_pages(count: int, options: RenderOptions) -> Sequence[int]:
    """Check the number of pages, and return the numbers of those wanted."""
    max_pages, only = options.limits.max_pages, options.only
    if count < 1:
        raise ProblemError(422, "no-pages", "There are no pages", "The document has no pages. Send one with pages.")
    if count > max_pages:
        raise ProblemError(
            413,
            "too-many-pages",
            "The document has too many pages",
            f"The document has {count:,} pages; at most {max_pages:,} are allowed. Send a part of it.",
            extra={"pages": count, "max_pages": max_pages},
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
