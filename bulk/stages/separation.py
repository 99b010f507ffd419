"""Separate receipts in one document, as the gateway finds them: on pages, several on a page, and over several pages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import numpy as np

from bulk.documents import Document
from bulk.stages.detection import PageDetector
from bulk.stages.page_stages import NO_DEADLINE_S, PageStages, build_request, find_codes
from bulk.stages.recognition import PageRecognizer
from gateway.documents.renderer import PageImage
from gateway.reading.page_reader import PageReader, PageReading
from gateway.reading.read_request import ReadRequest
from gateway.reading.several.joining import join_parts
from gateway.reading.several.splitting import Splitter
from gateway.storage.cache import ContentId
from shared.arrays import Pixels
from shared.contracts import DetectResponse, Quad, Receipt, RecognizeResponse, Rotation, Split

Build = Callable[[ContentId, Sequence[PageReading]], Awaitable[Receipt]]
Enter = Callable[[AbstractAsyncContextManager[Any]], Awaitable[Any]]


class AreaReader:
    """Reads parts of pages. Detector and recognizer are loaded for the first one, because such pages are rare.

    Args:
        detector: Settings of the detector that differ from their defaults.
        recognizer: The same of the recognizer.
        enter: Enters a context for as long as the stage exists.
    """

    def __init__(self, detector: dict[str, Any], recognizer: dict[str, Any], enter: Enter) -> None:
        self._settings = (detector, recognizer)
        self._enter = enter
        self._loading = asyncio.Lock()
        self._loaded: tuple[PageDetector, PageRecognizer] | None = None

    async def read(self, request: ReadRequest, document: Document, pixels: Pixels) -> PageReading:
        """Read the area of a request on a page with these pixels, `(H, W)` gray."""
        number = request.page_index
        reader = PageReader(_AreaStages(*await self._load(), pixels), find_codes(document.codes[number]))
        return await reader.read(request, document.images[number], 0)

    async def _load(self) -> tuple[PageDetector, PageRecognizer]:
        async with self._loading:
            if self._loaded is None:
                detector, recognizer = self._settings
                self._loaded = (
                    await asyncio.to_thread(PageDetector, detector),
                    await asyncio.to_thread(PageRecognizer, recognizer),
                )
                await self._enter(self._loaded[0].batcher)
                await self._enter(self._loaded[1].batcher)
        return self._loaded


class _AreaStages(PageStages):
    """The stages for a part of a page."""

    def __init__(self, detector: PageDetector, recognizer: PageRecognizer, pixels: Pixels) -> None:
        self._detector = detector
        self._recognizer = recognizer
        self._pixels = pixels

    async def find(self, rotation: Rotation | None, area: Quad | None) -> DetectResponse:
        return await self._detector.detect(self._pixels, rotation, None if area is None else np.array(area, np.float32))

    async def read(self, quads: Sequence[Quad]) -> RecognizeResponse:
        return await self._recognizer.recognize(self._pixels, quads)


class DocumentReader:
    """Turns what was read on the pages of a document into its receipts.

    Args:
        document: With readings of its pages, each as the only page of a document.
        pixels: Of its pages, `(H, W)` gray; empty if no page seems to have several receipts.
        areas: Reads parts of pages.
        build: Builds a receipt of pages.
    """

    def __init__(self, document: Document, pixels: Sequence[Pixels], areas: AreaReader, build: Build) -> None:
        self._document = document
        self._pixels = pixels
        self._areas = areas
        self._build = build

    async def read_separately(self, split: Split) -> list[Receipt]:
        """Return the receipts of the document, in order; see `Splitter.read`."""
        return await Splitter(self, self.read, NO_DEADLINE_S).read(build_request(self._document), split)

    async def render(self, request: ReadRequest) -> list[PageImage]:
        """Return the pages of the document, without their data."""
        return self._document.images

    async def read(self, request: ReadRequest) -> Receipt:
        """Return one receipt of the document."""
        if request.parts:
            readings = join_parts(request.parts, is_overlapping=request.is_overlapping)
        elif request.area is not None:
            readings = [await self._areas.read(request, self._document, self._pixels[request.page_index])]
        else:
            readings = [self._document.readings[request.page_index]]
        return await self._build(request.identity, readings)
