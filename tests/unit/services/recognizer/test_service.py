from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx2
import numpy as np
import pytest
import torch

from services.recognizer.alphabet import Alphabet
from services.recognizer.app import create_app
from services.recognizer.decoding import Recognition
from services.recognizer.network.architecture import Architecture
from services.recognizer.network.engine import Batch
from services.recognizer.network.loading import NAME, read_weights
from services.recognizer.network.network import CRNN
from services.recognizer.predictor import Predictor, better_of
from services.recognizer.second_look import DOUBTFUL
from services.recognizer.settings import RecognizerSettings
from services.recognizer.training.evaluate import measure
from shared.inference.device import arrays_of
from shared.inference.weights import WeightsError, save_weights
from shared.learning.labels import LabeledReceipt, LabeledSegment

ALPHABET = Alphabet("AaBb 1")
TINY = Architecture(classes=7, channels=(2, 2, 3, 3, 4, 4, 5), hidden=4, layers=1, width_stretch=1.0)
BOX = [[10, 10], [90, 10], [90, 30], [10, 30]]


class BrightnessEngine:
    """Says `1` in frames that are dark and nothing in bright ones; remembers the batches it got."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, batches: Iterable[Batch]) -> Iterator[np.ndarray]:
        return (self._run(batch.pictures) for batch in batches)

    def _run(self, images: np.ndarray) -> np.ndarray:
        self.shapes.append(images.shape)
        frames = images[:, 0].mean(axis=1).reshape(len(images), -1, 4).mean(axis=2)
        logits = np.zeros((*frames.shape, ALPHABET.classes), np.float32)
        logits[..., 0] = 10 * frames
        logits[..., 6] = -10 * frames
        return logits


def predictor(engine: BrightnessEngine, **options: Any) -> Predictor:
    return Predictor(engine, TINY, ALPHABET, version="crnn-test", **options)


def bars(count: int, width: int = 200) -> np.ndarray:
    crop = np.full((32, width), 255, np.uint8)
    for index in range(count):
        crop[:, 16 + 32 * index : 32 + 32 * index] = 0
    return crop


def test_texts_come_in_the_order_of_the_crops() -> None:
    engine = BrightnessEngine()
    crops = [bars(5), bars(1, 64), np.zeros((0, 0), np.uint8), bars(3), cv2.merge([bars(2)] * 3)]
    texts = [one.text for one in predictor(engine).recognize(crops)]
    assert texts == ["11111", "1", "", "111", "11"]
    assert sorted(shape[0] for shape in engine.shapes) == [1, 3]  # one batch a bucket


def test_batches_are_bounded() -> None:
    engine = BrightnessEngine()
    assert len(predictor(engine, max_batch=4).recognize([bars(2)] * 10)) == 10
    assert [shape[0] for shape in engine.shapes] == [4, 4, 2]


def test_nothing_to_read_runs_no_network() -> None:
    engine = BrightnessEngine()
    assert predictor(engine).recognize([]) == []
    assert predictor(engine).recognize([np.zeros((0, 0), np.uint8)]) == [Recognition("", 0.0)]
    assert engine.shapes == []


def test_a_long_crop_is_squeezed_to_the_limit() -> None:
    engine = BrightnessEngine()
    predictor(engine, max_width=256).recognize([np.full((32, 9000), 255, np.uint8)])
    assert engine.shapes == [(1, 1, 32, 256)]


def test_text_on_its_side_is_turned() -> None:
    engine = BrightnessEngine()
    turned = np.ascontiguousarray(np.rot90(bars(4), k=1))
    assert [one.text for one in predictor(engine).recognize([turned])] == ["1111"]


class DoubtfulEngine(BrightnessEngine):
    """As `BrightnessEngine`, but the first time all is doubtful, and more is seen than is there."""

    def _run(self, images: np.ndarray) -> np.ndarray:
        first = not self.shapes
        logits = super()._run(images)
        if first:
            logits[:, 1] = 0.0
            logits[:, 1, 6] = 2.0
        return logits


def test_a_doubtful_crop_is_looked_at_again() -> None:
    engine = DoubtfulEngine()
    (once,) = predictor(engine).recognize([bars(3)])
    assert (once.text, once.confidence < DOUBTFUL) == ("1111", True)
    engine = DoubtfulEngine()
    (voted,) = predictor(engine, second_look=True).recognize([bars(3)])
    assert voted.text == "111"
    assert 0.3 < voted.confidence < 0.9  # two of three readings, both of them sure
    assert sum(shape[0] for shape in engine.shapes) == 3


def test_what_is_read_beyond_doubt_or_empty_is_read_once() -> None:
    engine = BrightnessEngine()
    predictor(engine, second_look=True).recognize([bars(3), np.full((32, 64), 255, np.uint8)])
    assert sum(shape[0] for shape in engine.shapes) == 2


def test_a_turned_crop_is_looked_at_as_it_was_turned() -> None:
    engine = BrightnessEngine()
    reader = predictor(engine, second_look=True)
    crops = [np.ascontiguousarray(np.rot90(bars(4), k=1))]
    results = reader._read(crops)
    reader._turn(crops, results)
    assert crops[0].shape == (32, 200)
    assert results[0].text == "1111"


def test_a_narrow_character_is_not_turned() -> None:
    colon, dashes = Recognition(":", 0.6), Recognition("..", 0.99)
    assert better_of(colon, dashes) is colon
    assert better_of(Recognition("TOTAL", 0.7), Recognition("IIIII", 0.75)).text == "TOTAL"
    assert better_of(Recognition("-I", 0.2), Recognition("TOTAL", 0.9)).text == "TOTAL"
    assert better_of(Recognition("", 0.99), Recognition("TOTAL", 0.9)).text == "TOTAL"
    assert better_of(Recognition("", 0.99), Recognition("TIL", 0.4)).text == ""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(
        tmp_path,
        arrays_of(CRNN(TINY).state_dict()),
        name=NAME,
        architecture=TINY.to_dict(),
        alphabet=ALPHABET.characters,
        training={},
        measures={},
    )
    return tmp_path


def test_reading_does_not_depend_on_the_neighbors(weights: Path) -> None:
    reader = Predictor.load(RecognizerSettings(weights=weights, device="cpu", threads=1, language="off"))
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 255, (40, width), dtype=np.uint8) for width in (40, 55, 90, 91, 140)]
    together = reader.recognize(crops)
    for crop, expected in zip(crops, together, strict=True):
        (alone,) = reader.recognize([crop])
        assert alone.confidence == pytest.approx(expected.confidence, rel=0.05)


@pytest.mark.parametrize(("setting", "looks"), [("on", True), ("off", False)])
def test_the_version_tells_of_the_second_look(weights: Path, setting: Any, looks: bool) -> None:
    settings = RecognizerSettings(weights=weights, device="cpu", threads=1, language="off", second_look=setting)
    assert ("+look" in Predictor.load(settings).version) is looks


def test_weights_that_do_not_fit_are_refused(weights: Path) -> None:
    path = weights / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "alphabet": "AB"}))
    with pytest.raises(WeightsError, match="contradicts"):
        read_weights(weights)
    path.write_text(json.dumps({**manifest, "architecture": {**manifest["architecture"], "heads": 2}}))
    with pytest.raises(WeightsError, match="heads"):
        read_weights(weights)


@pytest.fixture
async def client(weights: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(RecognizerSettings(weights=weights, device="cpu", threads=1, language="off", max_quads=5))
    transport = httpx2.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://t") as http:
        yield http


def page() -> bytes:
    return cv2.imencode(".png", np.full((100, 200, 3), 255, np.uint8))[1].tobytes()


async def post(client: httpx2.AsyncClient, quads: object) -> httpx2.Response:
    text = quads if isinstance(quads, str) else json.dumps(quads)
    return await client.post("/v1/recognize", files={"file": ("p", page(), "image/png")}, data={"quads": text})


async def test_the_service_answers_quads_in_order(client: httpx2.AsyncClient) -> None:
    ready = (await client.get("/readyz")).json()
    assert ready["status"] == "ready"
    answer = await post(client, [BOX, [[5, 5]] * 4, BOX])
    assert answer.status_code == 200
    body = answer.json()
    assert body["model"] == ready["model"]
    assert len(body["texts"]) == 3
    assert body["texts"][1] == {"text": "", "confidence": 0.0}
    assert body["texts"][0] == body["texts"][2]


async def test_the_service_reads_no_quads_and_a_whole_picture(client: httpx2.AsyncClient) -> None:
    assert (await post(client, [])).json()["texts"] == []
    answer = await client.post("/v1/recognize", content=page(), headers={"Content-Type": "image/png"})
    assert len(answer.json()["texts"]) == 1


@pytest.mark.parametrize(
    ("quads", "status", "part"),
    [
        ("[[[", 422, "JSON"),
        ("[[[NaN, 0], [1, 0], [1, 1], [0, 1]]]", 422, "NaN"),
        ("[" * 100_000, 422, "JSON"),
        ({"a": 1}, 422, "object"),
        ([BOX, BOX[:3]], 422, "Quad 1 "),
        ([BOX, BOX, [*BOX[:3], [1]]], 422, "Quad 2 "),
        ([[*BOX[:3], [1, "2"]]], 422, "Quad 0 "),
        ([[*BOX[:3], [1, True]]], 422, "not a number"),
        ([[*BOX[:3], [1, 1e300]]], 422, "Quad 0 "),
        ([BOX, [[x + 500, y] for x, y in BOX]], 422, "outside the picture of 200 x 100"),
        ([BOX] * 6, 413, "maximum per request is 5"),
    ],
)
async def test_wrong_quads_are_named(client: httpx2.AsyncClient, quads: object, status: int, part: str) -> None:
    answer = await post(client, quads)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert part in answer.json()["detail"]
    assert (await post(client, [BOX])).status_code == 200


async def test_the_schema_tells_of_quads(client: httpx2.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    body = schema["paths"]["/v1/recognize"]["post"]["requestBody"]["content"]
    assert "quads" in body["multipart/form-data"]["schema"]["properties"]


def test_measures_of_task_2() -> None:
    quad = np.zeros((4, 2), np.float32)
    segments = (LabeledSegment(quad, "TAN WOON"), LabeledSegment(quad, "RM 9.00"))
    receipt = LabeledReceipt("a", Path("a.jpg"), segments, {})
    result = measure([receipt], [[Recognition("Tan Woon", 0.9), Recognition("RM 9.08 X", 0.5)]])
    assert result["recall"] == pytest.approx(3 / 4)
    assert result["precision"] == pytest.approx(3 / 5)
    assert result["cer"] == pytest.approx(3 / 15)
