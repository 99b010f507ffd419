"""One receipt through the chain: decode, detect, recognize, extract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gateway.documents.renderer import Renderer
from gateway.stages.problems import stage_deadline_problem, stage_failed_problem, too_much_text_problem
from gateway.stages.stages import Stages
from gateway.storage.cache import Content
from shared.contracts import (
    CorrectRequest,
    DetectResponse,
    ExtractRequest,
    Fields,
    Line,
    MerchantCorrection,
    Models,
    Orientation,
    Page,
    PageSize,
    Quad,
    Receipt,
    Timings,
)
from shared.pictures.header import PictureHeader, PictureLimits, read_header
from shared.pictures.memory import decoding_shared
from shared.reading_order import reading_order
from shared.service.deadline import Deadline
from shared.service.request_context import current_deadline

_MOST_LINES = 5_000  # of `ExtractRequest`


class _Stopwatch:
    def __init__(self) -> None:
        self._milliseconds = {"decode": 0.0, "detect": 0.0, "recognize": 0.0, "extract": 0.0}

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._milliseconds[stage] += (time.perf_counter() - start) * 1000

    def timings(self) -> Timings:
        return Timings(**{stage: round(ms, 1) for stage, ms in self._milliseconds.items()})


class Pipeline:
    """Reads receipts by asking the stages one after the other.

    Args:
        stages: The clients.
        renderer: Makes pictures of the pages of documents.
        limits: What pictures are taken.
        timeout_s: Longest time for one receipt.
    """

    def __init__(self, stages: Stages, renderer: Renderer, *, limits: PictureLimits, timeout_s: float) -> None:
        self._stages = stages
        self._renderer = renderer
        self._limits = limits
        self._timeout_s = timeout_s

    def deadline(self) -> Deadline:
        """When a receipt that is asked for now has to be done: after the longest time, or when the request says."""
        asked = current_deadline()
        return Deadline(self._timeout_s) if asked is None or asked.remaining() > self._timeout_s else asked.copy()

    async def read(
        self,
        data: bytes,
        content: Content,
        models: Models,
        orientation: Orientation | None = None,
        deadline: Deadline | None = None,
    ) -> Receipt:
        """Reads one receipt.

        Args:
            data: A picture, or a document of several pages, which become one receipt.
            content: Its identity.
            models: Versions of the models as last heard; a stage that answers tells its own.
            orientation: Whether turned pages are looked for; as the detector is set if left out.
            deadline: When it has to be done; by default after the longest time for a receipt.

        Returns:
            The receipt, its lines in reading order.

        Raises:
            ProblemError: 4xx if the picture cannot be read, 502 to 504 naming the stage that did not do its part.
        """
        deadline = deadline or self.deadline()
        watch = _Stopwatch()
        with watch.time("decode"):
            pictures = await self._pages(data, deadline)
        used: dict[str, str] = {}
        pages: list[Page] = []
        lines: list[Line] = []
        for number, picture in enumerate(pictures):
            with decoding_shared():
                page, found = await self._read_page(picture, number, deadline, watch, used, orientation)
            pages.append(page)
            lines += found
            _check_lines(len(lines))
        fields = Fields()
        if lines:
            sizes = [PageSize(width=page.width, height=page.height) for page in pages]
            with watch.time("extract"):
                extracted = await self._stages.extract(ExtractRequest(pages=sizes, lines=lines), deadline)
            used["extractor"] = extracted.model
            fields = extracted.fields
        return Receipt(
            id=content.id,
            pages=pages,
            fields=fields,
            lines=lines,
            models=models.model_copy(update=used),
            timings_ms=watch.timings(),
        )

    async def correct(self, receipt: Receipt, taught: Sequence[MerchantCorrection]) -> Receipt:
        """A receipt with company and address as people corrected those of others.

        Args:
            receipt: Read some time.
            taught: What they corrected, the latest last.

        Raises:
            ProblemError: 502 to 504 naming the extractor.
        """
        request = CorrectRequest(fields=receipt.fields, lines=receipt.lines, corrections=list(taught))
        answer = await self._stages.correct(request, self.deadline())
        return receipt.model_copy(update={"fields": answer.fields})

    async def _read_page(
        self,
        data: bytes,
        number: int,
        deadline: Deadline,
        watch: _Stopwatch,
        used: dict[str, str],
        orientation: Orientation | None,
    ) -> tuple[Page, list[Line]]:
        """Detects and reads the text of one page; notes in `used` the models that answered."""
        with watch.time("decode"):
            header = read_header(data, self._limits)
        with watch.time("detect"):
            detected = await self._stages.detect(data, header.media_type, deadline, orientation)
        used["detector"] = detected.model
        quads = _quads(detected, header)
        if not quads:
            return detected.page, []
        with watch.time("recognize"):
            recognized = await self._stages.recognize(data, header.media_type, quads, deadline)
        used["recognizer"] = recognized.model
        return detected.page, [
            Line(page=number, quad=quad, text=read.text, confidence=read.confidence)
            for quad, read in zip(quads, recognized.texts, strict=True)
            if read.text.strip()  # what looked like text but holds none says nothing to anybody
        ]

    async def pages(self, data: bytes) -> list[bytes]:
        """The pages of a picture or document, each as a picture; raises `ProblemError` as `read` does."""
        return await self._pages(data, Deadline(self._timeout_s))

    async def _pages(self, data: bytes, deadline: Deadline) -> list[bytes]:
        try:
            async with asyncio.timeout(deadline.remaining()):
                return await self._renderer.pages(data)
        except TimeoutError as error:
            raise stage_deadline_problem("decoder", deadline.seconds) from error


def _quads(detected: DetectResponse, header: PictureHeader) -> list[Quad]:
    """Return the detected segments in reading order, after checking that they are on the page that was sent."""
    page = detected.page
    # The EXIF orientation, which only the services apply, may swap the sides.
    if header.size is not None and sorted(header.size) != sorted((page.width, page.height)):
        width, height = header.size
        raise stage_failed_problem(
            "detector", f"it saw {page.width}x{page.height} pixels in a picture of {width}x{height}"
        )
    _check_lines(len(detected.segments))
    # A segment at the very edge may have nothing left of it on the page; it must not cost the others their reader.
    quads = [segment.quad for segment in detected.segments if _meets(segment.quad, page)]
    return [quads[index] for index in reading_order(quads)]


def _check_lines(count: int) -> None:
    if count > _MOST_LINES:
        raise too_much_text_problem(
            "extractor", f"{count:,} segments were found; at most {_MOST_LINES:,} are accepted."
        )


def _meets(quad: Quad, size: PageSize) -> bool:
    xs, ys = [x for x, _ in quad], [y for _, y in quad]
    return min(xs) < min(max(xs), size.width) and max(xs) > 0 and min(ys) < min(max(ys), size.height) and max(ys) > 0
