"""One receipt through the chain: decode, detect, recognize, extract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.cache import Content
from gateway.reading_order import reading_order
from gateway.stage_problems import answered_wrongly, deadline_passed, too_much_text
from gateway.stages import Deadline, Stages
from shared.contracts import (
    DetectResponse,
    ExtractRequest,
    Fields,
    Line,
    Models,
    Orientation,
    PageSize,
    Quad,
    Receipt,
    Timings,
)
from shared.pictures import PictureLimits, decode_picture

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp"}
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
            self._milliseconds[stage] = (time.perf_counter() - start) * 1000

    def timings(self) -> Timings:
        return Timings(**{stage: round(ms, 1) for stage, ms in self._milliseconds.items()})


class Pipeline:
    """Reads receipts by asking the stages one after the other.

    Args:
        stages: The clients.
        limits: What pictures are taken.
        timeout_s: Longest time for one receipt.
        decode_workers: Most pictures decoded at once.
    """

    def __init__(self, stages: Stages, *, limits: PictureLimits, timeout_s: float, decode_workers: int) -> None:
        self._stages = stages
        self._limits = limits
        self._timeout_s = timeout_s
        self._decoding = asyncio.Semaphore(decode_workers)

    async def read(
        self, data: bytes, content: Content, models: Models, orientation: Orientation | None = None
    ) -> Receipt:
        """Reads one receipt.

        Args:
            data: The picture: JPEG, PNG or WebP.
            content: Its identity.
            models: Versions of the models as last heard; a stage that answers tells its own.
            orientation: Whether turned pages are looked for; as the detector is set if left out.

        Returns:
            The receipt, its lines in reading order.

        Raises:
            ProblemError: 4xx if the picture cannot be read, 502 to 504 naming the stage that did not do its part.
        """
        deadline = Deadline(self._timeout_s)
        watch = _Stopwatch()
        with watch.time("decode"):
            size, media_type = await self._decode(data, deadline)
        with watch.time("detect"):
            detected = await self._stages.detect(data, media_type, deadline, orientation)
        quads = _quads(detected, size)
        used = {"detector": detected.model}
        lines: list[Line] = []
        if quads:
            with watch.time("recognize"):
                recognized = await self._stages.recognize(data, media_type, quads, deadline)
            used["recognizer"] = recognized.model
            lines = [
                Line(quad=quad, text=read.text, confidence=read.confidence)
                for quad, read in zip(quads, recognized.texts, strict=True)
                if read.text.strip()  # what looked like text but holds none says nothing to anybody
            ]
        fields = Fields()
        if lines:
            with watch.time("extract"):
                extracted = await self._stages.extract(ExtractRequest(pages=[size], lines=lines), deadline)
            used["extractor"] = extracted.model
            fields = extracted.fields
        return Receipt(
            id=content.id,
            pages=[detected.page],
            fields=fields,
            lines=lines,
            models=models.model_copy(update=used),
            timings_ms=watch.timings(),
        )

    async def _decode(self, data: bytes, deadline: Deadline) -> tuple[PageSize, str]:
        """Decodes a picture outside the event loop; gives its size as it is seen, in pixels, and its media type.

        A picture that cannot be decoded is refused here, before it costs a stage anything.
        """
        try:
            async with asyncio.timeout(deadline.remaining()), self._decoding:
                picture = await asyncio.to_thread(decode_picture, data, self._limits)
        except TimeoutError as error:
            raise deadline_passed("decoder", deadline.seconds) from error
        return PageSize(width=picture.width, height=picture.height), _MEDIA_TYPES[picture.format]


def _quads(detected: DetectResponse, size: PageSize) -> list[Quad]:
    """Gives the segments found in reading order, once it is certain that they lie on the page that was sent."""
    page = detected.page
    if (page.width, page.height) != (size.width, size.height):
        raise answered_wrongly(
            "detector", f"it saw {page.width}x{page.height} pixels in a picture of {size.width}x{size.height}"
        )
    if len(detected.segments) > _MOST_LINES:
        found = f"{len(detected.segments):,} segments were found; at most {_MOST_LINES:,} are accepted."
        raise too_much_text("extractor", found)
    # A segment at the very edge may have nothing left of it on the page; it must not cost the others their reader.
    quads = [segment.quad for segment in detected.segments if _meets(segment.quad, size)]
    return [quads[index] for index in reading_order(quads)]


def _meets(quad: Quad, size: PageSize) -> bool:
    xs, ys = [x for x, _ in quad], [y for _, y in quad]
    return min(xs) < min(max(xs), size.width) and max(xs) > 0 and min(ys) < min(max(ys), size.height) and max(ys) > 0
