"""Uploads as pictures of pages: a JPEG, PNG or WebP is one page as it is, unless it is large; the rest is rendered.

Rendering runs in a process of its own with limited memory, which is killed when its time is up: decoders of documents
are large, and what a hostile file makes them do cannot be predicted.
"""

from __future__ import annotations

import json
import logging
import math
import re
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from gateway.documents.limits import DocumentLimits, page_not_found_problem
from gateway.documents.text_layer import TextLayer
from shared.contracts import EInvoice
from shared.pictures.header import (
    FORMATS,
    PictureHeader,
    check_size,
    damaged_picture_problem,
    identify_format,
    read_header,
    unsupported_format_problem,
)
from shared.pictures.pool import Answer, TaskCrashedError, TaskTooSlowError, WorkerPool
from shared.pictures.slots import FairSlots
from shared.problems import ProblemError
from shared.service.request_context import current_caller

RENDERED_FORMATS = ("PDF", "TIFF", "HEIC", "AVIF", "JPEG XL", "GIF", "BMP", "XML invoice")
ACCEPTED_FORMATS = (*FORMATS, *RENDERED_FORMATS)

# A document has its process for itself: its decoders are large, and one that was taken over must not see the next file.
_MAX_TASKS = 1
_MAX_WAITING_PER_PROCESS = 4

# ISO/IEC 23008-12, 6.5.3: version and flags, width, height. Phones write these boxes before the pictures.
_SPATIAL_EXTENTS = re.compile(rb"ispe....(?P<size>.{8})", re.DOTALL)
_MAX_META_BYTES = 256 * 1024

