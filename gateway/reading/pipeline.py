"""One receipt through the chain: render, detect, recognize, extract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from gateway.codes.reader import CodeReader
from gateway.documents.renderer import PageImage, Renderer
from gateway.reading.capacity import Capacity
from gateway.reading.metrics import ReceiptMetrics
from gateway.reading.page_reader import PageReader, PageReading, check_line_count, milliseconds_since
from gateway.reading.read_request import ReadRequest, start_deadline
from gateway.reading.receipt_parts import (
    NOTHING_EXTRACTED,
    Extraction,
    build_extract_request,
    build_receipt,
    find_receipts,
)
from gateway.reading.several.joining import join_parts
from gateway.stages.problems import stage_deadline_problem
from gateway.stages.stages import Stages
from shared.contracts import Code, CorrectRequest, MerchantCorrection, Models, Receipt
from shared.problems import ProblemError


class Pipeline:
    """Reads receipts by calling the stages one after the other.

    Args:
        stages: The clients of the stages.
        renderer: Renders the pages of documents.
        codes: Reads QR codes and barcodes; None to leave them out.
        capacity: Refuses receipts if there are too many at once.
        metrics: Counts what is read.
        timeout_s: Timeout of a correction, in seconds.
    """

    def __init__(
        self,
        stages: Stages,
        renderer: Renderer,
        *,
        codes: CodeReader | None,
        capacity: Capacity,
        metrics: ReceiptMetrics,
        timeout_s: float,
    ) -> None:
        self._stages = stages
        self._page_reader = PageReader(stages, codes)
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
        if request.page is not None:
            return [request.page]
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
        if request.parts:
            decode_ms = sum(part.timings_ms.decode for part in request.parts)
            # Comparing the rows of long receipts takes a while.
            readings = await asyncio.to_thread(join_parts, request.parts, is_overlapping=request.is_overlapping)
            extraction = await self._extract(readings, request)
        else:
            start = time.perf_counter()
            images = await self._render(request)
            decode_ms = milliseconds_since(start)
            readings, extraction = await self._read_pages(request, images)
        receipt_id = request.identity.receipt_id
        return build_receipt(receipt_id, readings, extraction, models=models, decode_ms=decode_ms)

    async def _read_pages(
        self, request: ReadRequest, images: Sequence[PageImage]
    ) -> tuple[list[PageReading], Extraction]:
        """Read the text of all pages, then extract the fields while the codes of the last pages are read."""
        codes: list[asyncio.Task[list[Code] | None]] = []
        readings: list[PageReading] = []
        line_count = 0
        try:
            for number, image in enumerate(images):
                reading, task = await self._page_reader.read_text(request, image, number)
                codes.append(task)
                readings.append(await find_receipts(reading, lambda some: self._extract(some, request)))
                line_count += len(reading.lines)
                check_line_count(line_count)
            extraction = await self._extract(readings, request)
            pages = zip(readings, codes, strict=True)
            return [replace(reading, codes=await task) for reading, task in pages], extraction
        finally:
            for task in codes:
                task.cancel()

    async def _extract(self, readings: Sequence[PageReading], request: ReadRequest) -> Extraction:
        question = build_extract_request(readings)
        if question is None:
            return NOTHING_EXTRACTED
        start = time.perf_counter()
        answer = await self._stages.extract(question, request.deadline)
        return Extraction(answer, answer.model, milliseconds_since(start))
