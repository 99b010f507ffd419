"""The second stage, on GPUs if there are any: find the segments of each page."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa

from bulk.documents import Document, read_documents, read_pixels, replace_states
from bulk.stages.stage import Stage, create_batcher
from services.detector.app import to_response
from services.detector.predictor import Detection, Predictor
from services.detector.preparation import PreparedPage
from services.detector.quality import score_empty_page
from services.detector.settings import DetectorSettings
from shared.arrays import Floats, Pixels
from shared.contracts import DetectResponse, Rotation
from shared.service.batching import DynamicBatcher


class PageDetector:
    """The detector inside the process: pixels in, what the service answers out.

    Args:
        settings: Settings of the detector that differ from their defaults.

    Attributes:
        batcher: Has to be entered first.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = DetectorSettings(**settings)
        self._predictor = Predictor.load(self._settings)
        self.batcher: DynamicBatcher[PreparedPage, Detection] = create_batcher(
            "detector", self._predictor.detect, max_batch=self._settings.max_batch, group=self._predictor.group
        )

    @property
    def version(self) -> str:
        """Version of the model."""
        return self._predictor.version

    async def detect(
        self, pixels: Pixels, rotation: Rotation | None = None, area: Floats | None = None
    ) -> DetectResponse:
        """Find the segments of a page.

        Args:
            pixels: `(H, W)` gray.
            rotation: By how many degrees the text is turned, if that is known.
            area: `(4, 2)` corners of the only part of the page to look at; None for all of it.
        """
        prepared = await asyncio.to_thread(self._predictor.prepare, pixels, None, rotation, area)
        if prepared is None:
            quality = await asyncio.to_thread(score_empty_page, pixels)
            detection = replace(Detection.empty(), quality=quality)
        else:
            detection = await self.batcher.submit(prepared)
        height, width = pixels.shape
        response = to_response(detection, width, height, self._predictor.version)
        return response.model_copy(update={"orientation": self._settings.orientation})


class DetectStage(Stage):
    """Adds what the detector finds on each page.

    Args:
        settings: Settings of the detector that differ from their defaults.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self._detector = PageDetector(settings)
        self.keep_open(self._detector.batcher)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return documents with detections."""
        documents = read_documents(table)
        pixels = read_pixels(table, documents)
        works = [(one, partial(self._detect, one, pages)) for one, pages in zip(documents, pixels, strict=True)]
        self.run(self.process_all(works))
        return replace_states(table, documents)

    async def _detect(self, document: Document, pages: list[Pixels]) -> None:
        document.detections = list(await asyncio.gather(*(self._detector.detect(page) for page in pages)))
        document.models["detector"] = self._detector.version
