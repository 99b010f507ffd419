"""One receipt through the chain: render, detect, recognize, extract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.documents.renderer import PageImage, Renderer
from gateway.reading.capacity import Capacity
from gateway.reading.metrics import ReceiptMetrics
from gateway.reading.read_request import ReadRequest, start_deadline
from gateway.stages.problems import stage_deadline_problem, stage_failed_problem, too_much_text_problem
from gateway.stages.stages import Stages
from shared.contracts import (
    CorrectRequest,
    DetectResponse,
    Extracted,
    ExtractRequest,
    Fields,
    Line,
    MerchantCorrection,
    Models,
    Page,
    PageSize,
    Quad,
    Receipt,
    Timings,
)
from shared.pictures.memory import decoding_shared
from shared.problems import ProblemError
from shared.reading_order import reading_order

# The limit of `ExtractRequest`.
_MAX_LINES = 5_000


@dataclass(frozen=True)
class _PageReading:
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


class Pipeline:
    """Reads receipts by calling the stages one after the other.

    Args:
        stages: The clients of the stages.
        renderer: Renders the pages of documents.
        capacity: Refuses receipts if there are too many at once.
        metrics: Counts what is read.
        timeout_s: Timeout of a correction, in seconds.
    """

    def __init__(
        self, stages: Stages, renderer: Renderer, *, capacity: Capacity, metrics: ReceiptMetrics, timeout_s: float
    ) -> None:
        self._stages = stages
        self._renderer = renderer
        self._capacity = capacity
        self._metrics = metrics
        self._timeout_s = timeout_s

    async def read(self, request: ReadRequest, models: Models) -> Receipt:
        """Read one receipt, and count it.

        Args:
            request: A picture, or a document of several pages, which become one receipt.
            models: Versions of the models as last reported; those of stages that answer replace them.

        Returns:
            The receipt, with lines in reading order.

        Raises:
            ProblemError: 4xx if the picture cannot be read, 502 to 504 if a stage failed, which it names; 503 also if
                too many receipts are being read.
        """
        try:
            with self._capacity.occupy():
                receipt = await self._read(request, models)
        except ProblemError as problem:
            self._metrics.count_failure(problem)
            raise
        self._metrics.count_receipt(receipt)
        return receipt

    async def render(self, request: ReadRequest) -> list[PageImage]:
        """Return the pages of a picture or document as pictures, in order; raise `ProblemError` like `read`."""
        with self._capacity.occupy():
            return await self._render(request)

    async def show_page(self, data: bytes, number: int) -> tuple[bytes, str]:
        """Return one page for display, as `Renderer.show_page` does; raise `ProblemError` 503 also like `read`."""
        with self._capacity.occupy():
            return await self._renderer.show_page(data, number)

    async def _render(self, request: ReadRequest) -> list[PageImage]:
        try:
            async with asyncio.timeout(request.deadline.remaining()):
                return await self._renderer.render_pages(request.data)
        except TimeoutError as error:
            raise stage_deadline_problem("decoder", request.deadline.seconds) from error

    async def correct(self, receipt: Receipt, corrections: Sequence[MerchantCorrection]) -> Receipt:
        """Return a receipt with company and address corrected as people did on other receipts.

        Args:
            receipt: As it was read.
            corrections: What people corrected on other receipts, the latest last.

        Raises:
            ProblemError: 502 to 504 naming the extractor.
        """
        request = CorrectRequest(fields=receipt.fields, lines=receipt.lines, corrections=list(corrections))
        answer = await self._stages.correct(request, start_deadline(self._timeout_s))
        return receipt.model_copy(update={"fields": answer.fields})

    async def _read(self, request: ReadRequest, models: Models) -> Receipt:
        start = time.perf_counter()
        images = await self._render(request)
        decode_ms = _milliseconds_since(start)
        pages: list[_PageReading] = []
        lines: list[Line] = []
        for number, image in enumerate(images):
            pages.append(await self._read_page(request, image, number))
            lines += pages[-1].lines
            _check_line_count(len(lines))
        used = {stage: model for page in pages for stage, model in page.models.items()}
        extracted, extract_ms = Extracted(fields=Fields()), 0.0
        if lines:
            start = time.perf_counter()
            sizes = [PageSize(width=reading.page.width, height=reading.page.height) for reading in pages]
            answer = await self._stages.extract(ExtractRequest(pages=sizes, lines=lines), request.deadline)
            extract_ms = _milliseconds_since(start)
            used["extractor"], extracted = answer.model, answer
        return Receipt(
            id=request.identity.receipt_id,
            pages=[reading.page for reading in pages],
            **{name: getattr(extracted, name) for name in Extracted.model_fields},
            lines=lines,
            models=models.model_copy(update=used),
            timings_ms=Timings(
                decode=round(decode_ms, 1),
                detect=round(sum(reading.detect_ms for reading in pages), 1),
                recognize=round(sum(reading.recognize_ms for reading in pages), 1),
                extract=round(extract_ms, 1),
            ),
        )

    async def _read_page(self, request: ReadRequest, image: PageImage, number: int) -> _PageReading:
        """Detect and recognize the text of one page."""
        with decoding_shared():
            start = time.perf_counter()
            detected = await self._stages.detect(image.data, image.media_type, request.deadline, request.orientation)
            detect_ms = _milliseconds_since(start)
            quads = _sort_quads(detected, image)
            if not quads:
                return _PageReading(detected.page, {"detector": detected.model}, detect_ms)
            start = time.perf_counter()
            recognized = await self._stages.recognize(image.data, image.media_type, quads, request.deadline)
            recognize_ms = _milliseconds_since(start)
        lines = [
            Line(page=number, quad=quad, text=reading.text, confidence=reading.confidence)
            for quad, reading in zip(quads, recognized.texts, strict=True)
            # What looked like text but has none is of no use to anyone.
            if reading.text.strip()
        ]
        models = {"detector": detected.model, "recognizer": recognized.model}
        return _PageReading(detected.page, models, detect_ms, recognize_ms, lines)


def _sort_quads(detected: DetectResponse, image: PageImage) -> list[Quad]:
    """Return the detected segments in reading order, after checking that they are on the page that was sent."""
    page = detected.page
    # The EXIF orientation, which only the services apply, may swap the sides.
    if image.size is not None and sorted(image.size) != sorted((page.width, page.height)):
        found, sent = f"{page.width}x{page.height}", "x".join(map(str, image.size))
        raise stage_failed_problem("detector", f"it found {found} pixels in a picture of {sent}")
    _check_line_count(len(detected.segments))
    # A segment at the very edge may have nothing left on the page; then the recognizer would refuse all segments.
    quads = [segment.quad for segment in detected.segments if _overlaps(segment.quad, page)]
    return [quads[index] for index in reading_order(quads)]


def _check_line_count(count: int) -> None:
    if count > _MAX_LINES:
        limit = f"{count:,} segments were found; at most {_MAX_LINES:,} are accepted."
        raise too_much_text_problem("extractor", limit)


def _overlaps(quad: Quad, size: PageSize) -> bool:
    xs, ys = [x for x, _ in quad], [y for _, y in quad]
    return min(xs) < min(max(xs), size.width) and max(xs) > 0 and min(ys) < min(max(ys), size.height) and max(ys) > 0


def _milliseconds_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