EINVOICE_UNREAD = "einvoice-unread"
"""Code of the warning that the invoice in XML inside a document could not be read."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageImage:
    """One page as a JPEG, PNG or WebP.

    Attributes:
        data: The file.
        media_type: Its media type.
        size: Width and height in pixels, before the EXIF orientation is applied; None if the header is damaged.
        full_size: Width and height of the page as sent, if `data` shows it smaller.
        text: The text layer of a page of a PDF, in pixels of the page as sent.
        einvoice: What the invoice in XML says that the document contains; on its first page only.
        has_unread_einvoice: Whether the document contains one that could not be read.
    """

    data: bytes
    media_type: str
    size: tuple[int, int] | None
    full_size: tuple[int, int] | None = None
    text: TextLayer | None = None
    einvoice: EInvoice | None = None
    has_unread_einvoice: bool = False


class Renderer:
    """Turns uploads into pictures of pages.

    Args:
        limits: Limits of documents and pictures.
        timeout_s: Timeout per document in seconds, however busy the machine is; waiting for a process does not count.
        max_processes: Maximum number of processes at once. Callers take turns.
    """

    def __init__(self, limits: DocumentLimits, *, timeout_s: float, max_processes: int) -> None:
        self._limits = limits
        self._timeout_s = timeout_s
        self._pool = WorkerPool(
            "gateway.documents.render_process",
            size=max_processes,
            max_waiting=_MAX_WAITING_PER_PROCESS * max_processes,
            max_tasks=_MAX_TASKS,
        )
        self._large_files = FairSlots(max(1, max_processes // 2), _MAX_WAITING_PER_PROCESS * max_processes)

    async def render_pages(self, data: bytes) -> list[PageImage]:
        """Return the pages of an upload, in order.

        Raises:
            ProblemError: 415 `unsupported-format`, 413 `too-many-pages`, `picture-too-large` or `document-too-large`,
                422 `document-locked`, `document-too-slow`, `no-pages`, `picture-damaged` or `picture-too-small`,
                503 `overloaded` if too many documents wait.
        """
        header = read_header(data, self._limits.picture)
        if header.is_picture and not self._is_large(header):
            return [PageImage(data, header.media_type, header.size)]
        if header.format not in ACCEPTED_FORMATS:
            raise unsupported_format_problem(header.format, ACCEPTED_FORMATS)
        answer = await self._run_process(data, header.format)
        first, *others = [self._describe_page(description, page) for description, page in _split_output(answer.data)]
        return [_add_einvoice(first, answer.values), *others]

    async def show_page(self, data: bytes, number: int) -> tuple[bytes, str]:
        """Return one page of an upload for display, and its media type: a picture as it is, otherwise a WebP.

        Args:
            data: The whole file.
            number: Number of the page, from 0.

        Raises:
            ProblemError: Like `render_pages`, and 404 `no-such-page`.
        """
        kind = identify_format(data)
        if kind in FORMATS:
            if number > 0:
                raise page_not_found_problem(number, 1)
            return data, f"image/{kind.lower()}"
        if kind not in RENDERED_FORMATS:
            raise unsupported_format_problem(kind, ACCEPTED_FORMATS)
        ((description, page),) = _split_output((await self._run_process(data, kind, number)).data)
        return page, str(description["media_type"])

    def busy_s(self) -> float:
        """Return for how many seconds the oldest document has been in its process."""
        return self._pool.stuck_s()

    async def aclose(self) -> None:
        """Kill all processes and wait until they are dead."""
        await self._pool.aclose()

    def _is_large(self, header: PictureHeader) -> bool:
        """Whether a picture has more pixels than are needed."""
        return header.size is not None and header.size[0] * header.size[1] > self._limits.enough_pixels

    def _describe_page(self, description: dict[str, Any], data: bytes) -> PageImage:
        size = read_header(data, self._limits.picture).size
        full_size = int(description["size"][0]), int(description["size"][1])
        # The process may have been taken over by the file.
        check_size(full_size, self._limits.picture)
        text = TextLayer.from_json(description["text"])
        return PageImage(data, str(description["media_type"]), size, None if full_size == size else full_size, text)

    async def _run_process(self, data: bytes, kind: str, only: int | None = None) -> Answer:
        arguments = {"kind": kind, "limits": self._limits.to_json(), "only": only}
        try:
            async with self._take_turn(data, kind):
                return await self._pool.run(
                    "render", data, arguments, cpu_s=self._limits.page_s, timeout_s=self._timeout_s
                )
        except TimeoutError as error:
            raise _too_slow_problem(f"The pages of the {kind} were not rendered within", self._timeout_s) from error
        except TaskTooSlowError as error:
            raise _too_slow_problem(f"A page of the {kind} took more CPU time than", self._limits.page_s) from error
        except TaskCrashedError as error:
            raise damaged_picture_problem(kind, "its decoder crashed") from error

    @asynccontextmanager
    async def _take_turn(self, data: bytes, kind: str) -> AsyncIterator[None]:
        """Wait until there is memory for a file; callers take turns.

        A HEIC or AVIF of 50 megapixels takes 280 MB, because it cannot be decoded at a smaller scale.
        """
        if kind not in ("HEIC", "AVIF") or _find_pixels(data) <= self._limits.enough_pixels:
            yield
            return
        caller = current_caller()
        await self._large_files.acquire(caller)
        try:
            yield
        finally:
            self._large_files.release(caller)


def _find_pixels(data: bytes) -> int:
    """Return the pixels of the largest picture in a HEIC or AVIF file, as its header says; 0 if it says nothing."""
    boxes = _SPATIAL_EXTENTS.finditer(data, 0, _MAX_META_BYTES)
    return max((math.prod(struct.unpack(">II", box.group("size"))) for box in boxes), default=0)


def _too_slow_problem(what: str, seconds: float) -> ProblemError:
    return ProblemError(
        422,
        "document-too-slow",
        "The document takes too long",
        f"{what} {seconds:g} s. Send fewer or simpler pages.",
        extra={"max_seconds": seconds},
    )


def _add_einvoice(page: PageImage, found: Mapping[str, Any]) -> PageImage:
    """Return the first page of a document with what was found besides its pages."""
    if found.get("einvoice_fault") is not None:
        _log.warning("Embedded invoice not read", extra={"reason": str(found["einvoice_fault"])})
        return replace(page, has_unread_einvoice=True)
    if found.get("einvoice") is None:
        return page
    try:
        return replace(page, einvoice=EInvoice.model_validate(found["einvoice"]))
    # The process may have been taken over by the file.
    except ValidationError:
        _log.warning("Embedded invoice not read", extra={"reason": "it has values of a wrong kind"})
        return replace(page, has_unread_einvoice=True)


def _split_output(output: bytearray) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield the descriptions and pictures of the pages in the result of the process."""
    at = 0
    while at < len(output):
        description, at = _take_part(output, at)
        picture, at = _take_part(output, at)
        yield json.loads(description), picture


def _take_part(output: bytearray, at: int) -> tuple[bytes, int]:
    """Return the part at an offset, and the offset of what follows it."""
    (length,) = struct.unpack_from(">I", output, at)
    at += 4
    return bytes(output[at : at + length]), at + length
