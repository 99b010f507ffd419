"""Tests of the recognizer without HTTP, with engines that know the answer in place of the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from services.recognizer.decoding import Recognition
from services.recognizer.network.engine import Batch
from services.recognizer.predictor import Predictor, choose_reading
from services.recognizer.second_look import DOUBTFUL_CONFIDENCE
from services.recognizer.settings import RecognizerSettings
from tests.support.tiny_recognizer import ALPHABET, ARCHITECTURE, write_weights

BOX = [[10, 10], [90, 10], [90, 30], [10, 30]]


class BrightnessEngine:
    """Engine that reads `1` in dark frames and nothing in bright ones, and keeps the shapes of its batches."""

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


def build_predictor(engine: BrightnessEngine, **options: Any) -> Predictor:
    return Predictor(engine, ARCHITECTURE, ALPHABET, version="crnn-test", **options)


def draw_bars(count: int, width: int = 200) -> np.ndarray:
    crop = np.full((32, width), 255, np.uint8)
    for index in range(count):
        crop[:, 16 + 32 * index : 32 + 32 * index] = 0
    return crop


def test_texts_are_in_order_of_crops() -> None:
    engine = BrightnessEngine()
    crops = [draw_bars(5), draw_bars(1, 64), np.zeros((0, 0), np.uint8), draw_bars(3), cv2.merge([draw_bars(2)] * 3)]
    texts = [one.text for one in build_predictor(engine).recognize(crops)]
    assert texts == ["11111", "1", "", "111", "11"]
    # One batch per bucket.
    assert sorted(shape[0] for shape in engine.shapes) == [1, 3]


def test_batches_are_bounded() -> None:
    engine = BrightnessEngine()
    assert len(build_predictor(engine, max_batch=4).recognize([draw_bars(2)] * 10)) == 10
    assert [shape[0] for shape in engine.shapes] == [4, 4, 2]


def test_does_not_run_network_without_crops() -> None:
    engine = BrightnessEngine()
    assert build_predictor(engine).recognize([]) == []
    assert build_predictor(engine).recognize([np.zeros((0, 0), np.uint8)]) == [Recognition("", 0.0)]
    assert engine.shapes == []


def test_squeezes_long_crop_to_limit() -> None:
    engine = BrightnessEngine()
    build_predictor(engine, max_width=256).recognize([np.full((32, 9000), 255, np.uint8)])
    assert engine.shapes == [(1, 1, 32, 256)]


def test_turns_text_on_its_side() -> None:
    engine = BrightnessEngine()
    turned = np.ascontiguousarray(np.rot90(draw_bars(4), k=1))
    assert [one.text for one in build_predictor(engine).recognize([turned])] == ["1111"]


class DoubtfulEngine(BrightnessEngine):
    """Engine like `BrightnessEngine`, whose first reading is uncertain and has a character too many."""

    def _run(self, images: np.ndarray) -> np.ndarray:
        first = not self.shapes
        logits = super()._run(images)
        if first:
            logits[:, 1] = 0.0
            logits[:, 1, 6] = 2.0
        return logits


def test_reads_uncertain_crop_again() -> None:
    engine = DoubtfulEngine()
    (once,) = build_predictor(engine).recognize([draw_bars(3)])
    assert (once.text, once.confidence < DOUBTFUL_CONFIDENCE) == ("1111", True)
    engine = DoubtfulEngine()
    (voted,) = build_predictor(engine, second_look=True).recognize([draw_bars(3)])
    assert voted.text == "111"
    # Two of three readings agree with certainty.
    assert 0.3 < voted.confidence < 0.9
    assert sum(shape[0] for shape in engine.shapes) == 3


def test_reads_certain_and_empty_crops_once() -> None:
    engine = BrightnessEngine()
    build_predictor(engine, second_look=True).recognize([draw_bars(3), np.full((32, 64), 255, np.uint8)])
    assert sum(shape[0] for shape in engine.shapes) == 2


def test_second_look_uses_turned_crop() -> None:
    engine = BrightnessEngine()
    reader = build_predictor(engine, second_look=True)
    crops = [np.ascontiguousarray(np.rot90(draw_bars(4), k=1))]
    results = reader._read(crops)
    reader._read_turned(crops, results)
    assert crops[0].shape == (32, 200)
    assert results[0].text == "1111"


def test_does_not_turn_narrow_character() -> None:
    colon, dashes = Recognition(":", 0.6), Recognition("..", 0.99)
    assert choose_reading(colon, dashes) is colon
    assert choose_reading(Recognition("TOTAL", 0.7), Recognition("IIIII", 0.75)).text == "TOTAL"
    assert choose_reading(Recognition("-I", 0.2), Recognition("TOTAL", 0.9)).text == "TOTAL"
    assert choose_reading(Recognition("", 0.99), Recognition("TOTAL", 0.9)).text == "TOTAL"
    assert choose_reading(Recognition("", 0.99), Recognition("TIL", 0.4)).text == ""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return write_weights(tmp_path)


def test_reading_does_not_depend_on_neighbors(weights: Path) -> None:
    reader = Predictor.load(RecognizerSettings(weights=weights, device="cpu", threads=1, language="off"))
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 255, (40, width), dtype=np.uint8) for width in (40, 55, 90, 91, 140)]
    together = reader.recognize(crops)
    for crop, expected in zip(crops, together, strict=True):
        (alone,) = reader.recognize([crop])
        assert alone.confidence == pytest.approx(expected.confidence, rel=0.05)


@pytest.mark.parametrize(("setting", "looks"), [("on", True), ("off", False)])
def test_version_includes_second_look(weights: Path, setting: Any, looks: bool) -> None:
    settings = RecognizerSettings(weights=weights, device="cpu", threads=1, language="off", second_look=setting)
    assert ("+look" in Predictor.load(settings).version) is looks
