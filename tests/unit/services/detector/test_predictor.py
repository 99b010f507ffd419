"""Test the detector with and without HTTP, with an engine that knows the answer in place of the network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import httpx2
import numpy as np
import pytest

from services.detector.anchors import build_targets
from services.detector.app import create_app, to_response
from services.detector.joining import JoiningSettings
from services.detector.network.architecture import STRIDE, Architecture
from services.detector.network.engine import Activations
from services.detector.predictor import COMMON_SIZES, Detection, Predictor, clip_detection
from services.detector.preparation import choose_length
from services.detector.settings import DetectorSettings
from shared.inference.weights import WeightsError

ARCHITECTURE = Architecture()


class Oracle:
    """Engine that detects dark bars as a perfectly trained network would."""

    def __init__(self, *, batches_by_size: bool = True) -> None:
        self.batches_by_size = batches_by_size
        self.runs: list[list[tuple[int, ...]]] = []

    @property
    def sizes(self) -> list[tuple[int, ...]]:
        """Sizes of all pages so far."""
        return [size for run in self.runs for size in run]

    def __call__(self, pages: Sequence[np.ndarray]) -> Iterator[Activations]:
        self.runs.append([page.shape for page in pages])
        return map(self._page, pages)

    def _page(self, page: np.ndarray) -> Activations:
        ink = cv2.morphologyEx((page < 128).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(ink)
        quads = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h, _ in stats[1:] if w > 20]
        rows, columns = page.shape[0] // STRIDE, page.shape[1] // STRIDE
        targets = build_targets(
            np.array(quads, np.float32).reshape(-1, 4, 2), rows, columns, ARCHITECTURE.anchor_heights
        )
        probability = np.where(targets.labels == 1, 0.97, 0.01).astype(np.float32)
        return Activations(probability, targets.vertical, targets.side)


def draw(scale: int = 1, squash: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Draw a page of three rows of strokes like characters; return it with the boxes of the rows."""
    image = np.full((300 * scale, 420 * scale, 3), 240, np.uint8)
    boxes = []
    for y in (60, 120, 180):
        for x in range(60, 200, 8):
            cv2.rectangle(image, (x * scale, y * scale), ((x + 4) * scale, (y + 14 // squash) * scale), (0, 0, 0), -1)
        boxes.append((60, y, 200, y + 14 // squash))
    return image, np.array(boxes, np.float32) * scale


def predictor(oracle: Oracle, **settings: object) -> Predictor:
    return Predictor(
        oracle,
        ARCHITECTURE,
        version="ctpn-test",
        settings=DetectorSettings(**settings),  # type: ignore[arg-type]
        joining=JoiningSettings(grow=(0.0, 0.0, 0.0, 0.0)),
    )


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_segments_are_in_pixels_of_page(scale: int) -> None:
    image, boxes = draw(scale)
    (detection,) = predictor(Oracle()).predict([image])
    order = np.argsort(detection.quads[:, 0, 1])
    found = np.concatenate([detection.quads[order, 0], detection.quads[order, 2]], axis=1)
    assert found == pytest.approx(boxes, abs=3 * scale)
    assert detection.rotation == 0


def test_batches_pages_of_one_size_and_keeps_order() -> None:
    oracle = Oracle()
    small, large = draw(1)[0], draw(3)[0]
    blank = np.full((100, 100, 3), 255, np.uint8)
    found = predictor(oracle, max_batch=2).predict([small, blank, large, small, small])
    assert [len(detection.scores) for detection in found] == [3, 0, 3, 3, 3]
    assert found[2].quads.max() > found[0].quads.max() * 2
    assert [len(run) for run in oracle.runs] == [2, 2]
    assert oracle.sizes == sorted(oracle.sizes)


@pytest.mark.parametrize("batches_by_size", [True, False])
def test_engine_decides_whether_batches_mix_sizes(batches_by_size: bool) -> None:
    detector = predictor(Oracle(batches_by_size=batches_by_size))
    pages = [detector.prepare(draw(1)[0]), detector.prepare(np.tile(draw(1)[0], (3, 1, 1)))]
    groups = {detector.group(page) for page in pages if page is not None}
    assert len(groups) == (2 if batches_by_size else 1)


def test_recomputes_page_at_wrong_scale() -> None:
    oracle = Oracle()
    detector = predictor(oracle)
    image, _ = draw(1)
    page = detector.prepare(image)
    assert page is not None
    detector.detect([page])
    assert len(oracle.sizes) == 1
    from services.detector.preparation import PreparationSettings, scale_page

    wrong = scale_page(page.source, page.offset, page.page_size, page.scale[1] * 2.5, PreparationSettings())
    (detection,) = detector.detect([wrong])
    assert len(oracle.sizes) == 3
    assert oracle.sizes[2][0] < oracle.sizes[1][0]
    assert len(detection.scores) == 3


def test_quads_are_on_page() -> None:
    image, _ = draw(1)
    # Cuts into the first row and the first strokes.
    cut = np.ascontiguousarray(image[62:, 65:])
    (detection,) = predictor(Oracle()).predict([cut])
    assert detection.quads.min() >= 0
    assert (detection.quads.max(axis=(0, 1)) <= (cut.shape[1], cut.shape[0])).all()


def test_drops_segments_outside_of_page() -> None:
    quads = np.array([[(90, 5), (130, 5), (130, 9), (90, 9)], [(101, 5), (130, 5), (130, 9), (101, 9)]], np.float32)
    kept = clip_detection(Detection(quads, np.array([0.8, 0.9], np.float32)), (100, 50))
    assert kept.quads.tolist() == [[[90, 5], [100, 5], [100, 9], [90, 9]]]
    assert kept.scores.tolist() == pytest.approx([0.8])


def test_response_is_rounded() -> None:
    quads = np.array([[(1.26, 2), (10, 2), (10, 9), (1.26, 9)]], np.float32)
    answer = to_response(Detection(quads, np.array([0.98761], np.float32)), 20, 10, "ctpn-test")
    assert answer.segments[0].quad[0] == (1.3, 2.0)
    assert answer.segments[0].score == pytest.approx(0.9876)
    assert (answer.page.width, answer.page.height, answer.page.rotation) == (20, 10, 0)


def test_error_for_missing_weights_names_manifest(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="manifest"):
        Predictor.load(DetectorSettings(weights=tmp_path))


@asynccontextmanager
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    monkeypatch.setattr(Predictor, "load", lambda settings: predictor(Oracle()))
    app = create_app(DetectorSettings(max_side=2000))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://detector") as one:
            yield one


def png(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


async def test_detects_segments_of_posted_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    image, _ = draw(2)
    async with client(monkeypatch) as http:
        form = await http.post("/v1/detect", files={"file": ("a.png", png(image), "image/png")})
        body = await http.post("/v1/detect", content=png(image), headers={"content-type": "image/png"})
    assert form.status_code == 200
    assert form.json() == body.json()
    assert form.json()["model"] == "ctpn-test"
    assert form.json()["page"] == {"width": 840, "height": 600, "rotation": 0}
    assert len(form.json()["segments"]) == 3


async def test_a_blank_page_has_no_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    async with client(monkeypatch) as http:
        answer = await http.post("/v1/detect", content=png(np.full((200, 100, 3), 255, np.uint8)))
    assert answer.status_code == 200
    assert answer.json()["segments"] == []


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"not a picture", 415),
        (png(draw(1)[0])[:300], 422),
        (png(np.zeros((1, 1, 3), np.uint8)), 422),
        (png(np.zeros((10, 2001, 3), np.uint8)), 413),
    ],
)
async def test_rejects_bad_pictures_and_keeps_serving(
    monkeypatch: pytest.MonkeyPatch, content: bytes, status: int
) -> None:
    async with client(monkeypatch) as http:
        answer = await http.post("/v1/detect", content=content, headers={"content-type": "image/png"})
        again = await http.post("/v1/detect", content=png(draw(1)[0]), headers={"content-type": "image/png"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert again.status_code == 200


def test_warm_up_runs_common_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    oracle = Oracle()
    predictor(oracle).warm_up()
    sizes = [(64, 64), *COMMON_SIZES]
    assert oracle.sizes == sizes
    assert all(choose_length(side) == side for size in COMMON_SIZES for side in size)
    monkeypatch.setattr("services.detector.predictor._WARM_UP_S", 0.0)
    oracle.runs.clear()
    predictor(oracle).warm_up()
    assert len(oracle.sizes) == 1
