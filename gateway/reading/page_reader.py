"""One page through the stages: detect its segments, and recognize their text."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from gateway.codes.reader import CodesUnreadError
from gateway.documents.renderer import PageImage
from gateway.reading.legibility import (
    AS_DETECTED,
    OTHER_VIEWS,
    View,
    choose_sample,
    choose_view,
    is_illegible,
    measure_legibility,
)
from gateway.reading.page_quality import judge_page, turn_quality
from gateway.reading.printed_text import use_text_layer
from gateway.reading.read_request import ReadRequest
from gateway.reading.segmentation.regrouping import regroup_words
from gateway.reading.several.areas import find_area
from gateway.stages.problems import stage_deadline_problem, stage_failed_problem, too_much_text_problem
from gateway.stages.stages import Look
from shared.contracts import (
    Code,
    DetectResponse,
    EInvoice,
    Line,
    Page,
    PageSize,
    Quad,
    ReceiptArea,
    RecognizedText,
    RecognizeResponse,
    Rotation,
    Segment,
    TurnedPage,
)
from shared.free_memory import return_free_memory
from shared.pictures.memory import decoding_shared
from shared.pictures.slots import FairSlots
from shared.problems import ProblemError
from shared.reading_order import reading_order
from shared.service.deadline import Deadline
from shared.service.request_context import current_caller

# The limit of `ExtractRequest`.
_MAX_LINES = 5_000
# A larger page takes 40 to 60 MB while it is in the stages. More of them at once than cores would not be read sooner.
_LARGE_PIXELS = 4_000_000
_MAX_LARGE_PAGES = max(2, os.cpu_count() or 1)
_MAX_WAITING = 1_024
_QUAD_DECIMALS = 1
# Grouping the words of more segments would hold up the event loop.
_REPORT_IN_THREAD = 200
# Looking at a page in other ways takes up to so many times as long as the first way.
_FURTHER_LOOKS = 3
_TURNED_FURTHER: dict[Rotation, Rotation] = {0: 90, 90: 180, 180: 270, 270: 0}


@dataclass(frozen=True)
class PageReading:
    """What the stages found on one page.

    Attributes:
        page: Size, rotation and quality.
        models: The versions of the models that answered, by stage.
        detect_ms: Milliseconds of the call of the detector.
        recognize_ms: Milliseconds of the call of the recognizer.
        lines: In reading order.
        areas: What looks like separate receipts, if there seem to be several.
        codes: QR codes and barcodes, from top to bottom; None if they could not be read.
        einvoice: See `PageImage`.
        has_unread_einvoice: See `PageImage`.
    """

    page: Page
    models: dict[str, str]
    detect_ms: float
    recognize_ms: float = 0.0
    lines: list[Line] = field(default_factory=list)
    areas: list[ReceiptArea] = field(default_factory=list)
    codes: list[Code] | None = field(default_factory=list)
    einvoice: EInvoice | None = None
    has_unread_einvoice: bool = False


class PageStages(Protocol):
    """The stages that read a page; see `gateway.stages.stages.Stages`."""

    async def detect(self, data: bytes, media_type: str, deadline: Deadline, look: Look) -> DetectResponse:
        """Find the text segments of a picture."""

    async def recognize(
        self, data: bytes, media_type: str, quads: Sequence[Quad], deadline: Deadline
    ) -> RecognizeResponse:
        """Read segments of a picture; there are as many texts as quads, in the same order."""


class CodeFinder(Protocol):
    """Reads the codes of a page; see `gateway.codes.reader.CodeReader`."""

    async def read(self, image: PageImage, number: int, timeout_s: float) -> list[Code]:
        """Return the codes of a page; raise `CodesUnreadError` if they could not be read."""


class _PageTask:
    """Calls the stages for one page, and adds up how long they take.

    Args:
        stages: The clients of the stages.
        request: Its options and deadline apply.
        image: The page.
    """

    def __init__(self, stages: PageStages, request: ReadRequest, image: PageImage) -> None:
        self._stages = stages
        self._request = request
        self._image = image
        self._models: dict[str, str] = {}
        self._detect_ms = 0.0
        self._recognize_ms = 0.0

    @property
    def has_time(self) -> bool:
        """Whether the deadline leaves time to look at the page in other ways."""
        spent_s = (self._detect_ms + self._recognize_ms) / 1000
        return self._request.deadline.remaining() > _FURTHER_LOOKS * spent_s

    async def detect(self, rotation: Rotation | None = None) -> DetectResponse:
        """Find the segments of the page, turned as it is found to be, or as given."""
        image, request = self._image, self._request
        area = None if request.area is None else reduce_quad(request.area, image)
        start = time.perf_counter()
        detected = await self._stages.detect(
            image.data, image.media_type, request.deadline, Look(request.orientation, rotation, area)
        )
        self._detect_ms += milliseconds_since(start)
        _check_detection(detected, image)
        self._models["detector"] = detected.model
        return detected

    async def recognize(self, quads: list[Quad]) -> list[RecognizedText]:
        """Read segments."""
        start = time.perf_counter()
        recognized = await self._stages.recognize(
            self._image.data, self._image.media_type, quads, self._request.deadline
        )
        self._recognize_ms += milliseconds_since(start)
        self._models["recognizer"] = recognized.model
        return recognized.texts

    def report(
        self,
        detected: DetectResponse,
        number: int,
        quads: Sequence[Quad] = (),
        texts: Sequence[RecognizedText] = (),
    ) -> PageReading:
        """Return what was found, in pixels of the page as sent."""
        page, request = detected.page, self._request
        sent = _enlarge_page(page, self._image).model_copy(
            update={
                "index": number if request.page is None else request.page_index,
                "outline": request.area,
                "quality": judge_page(detected.quality, texts),
            }
        )
        areas = [
            area.model_copy(update={"outline": _enlarge_quad(area.outline, page, sent)}) for area in detected.receipts
        ]
        # This leaves out what looked like text but has none: it is of no use to anyone.
        regrouped = regroup_words(quads, texts)
        lines = [
            Line(page=number, quad=_enlarge_quad(quad, page, sent), text=text.text, confidence=text.confidence)
            for quad, text in zip(*regrouped, strict=True)
        ]
        if self._image.text is not None:
            lines = use_text_layer(lines, self._image.text)
        return PageReading(sent, self._models, self._detect_ms, self._recognize_ms, lines, areas)


class PageReader:
    """Reads pages.

    Args:
        stages: The clients of the stages.
        codes: Reads codes; None to leave them out.
    """

    def __init__(self, stages: PageStages, codes: CodeFinder | None = None) -> None:
        self._stages = stages
        self._codes = codes
        self._large_pages = FairSlots(_MAX_LARGE_PAGES, _MAX_WAITING)

    async def read(self, request: ReadRequest, image: PageImage, number: int) -> PageReading:
        """Detect and recognize the text of one page, and read its codes.

        Args:
            request: Its options and deadline apply.
            image: The page.
            number: Number of the page, from 0.

        Raises:
            ProblemError: 502 to 504 naming the stage that failed; 413 if there is too much text.
        """
        reading, codes = await self.read_text(request, image, number)
        return replace(reading, codes=await codes)

    async def read_text(
        self, request: ReadRequest, image: PageImage, number: int
    ) -> tuple[PageReading, asyncio.Task[list[Code] | None]]:
        """Do what `read` does, but only begin to read the codes, which have time until the fields are extracted.

        Returns:
            The page without its codes, and the task that reads them. Await or cancel it.
        """
        async with self._take_turn(request, image):
            with decoding_shared():
                task = _PageTask(self._stages, request, image)
                detected = await task.detect()
                reading = await self._read_text(task, detected, number)
                # Networks use all cores while they detect and recognize; most of the extractor's work takes one.
                codes = asyncio.create_task(self._read_codes(request, image, number, detected.page))
                try:
                    # Once begun, it holds the decoded picture. A large one may be held only while it is its turn.
                    await (asyncio.wait({codes}) if _is_large(image) else asyncio.sleep(0))
                except asyncio.CancelledError:
                    codes.cancel()
                    raise
        return replace(reading, einvoice=image.einvoice, has_unread_einvoice=image.has_unread_einvoice), codes

    async def _read_codes(
        self, request: ReadRequest, image: PageImage, number: int, page: TurnedPage
    ) -> list[Code] | None:
        if self._codes is None:
            return []
        try:
            codes = await self._codes.read(image, number, request.deadline.remaining())
        except CodesUnreadError:
            return None
        sent = _enlarge_page(page, image)
        placed = [code.model_copy(update={"quad": _enlarge_quad(code.quad, page, sent)}) for code in codes]
        if request.area is None:
            return placed
        own = request.areas.index(request.area)
        return [code for code in placed if find_area(code.quad, request.areas) == own]

    async def _read_text(self, task: _PageTask, detected: DetectResponse, number: int) -> PageReading:
        quads = _sort_quads(detected.segments, detected.page)
        if not quads:
            return task.report(detected, number)
        texts = await task.recognize(quads)
        if detected.orientation == "auto" and is_illegible(texts) and task.has_time:
            detected, quads, texts = await _look_otherwise(task, detected, quads, texts)
        if len(quads) > _REPORT_IN_THREAD:
            return await asyncio.to_thread(task.report, detected, number, quads, texts)
        return task.report(detected, number, quads, texts)

    @asynccontextmanager
    async def _take_turn(self, request: ReadRequest, image: PageImage) -> AsyncIterator[None]:
        """Wait until there is memory for a page; callers take turns."""
        if not _is_large(image):
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
            # Before the next large page needs as much.
            await asyncio.to_thread(return_free_memory)
        finally:
            self._large_pages.release(caller)


def _is_large(image: PageImage) -> bool:
    return image.size is not None and image.size[0] * image.size[1] > _LARGE_PIXELS


def check_line_count(count: int) -> None:
    """Raise `ProblemError` 413 if there are more lines than the extractor accepts."""
    if count > _MAX_LINES:
        limit = f"{count:,} segments were found; at most {_MAX_LINES:,} are accepted."
        raise too_much_text_problem("extractor", limit)


def milliseconds_since(start: float) -> float:
    """Return the milliseconds since a reading of `time.perf_counter`."""
    return (time.perf_counter() - start) * 1000


async def _look_otherwise(
    task: _PageTask, detected: DetectResponse, quads: list[Quad], texts: list[RecognizedText]
) -> tuple[DetectResponse, list[Quad], list[RecognizedText]]:
    """Look at an illegible page in other ways; return what was found in the best way."""
    try:
        least = measure_legibility(texts)
        view = await _find_better_view(task, quads, OTHER_VIEWS, least)
        if view is None:
            turned = await task.detect(_TURNED_FURTHER[detected.page.rotation])
            other_quads = _sort_quads(turned.segments, turned.page)
            view = await _find_better_view(task, other_quads, (AS_DETECTED, *OTHER_VIEWS), least)
            if view is None:
                return detected, quads, texts
            detected, quads = turned, other_quads
        looked_at = [view.order_corners(quad) for quad in quads]
        looked_at = [looked_at[index] for index in reading_order(looked_at)]
        seen = {"page": view.describe_page(detected.page), "quality": turn_quality(detected.quality, view)}
        return detected.model_copy(update=seen), looked_at, await task.recognize(looked_at)
    except ProblemError:
        # Further looks are optional: a stage may be too busy for them, or the time is up.
        return detected, quads, texts


async def _find_better_view(task: _PageTask, quads: list[Quad], views: Sequence[View], least: float) -> View | None:
    """Read the longest segments in all views; return the view that is clearly more legible, if there is one."""
    sample = choose_sample(quads)
    if not sample:
        return None
    texts = await task.recognize([view.order_corners(quad) for view in views for quad in sample])
    readings = [texts[start : start + len(sample)] for start in range(0, len(texts), len(sample))]
    return choose_view(views, readings, least)


def _sort_quads(segments: Sequence[Segment], page: PageSize) -> list[Quad]:
    """Return the quads of the segments on a page in reading order."""
    # A segment at the very edge may have nothing left on the page; then the recognizer would refuse all segments.
    quads = [segment.quad for segment in segments if _overlaps(segment.quad, page)]
    return [quads[index] for index in reading_order(quads)]


def _check_detection(detected: DetectResponse, image: PageImage) -> None:
    """Check that the detected segments are on the page that was sent, and not too many."""
    page = detected.page
    # The EXIF orientation, which only the services apply, may swap the sides.
    if image.size is not None and sorted(image.size) != sorted((page.width, page.height)):
        found, sent = f"{page.width}x{page.height}", "x".join(map(str, image.size))
        raise stage_failed_problem("detector", f"it found {found} pixels in a picture of {sent}")
    check_line_count(len(detected.segments))


def reduce_quad(quad: Quad, image: PageImage) -> Quad:
    """Return a quad on a page as sent as a quad on its picture."""
    if image.full_size is None or image.size is None:
        return quad
    (width, height), (full_width, full_height) = image.size, image.full_size
    full, reduced = PageSize(width=full_width, height=full_height), PageSize(width=width, height=height)
    return _enlarge_quad(quad, full, reduced)


def _enlarge_page(page: TurnedPage, image: PageImage) -> Page:
    """Return the page with its size as sent."""
    width, height = image.full_size or (page.width, page.height)
    return Page(width=width, height=height, rotation=page.rotation, mirrored=page.mirrored)


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
