"""One page through the stages: detect its segments, and recognize their text."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.documents.renderer import PageImage
from gateway.reading.printed_text import use_text_layer
from gateway.reading.read_request import ReadRequest
from gateway.stages.problems import stage_deadline_problem, stage_failed_problem, too_much_text_problem
from gateway.stages.stages import Stages
from shared.contracts import DetectResponse, Line, Page, PageSize, Quad
from shared.pictures.memory import decoding_shared
from shared.pictures.slots import FairSlots
from shared.reading_order import reading_order
from shared.service.request_context import current_caller

# The limit of `ExtractRequest`.
_MAX_LINES = 5_000
# A larger page takes 40 to 60 MB while it is in the stages. More of them at once than cores would not be read sooner.
_LARGE_PIXELS = 4_000_000
_MAX_LARGE_PAGES = max(2, os.cpu_count() or 1)
_MAX_WAITING = 1_024
_QUAD_DECIMALS = 1


@dataclass(frozen=True)
class PageReading:
    """What the stages found on one page.

    Attributes:
        page: Size and rotation.
        models: The versions of the models that answered, by stage.
        detect_ms: Milliseconds of the call of the detector.
        recognize_ms: Milliseconds of the call of the recognizer.
        lines: In reading order.
    """

    page: Page
    models: dict[str, str]
    detect_ms: float
    recognize_ms: float = 0.0
    lines: list[Line] = field(default_factory=list)


class PageReader:
    """Reads pages.

    Args:
        stages: The clients of the stages.
    """

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._large_pages = FairSlots(_MAX_LARGE_PAGES, _MAX_WAITING)

    async def read(self, request: ReadRequest, image: PageImage, number: int) -> PageReading:
        """Detect and recognize the text of one page.

        Args:
            request: Its options and deadline apply.
            image: The page.
            number: Number of the page, from 0.

        Raises:
            ProblemError: 502 to 504 naming the stage that failed; 413 if there is too much text.
        """
        async with self._take_turn(request, image):
            with decoding_shared():
                return await self._read(request, image, number)

    async def _read(self, request: ReadRequest, image: PageImage, number: int) -> PageReading:
        start = time.perf_counter()
        detected = await self._stages.detect(image.data, image.media_type, request.deadline, request.orientation)
        detect_ms = milliseconds_since(start)
        quads = _sort_quads(detected, image)
        page = _enlarge_page(detected.page, image)
        if not quads:
            return PageReading(page, {"detector": detected.model}, detect_ms)
        start = time.perf_counter()
        recognized = await self._stages.recognize(image.data, image.media_type, quads, request.deadline)
        recognize_ms = milliseconds_since(start)
        lines = [
            Line(
                page=number,
                quad=_enlarge_quad(quad, detected.page, page),
                text=reading.text,
                confidence=reading.confidence,
            )
            for quad, reading in zip(quads, recognized.texts, strict=True)
            # What looked like text but has none is of no use to anyone.
            if reading.text.strip()
        ]
        if image.text is not None:
            lines = use_text_layer(lines, image.text)
        models = {"detector": detected.model, "recognizer": recognized.model}
        return PageReading(page, models, detect_ms, recognize_ms, lines)

    @asynccontextmanager
    async def _take_turn(self, request: ReadRequest, image: PageImage) -> AsyncIterator[None]:
        """Wait until there is memory for a page; callers take turns."""
        if image.size is None or image.size[0] * image.size[1] <= _LARGE_PIXELS:
            yield
            return
        caller = current_caller()
        try:
            async with asyncio.timeout(request.deadline.remaining()):
                await self._large_pages.acquire(caller)
        except TimeoutError as error:
            raise stage_deadline_problem("detector", request.deadline.seconds) from error
        try:
            yield
        finally:
            self._large_pages.release(caller)


def check_line_count(count: int) -> None:
    """Raise `ProblemError` 413 if there are more lines than the extractor accepts."""
    if count > _MAX_LINES:
        limit = f"{count:,} segments were found; at most {_MAX_LINES:,} are accepted."
        raise too_much_text_problem("extractor", limit)


def milliseconds_since(start: float) -> float:
    """Return the milliseconds since a reading of `time.perf_counter`."""
    return (time.perf_counter() - start) * 1000


def _sort_quads(detected: DetectResponse, image: PageImage) -> list[Quad]:
    """Return the detected segments in reading order, after checking that they are on the page that was sent."""
    page = detected.page
    # The EXIF orientation, which only the services apply, may swap the sides.
    if image.size is not None and sorted(image.size) != sorted((page.width, page.height)):
        found, sent = f"{page.width}x{page.height}", "x".join(map(str, image.size))
        raise stage_failed_problem("detector", f"it found {found} pixels in a picture of {sent}")
    check_line_count(len(detected.segments))
    # A segment at the very edge may have nothing left on the page; then the recognizer would refuse all segments.
    quads = [segment.quad for segment in detected.segments if _overlaps(segment.quad, page)]
    return [quads[index] for index in reading_order(quads)]


def _enlarge_page(page: Page, image: PageImage) -> Page:
    """Return the page with its size as sent."""
    if image.full_size is None:
        return page
    width, height = image.full_size
    return page.model_copy(update={"width": width, "height": height})


def _enlarge_quad(quad: Quad, reduced: PageSize, page: PageSize) -> Quad:
    """Return a quad on a page that was reduced as a quad on the page as sent."""
    if (reduced.width, reduced.height) == (page.width, page.height):
        return quad
    by_x, by_y = page.width / reduced.width, page.height / reduced.height
    top_left, top_right, bottom_right, bottom_left = (
        (round(x * by_x, _QUAD_DECIMALS), round(y * by_y, _QUAD_DECIMALS)) for x, y in quad
    )
    return top_left, top_right, bottom_right, bottom_left


def _overlaps(quad: Quad, size: PageSize) -> bool:
    xs, ys = [x for x, _ in quad], [y for _, y in quad]
    return min(xs) < min(max(xs), size.width) and max(xs) > 0 and min(ys) < min(max(ys), size.height) and max(ys) > 0
