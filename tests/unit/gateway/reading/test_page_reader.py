"""Looking at illegible pages in other ways."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pytest

from gateway.documents.renderer import PageImage
from gateway.reading.page_reader import PageReader, PageReading
from gateway.reading.read_request import ReadRequest
from gateway.stages.stages import Look, Stages
from shared.contracts import Code, DetectResponse, Orientation, Page, Quad, RecognizedText, RecognizeResponse, Rotation
from shared.geometry import rotate_quads, round_quad
from shared.problems import ProblemError
from shared.service.deadline import Deadline

# An upright page with two lines of three words.
WIDTH, HEIGHT = 300, 100
BOXES = [(x, y, x + 60 + x // 10, y + 20) for y in (10, 60) for x in (10, 110, 210)]
UPRIGHT = np.array([[[a, b], [c, b], [c, d], [a, d]] for a, b, c, d in BOXES], np.float32)


@dataclass
class TurnedPageStages:
    """Stages that see a turned, perhaps mirrored page, and read it only if its corners are in the right order."""

    rotation: Rotation = 0
    mirrored: bool = False
    found: Rotation = 0
    orientation: Orientation = "auto"
    failing_calls: set[int] = field(default_factory=set)
    calls: list[object] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        return (WIDTH, HEIGHT) if self.rotation % 180 == 0 else (HEIGHT, WIDTH)

    def true_quads(self) -> np.ndarray:
        """Return the quads of the text on the page as sent, `(N, 4, 2)`."""
        quads = UPRIGHT.copy()
        if self.mirrored:
            quads[..., 0] = WIDTH - quads[..., 0]
        return rotate_quads(quads, self.rotation, WIDTH, HEIGHT)

    async def detect(self, data: bytes, media_type: str, deadline: Deadline, look: Look) -> DetectResponse:
        self._count(look.rotation)
        assumed = self.found if look.rotation is None else look.rotation
        width, height = self.size
        segments = []
        for quad in self.true_quads():
            (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
            clockwise = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
            segments.append({"quad": round_quad(np.roll(clockwise, -assumed // 90, axis=0)), "score": 0.9})
        page = {"width": width, "height": height, "rotation": assumed}
        answer = {"page": page, "segments": segments, "model": "ctpn", "orientation": self.orientation}
        return DetectResponse.model_validate(answer)

    async def recognize(self, data: bytes, media_type: str, quads: list[Quad], deadline: Deadline) -> RecognizeResponse:
        self._count(len(quads))
        true = {round_quad(quad): index for index, quad in enumerate(self.true_quads())}
        texts = [
            RecognizedText(text=f"word {true[quad]}", confidence=0.9)
            if quad in true
            else RecognizedText(text="~", confidence=0.15)
            for quad in quads
        ]
        return RecognizeResponse(texts=texts, model="crnn")

    def _count(self, call: object) -> None:
        self.calls.append(call)
        if len(self.calls) in self.failing_calls:
            raise ProblemError(503, "overloaded", "Too busy", "Try again.")


class UnreadableStages(TurnedPageStages):
    """Stages that cannot read anything."""

    async def recognize(self, data: bytes, media_type: str, quads: list[Quad], deadline: Deadline) -> RecognizeResponse:
        self._count(len(quads))
        return RecognizeResponse(texts=[RecognizedText(text="~", confidence=0.15)] * len(quads), model="crnn")


async def read(stages: TurnedPageStages, timeout_s: float = 60.0) -> PageReading:
    request = await ReadRequest.create(b"page", timeout_s=timeout_s)
    image = PageImage(b"page", "image/png", stages.size)
    return await PageReader(cast(Stages, stages)).read(request, image, 0)


@pytest.mark.parametrize("found", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
async def test_finds_the_way_in_which_a_page_is_legible(rotation: Rotation, mirrored: bool, found: Rotation) -> None:
    stages = TurnedPageStages(rotation, mirrored, found)
    reading = await read(stages)
    assert [line.text for line in reading.lines] == [f"word {index}" for index in range(6)]
    width, height = stages.size
    quality = reading.page.quality
    assert reading.page == Page(width=width, height=height, rotation=rotation, mirrored=mirrored, quality=quality)
    assert quality is not None
    assert quality.unreadable < 0.5


async def test_legible_page_is_not_read_again() -> None:
    stages = TurnedPageStages()
    await read(stages)
    assert stages.calls == [None, 6]


async def test_keeps_orientation_that_was_asked_for() -> None:
    stages = TurnedPageStages(rotation=180, orientation="upright")
    reading = await read(stages)
    assert reading.page.rotation == 0
    assert stages.calls == [None, 6]


@pytest.mark.parametrize("failing", [3, 4])
async def test_keeps_first_reading_if_stages_are_busy(failing: int) -> None:
    reading = await read(TurnedPageStages(rotation=180, failing_calls={failing}))
    assert reading.page.rotation == 0
    assert {line.text for line in reading.lines} == {"~"}


async def test_page_that_is_illegible_in_all_ways_stays_as_detected() -> None:
    stages = UnreadableStages(found=90)
    reading = await read(stages)
    assert reading.page.rotation == 90
    # All ways of the detected axis, then all of the other one; six segments each.
    assert stages.calls == [None, 6, 18, 180, 24]


async def test_many_segments_are_grouped_outside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    few = await read(TurnedPageStages())
    threads: list[int] = []

    def note_thread(quads: list[Quad], texts: list[RecognizedText]) -> tuple[list[Quad], list[RecognizedText]]:
        threads.append(threading.get_ident())
        return quads, texts

    monkeypatch.setattr("gateway.reading.page_reader._REPORT_IN_THREAD", 0)
    monkeypatch.setattr("gateway.reading.page_reader.regroup_words", note_thread)
    assert (await read(TurnedPageStages())).lines == few.lines
    assert threading.get_ident() not in threads
    assert len(threads) == 1


async def test_takes_no_further_look_without_time() -> None:
    stages = TurnedPageStages(rotation=180)
    await read(stages, timeout_s=1e-9)
    assert stages.calls == [None, 6]


class TwoCodes:
    """Finds a code on each of two receipts side by side."""

    async def read(self, image: PageImage, number: int, timeout_s: float) -> list[Code]:
        return [
            Code(quad=((x, 80), (x + 9, 80), (x + 9, 89), (x, 89)), format="qr_code", text=text)
            for x, text in ((60, "left"), (240, "right"))
        ]


async def test_each_receipt_on_a_page_has_its_codes() -> None:
    outlines: list[Quad] = [((x, 0), (x + 140, 0), (x + 140, 75), (x, 75)) for x in (0, 160)]
    request = await ReadRequest.create(b"page", timeout_s=60)
    image = PageImage(b"page", "image/png", (WIDTH, HEIGHT))
    reader = PageReader(cast(Stages, TurnedPageStages()), TwoCodes())
    codes = [
        (await reader.read(request.extract_area(0, image, index, outlines, 60), image, 0)).codes or []
        for index in (0, 1)
    ]
    assert [[code.text for code in some] for some in codes] == [["left"], ["right"]]
    assert [code.text for code in (await reader.read(request, image, 0)).codes or []] == ["left", "right"]
