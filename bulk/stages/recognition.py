"""The third stage, on GPUs if there are any: read the segments, and look again at pages that are not legible."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa

from bulk.documents import Document, read_documents, read_pixels, replace_states
from bulk.stages.detection import PageDetector
from bulk.stages.page_stages import NO_DEADLINE_S, PageStages, build_request, find_codes
from bulk.stages.stage import Stage, create_batcher
from gateway.reading.page_reader import PageReader, PageReading
from gateway.reading.read_request import ReadRequest
from services.recognizer.crops import cut_segments
from services.recognizer.decoding import Recognition
from services.recognizer.predictor import Predictor
from services.recognizer.quads import require_quads_on_page
from services.recognizer.settings import RecognizerSettings
from shared.arrays import Pixels
from shared.contracts import DetectResponse, Quad, RecognizedText, RecognizeResponse, Rotation, Split
from shared.service.batching import DynamicBatcher


class PageRecognizer:
    """The recognizer inside the process: pixels and quads in, what the service answers out.

    Args:
        settings: Settings of the recognizer that differ from their defaults.

    Attributes:
        batcher: Has to be entered first.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        chosen = RecognizerSettings(**settings)
        self._predictor = Predictor.load(chosen)
        self.batcher: DynamicBatcher[Pixels, Recognition] = create_batcher(
            "recognizer", self._predictor.recognize, max_batch=chosen.max_batch
        )

    @property
    def version(self) -> str:
        """Version of the model."""
        return self._predictor.version

    async def recognize(self, pixels: Pixels, quads: Sequence[Quad]) -> RecognizeResponse:
        """Read segments of a page, `(H, W)` gray."""
        height, width = pixels.shape
        require_quads_on_page(quads, width, height)
        crops = await asyncio.to_thread(cut_segments, pixels, quads)
        texts = await self.batcher.submit_many(crops)
        return RecognizeResponse(
            texts=[RecognizedText(text=one.text, confidence=one.confidence, gaps=list(one.gaps)) for one in texts],
            model=self.version,
        )


class RecognizeStage(Stage):
    """Replaces detections by the lines that were read, and drops pixels that no stage needs any more.

    Args:
        settings: Settings of the recognizer that differ from their defaults.
        detector_settings: Settings of the detector that differ from their defaults. It is loaded for the first
            illegible page, because such pages are rare.
        split: How to separate the receipts in a file; None to take each file as one.
    """

    def __init__(self, settings: dict[str, Any], detector_settings: dict[str, Any], *, split: Split | None) -> None:
        super().__init__()
        self._split = split
        self._detector_settings = detector_settings
        self._detector: PageDetector | None = None
        self._loading = asyncio.Lock()
        self.recognizer = PageRecognizer(settings)
        self.keep_open(self.recognizer.batcher)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return documents with readings, and pixels only where a page may have several receipts."""
        documents = read_documents(table)
        pixels = read_pixels(table, documents)
        works = [(one, partial(self._read, one, pages)) for one, pages in zip(documents, pixels, strict=True)]
        self.run(self.process_all(works))
        return replace_states(table, documents)

    async def detect_again(self, pixels: Pixels, rotation: Rotation | None) -> DetectResponse:
        """Find the segments of a page that is not legible as it was found to be turned."""
        async with self._loading:
            if self._detector is None:
                detector = await asyncio.to_thread(PageDetector, self._detector_settings)
                await self.enter(detector.batcher)
                self._detector = detector
        return await self._detector.detect(pixels, rotation)

    async def _read(self, document: Document, pages: list[Pixels]) -> None:
        request = build_request(document)
        document.readings = list(
            await asyncio.gather(
                *(self._read_page(document, request, number, page) for number, page in enumerate(pages))
            )
        )
        document.models["recognizer"] = self.recognizer.version
        may_have_several = any(found.receipts for found in document.detections)
        document.detections = []
        if self._split not in ("receipts", "auto") or not may_have_several:
            document.sizes = []
        if self._split is None:
            document.images, document.codes = [], []

    async def _read_page(self, document: Document, request: ReadRequest, number: int, pixels: Pixels) -> PageReading:
        reader = PageReader(_FirstLook(self, pixels, document.detections[number]), find_codes(document.codes[number]))
        image = document.images[number]
        if self._split is not None and len(document.images) > 1:
            request, number = request.extract_page(number, image, NO_DEADLINE_S), 0
        reading = await reader.read(request, image, number)
        # The work of many pages is done at once, so that no duration is that of a page.
        return replace(reading, detect_ms=0.0, recognize_ms=0.0)


class _FirstLook(PageStages):
    """The stages for one page whose first detection is known."""

    def __init__(self, stage: RecognizeStage, pixels: Pixels, detected: DetectResponse) -> None:
        self._stage = stage
        self._pixels = pixels
        self._detected = detected

    async def find(self, rotation: Rotation | None, area: Quad | None) -> DetectResponse:
        """Return the first detection, then look again."""
        return self._detected if rotation is None else await self._stage.detect_again(self._pixels, rotation)

    async def read(self, quads: Sequence[Quad]) -> RecognizeResponse:
        """Read segments of the page."""
        return await self._stage.recognizer.recognize(self._pixels, quads)
