"""Turns a document into pictures of its pages, in a process of its own that can be killed.

The document comes on the standard input; on the standard output go, in turn, PNGs (one WebP,
where a single page is to be shown to people), each after its length in four bytes, big end first. What is wrong with a
document is told as one JSON object after a length of zero. Nothing else is ever written, and nothing touches a disk.
Started by `gateway.documents.renderer`, with format and limits as its arguments, and the number of the page if it is
one.
"""

from __future__ import annotations

import json
import math
import resource
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile
from pillow_heif import HeifImageFile

from gateway.documents.limits import DocumentLimits, no_such_page
from shared.arrays import Pixels
from shared.pictures.decoding import bgr_pixels, upright
from shared.pictures.header import PictureLimits, check_size, damaged_picture
from shared.problems import ProblemError

Pages = Iterator[Pixels]

_DPI = 200.0
_POINTS = 72.0
_MEMORY_BYTES = 2**30  # for the work alone: what is loaded before, and reserved for each processor, is not counted
_WEBP_QUALITY = 80


def render(data: bytes, kind: str, limits: DocumentLimits, only: int | None = None) -> Pages:
    """The pages of a document, one after the other.

    Args:
        data: the whole file.
        kind: one of `RENDERERS`.
        limits: checked before anything is rendered.
        only: number of the one page wanted, from 0; all if left out.

    Yields:
        Pages, `(H, W, 3)`, blue first.

    Raises:
        ProblemError: 413 `too-many-pages`, `picture-too-large` or `document-too-large`, 422 `document-locked`,
            `no-pages`, `picture-damaged` or `picture-too-small`, 404 `no-such-page`.
    """
    pixels = 0
    try:
        for page in RENDERERS[kind](data, limits, only):
            pixels += page.shape[0] * page.shape[1]
            if pixels > limits.all_pixels:
                raise _too_large(limits)
            yield page
    except ProblemError:
        raise
    except MemoryError as error:
        raise damaged_picture(kind, "its pages need more memory than there is") from error
    except Exception as error:  # decoders let anything escape for damaged files
        raise damaged_picture(kind, "it is cut off or its data are wrong") from error


def _render_pdf(data: bytes, limits: DocumentLimits, only: int | None) -> Pages:
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise ProblemError(
                422,
                "document-locked",
                "The document is locked",
                "The PDF asks for a password. Remove it, for instance by printing it to a new PDF.",
            ) from error
        raise
    for number in _numbers(len(document), limits, only):
        page = document[number]
        width, height = page.get_size()
        scale = _scale(width, height, limits.picture)
        check_size((int(width * scale), int(height * scale)), limits.picture)
        yield np.ascontiguousarray(page.render(scale=scale).to_numpy()[:, :, :3])


def _scale(width: float, height: float, limits: PictureLimits) -> float:
    """Pixels for a point of the page: of `_DPI`, or as many as the limits allow."""
    side = limits.max_side / max(width, height, 1.0)
    area = math.sqrt(limits.max_pixels / max(width * height, 1.0))
    return min(_DPI / _POINTS, 0.998 * side, 0.998 * area)  # sizes are rounded up


def _render_frames(
    make: Callable[[BytesIO], ImageFile], data: bytes, limits: DocumentLimits, only: int | None
) -> Pages:
    with make(BytesIO(data)) as image:
        for number in _numbers(int(getattr(image, "n_frames", 1)), limits, only):
            image.seek(number)
            check_size(image.size, limits.picture)
            image.load()
            yield bgr_pixels(upright(image))


def _render_first(make: Callable[[BytesIO], ImageFile], data: bytes, limits: DocumentLimits, only: int | None) -> Pages:
    """The first picture of a file whose others are thumbnails, bursts or films."""
    _numbers(1, limits, only)
    with make(BytesIO(data)) as image:
        check_size(image.size, limits.picture)
        image.load()
        yield bgr_pixels(upright(image))


RENDERERS: dict[str, Callable[[bytes, DocumentLimits, int | None], Pages]] = {
    "PDF": _render_pdf,
    "TIFF": partial(_render_frames, TiffImageFile),
    "BMP": partial(_render_first, BmpImageFile),
    "HEIC": partial(_render_first, HeifImageFile),
    "AVIF": partial(_render_first, AvifImageFile),
}
"""What can be rendered, by format."""


def _numbers(count: int, limits: DocumentLimits, only: int | None) -> Sequence[int]:
    """The numbers of the pages wanted of a document of `count`, which is checked."""
    if count < 1:
        raise ProblemError(422, "no-pages", "There are no pages", "The document has no pages. Send one that has.")
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
        raise no_such_page(only, count)
    return [only]


def _too_large(limits: DocumentLimits) -> ProblemError:
    return ProblemError(
        413,
        "document-too-large",
        "The document is too large",
        f"All pages together have more than {limits.all_pixels:,} pixels, the most allowed. Send a part of it.",
        extra={"max_pixels": limits.all_pixels},
    )


def _address_space() -> int:
    """Bytes that this process has reserved; 0 where the kernel does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _allow(seconds: int) -> None:
    """Has the kernel end this process with SIGXCPU once it has used so many more seconds of a processor."""
    most = math.ceil(time.process_time()) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def main() -> None:
    """Renders what comes on the standard input: `python -m gateway.documents.render_process KIND LIMITS [PAGE]`."""
    kind, limits = sys.argv[1], DocumentLimits.from_json(sys.argv[2])
    only = int(sys.argv[3]) if len(sys.argv) > 3 else None
    most = _address_space() + _MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    _allow(limits.page_s)
    Image.MAX_IMAGE_PIXELS = None  # our own limits are checked, and of the process there is nothing else
    out = sys.stdout.buffer
    try:
        for page in render(sys.stdin.buffer.read(), kind, limits, only):
            picture = BytesIO()
            if only is None:
                Image.fromarray(page[:, :, ::-1]).save(picture, "PNG", compress_level=1)
            else:
                Image.fromarray(page[:, :, ::-1]).save(picture, "WEBP", quality=_WEBP_QUALITY, method=2)
            out.write(struct.pack(">I", picture.tell()) + picture.getvalue())
            _allow(limits.page_s)
    except ProblemError as problem:
        told = {
            "status": problem.status,
            "code": problem.code,
            "title": problem.title,
            "detail": problem.detail,
            "extra": problem.extra,
        }
        out.write(struct.pack(">I", 0) + json.dumps(told).encode())
    out.flush()


if __name__ == "__main__":
    main()
