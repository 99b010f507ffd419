"""The first stage, on CPUs: read files, render documents, and decode pages in processes that can be killed."""

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
from bulk.stages.stage import Stage
from bulk.units import units_from_table
from gateway.documents.limits import DocumentLimits
from gateway.documents.renderer import Renderer
from gateway.settings import GatewaySettings
from shared.arrays import Pixels
from shared.pictures.memory import decode_once, open_decoders
from shared.problems import ProblemError

# Files in memory at once; their pixels leave as blocks.
_AT_ONCE = 16
# The machine is out of processes or memory for a moment.
_ATTEMPTS = 4
_PAUSE_S = 1.0
_OVERLOADED = 503


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
            timeout_s=reading.render_timeout_s,
            max_processes=reading.decode_workers,
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
        pixels = [(await decode_once(image.data, limits)).pixels for image in images]
        document.images = [replace(image, data=b"") for image in images]
        document.sizes = [(page.shape[0], page.shape[1]) for page in pixels]
        return pixels
