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
from bulk.stages.stage import Stage, create_batcher
from gateway.reading.page_reader import PageReader, PageReading
from gateway.reading.read_request import ReadRequest
from gateway.storage.cache import ContentId
from gateway.storage.cache_control import UNRESTRICTED
from services.recognizer.crops import cut_segments
from services.recognizer.decoding import Recognition
from services.recognizer.predictor import Predictor
from services.recognizer.quads import require_quads_on_page
from services.recognizer.settings import RecognizerSettings
from shared.arrays import Pixels
from shared.contracts import DetectResponse, Orientation, Quad, RecognizedText, RecognizeResponse, Rotation
from shared.service.batching import DynamicBatcher
from shared.service.deadline import Deadline

# No caller waits for a page: what is read must not depend on how busy the machine is.
_NO_DEADLINE_S = 1e9


class RecognizeStage(Stage):
    """Replaces pixels and detections by the lines that were read.

    Args:
        settings: Settings of the recognizer that differ from their defaults.
        detector_settings: Settings of the detector that differ from their defaults. It is loaded for the first
            illegible page, because such pages are rare.
        split: Whether each page is a separate receipt.
    """

    def __init__(self, settings: dict[str, Any], detector_settings: dict[str, Any], *, split: bool) -> None:
        super().__init__()
        chosen = RecognizerSettings(**settings)
        self._split = split
        self._detector_settings = detector_settings
        self._detector: PageDetector | None = None
        self._loading = asyncio.Lock()
        self._predictor = Predictor.load(chosen)
        self._batcher: DynamicBatcher[Pixels, Recognition] = self.keep_open(
            create_batcher("recognizer", self._predictor.recognize, max_batch=chosen.max_batch)
        )

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return documents with readings, without pixels."""
        documents = read_documents(table)
        pixels = read_pixels(table, documents)
        works = [(one, partial(self._read, one, pages)) for one, pages in zip(documents, pixels, strict=True)]
        self.run(self.process_all(works))
        return replace_states(table, documents, keep_pixels=False)

    async def recognize(self, pixels: Pixels, quads: Sequence[Quad]) -> RecognizeResponse:
        """Read segments of a page."""
        height, width = pixels.shape
        require_quads_on_page(quads, width, height)
        crops = await asyncio.to_thread(cut_segments, pixels, quads)
        texts = await self._batcher.submit_many(crops)
        return RecognizeResponse(
            texts=[RecognizedText(text=one.text, confidence=one.confidence) for one in texts],
            model=self._predictor.version,
        )

    async def detect_again(self, pixels: Pixels, rotation: Rotation | None) -> DetectResponse:
        """Find the segments of a page that is not legible as it was found to be turned."""
        async with self._loading:
            if self._detector is None:
                detector = await asyncio.to_thread(PageDetector, self._detector_settings)
                await self.enter(detector.batcher)
                self._detector = detector
        return await self._detector.detect(pixels, rotation)

    async def _read(self, document: Document, pages: list[Pixels]) -> None:
        request = ReadRequest(b"", ContentId(document.sha256 or ""), None, Deadline(_NO_DEADLINE_S), UNRESTRICTED)
        document.readings = list(
            await asyncio.gather(
                *(self._read_page(document, request, number, page) for number, page in enumerate(pages))
            )
        )
        document.detections, document.images, document.sizes = [], [], []
        document.models["recognizer"] = self._predictor.version

    async def _read_page(self, document: Document, request: ReadRequest, number: int, pixels: Pixels) -> PageReading:
        reader = PageReader(_PageStages(self, pixels, document.detections[number]))
        image = document.images[number]
        if self._split and len(document.images) > 1:
            request, number = request.extract_page(number, image, _NO_DEADLINE_S), 0
        reading = await reader.read(request, image, number)
        # The work of many pages is done at once, so that no duration is that of a page.
        return replace(reading, detect_ms=0.0, recognize_ms=0.0)


class _PageStages:
    """The stages for one page, whose pixels and first detection are known."""

    def __init__(self, stage: RecognizeStage, pixels: Pixels, detected: DetectResponse) -> None:
        self._stage = stage
        self._pixels = pixels
        self._detected: DetectResponse | None = detected

    async def detect(
        self,
        data: bytes,
        media_type: str,
        deadline: Deadline,
        orientation: Orientation | None = None,
        rotation: Rotation | None = None,
        area: Quad | None = None,
    ) -> DetectResponse:
        """Return the first detection, then look again."""
        if self._detected is not None and rotation is None:
            return self._detected
        return await self._stage.detect_again(self._pixels, rotation)

    async def recognize(
        self, data: bytes, media_type: str, quads: Sequence[Quad], deadline: Deadline
    ) -> RecognizeResponse:
        """Read segments of the page."""
        return await self._stage.recognize(self._pixels, quads)
