"""The first stage, on CPUs: read files, render and decode them and read codes, in processes that can be killed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa

from bulk.documents import Document, build_table
from bulk.loading import Loaded, Loader
from bulk.stages.page_stages import NO_DEADLINE_S
from bulk.stages.stage import Stage
from bulk.units import units_from_table
from gateway.codes.reader import CodeReader, CodesUnreadError
from gateway.documents.limits import DocumentLimits
from gateway.documents.renderer import PageImage, Renderer
from gateway.settings import GatewaySettings
from shared.arrays import Pixels
from shared.contracts import Code
from shared.pictures.memory import decode_once, decoding_shared, open_decoders
from shared.problems import ProblemError

# Files in memory at once; their pixels leave as blocks.
_AT_ONCE = 16
# The machine is out of processes or memory for a moment.
_ATTEMPTS = 4
_PAUSE_S = 1.0
_OVERLOADED = 503
# Times the gateway's limit. No caller waits, and workers have a low priority: a document is not unreadable because the
# machine is busy. The limit on CPU time is the same.
_PATIENCE = 30


class RenderStage(Stage):
    """Turns units into documents with the pixels of their pages, within the limits of the gateway.

    Args:
        settings: Settings of the gateway that differ from their defaults.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self._settings = GatewaySettings(**settings)
        reading = self._settings.reading
        self._renderer = Renderer(
            DocumentLimits(reading.max_pages, reading.max_page_s, reading.enough_pixels, self._settings.picture_limits),
            timeout_s=_PATIENCE * reading.render_timeout_s,
            max_processes=reading.decode_workers,
        )
        # No caller waits: the reader's limit on CPU time has to do.
        self._codes = CodeReader(
            self._settings.picture_limits, timeout_s=NO_DEADLINE_S, max_processes=reading.decode_workers
        )
        self._loader = Loader(self._settings.max_upload_bytes)
        self.keep_open(open_decoders())

    def __call__(self, units: pa.Table) -> Iterator[pa.Table]:
        """Yield the documents of units, a few at a time."""
        loaded = self._loader.load(units_from_table(units))
        # At least an empty table: all of a tar may have been read before.
        some = list(islice(loaded, _AT_ONCE))
        yield self.run(self._render_all(some))
        while some := list(islice(loaded, _AT_ONCE)):
            yield self.run(self._render_all(some))

    async def _render_all(self, files: list[Loaded]) -> pa.Table:
        documents = [Document(one.source, one.member) for one in files]
        pixels: list[list[Pixels]] = [[] for _ in files]

        async def render(number: int) -> None:
            content = files[number].content
            if isinstance(content, ProblemError):
                raise content
            pixels[number] = await self._render_patiently(documents[number], content)

        await self.process_all([(one, partial(render, number)) for number, one in enumerate(documents)])
        return build_table(documents, pixels)

    async def _render_patiently(self, document: Document, content: bytes) -> list[Pixels]:
        for attempt in range(_ATTEMPTS - 1):
            try:
                return await self._render(document, content)
            except ProblemError as problem:
                if problem.status != _OVERLOADED:
                    raise
            await asyncio.sleep(_PAUSE_S * 2**attempt)
        return await self._render(document, content)

    async def _render(self, document: Document, content: bytes) -> list[Pixels]:
        document.sha256 = hashlib.sha256(content).hexdigest()
        images = await self._renderer.render_pages(content)
        limits = self._settings.picture_limits
        document.codes = []
        pixels: list[Pixels] = []
        for number, image in enumerate(images):
            # The reader of codes takes the pixels from here.
            with decoding_shared():
                pixels.append((await decode_once(image.data, limits)).pixels)
                document.codes.append(await self._read_codes(image, number))
        document.images = [replace(image, data=b"") for image in images]
        document.sizes = [(page.shape[0], page.shape[1]) for page in pixels]
        return pixels

    async def _read_codes(self, image: PageImage, number: int) -> list[Code] | None:
        if not self._settings.reading.read_codes:
            return []
        try:
            return await self._codes.read(image, number, NO_DEADLINE_S)
        except CodesUnreadError:
            return None
