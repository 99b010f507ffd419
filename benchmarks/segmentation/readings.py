"""Readings of labeled receipts before their words are grouped, kept in a file, because reading takes long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from services.detector.predictor import Predictor as Detector
from services.recognizer.crops import cut_segments
from services.recognizer.predictor import Predictor as Recognizer
from shared.contracts import Quad, RecognizedText
from shared.geometry import round_quad
from shared.learning.dataset import load_split, pick_evenly
from shared.learning.labels import LabeledReceipt
from shared.reading_order import reading_order


class Reading(BaseModel):
    """The segments of one receipt in reading order, as the detector found them, and their texts."""

    key: str
    quads: list[Quad]
    texts: list[RecognizedText]


@dataclass(frozen=True)
class ReadReceipt:
    """A labeled receipt, and what was read on it."""

    labeled: LabeledReceipt
    reading: Reading


def load_readings(data: Path, split: str, file: Path, count: int | None = None) -> list[ReadReceipt]:
    """Return the readings of a split; read what the file does not have yet, and add it.

    Args:
        data: Data set in the layout of SROIE or WildReceipt.
        split: Its split.
        file: JSON lines.
        count: Maximum number of receipts, spread over the split; None for all.
    """
    receipts: Sequence[LabeledReceipt] = load_split(data, split)
    receipts = receipts if count is None else pick_evenly(receipts, count)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    readings = {one.key: one for one in map(Reading.model_validate_json, lines)}
    missing = [receipt for receipt in receipts if receipt.key not in readings]
    if missing:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as stream:
            for reading in _read(missing):
                readings[reading.key] = reading
                stream.write(reading.model_dump_json() + "\n")
                stream.flush()
    return [ReadReceipt(receipt, readings[receipt.key]) for receipt in receipts]


def _read(receipts: Sequence[LabeledReceipt]) -> Iterator[Reading]:
    detector, recognizer = Detector.load(), Recognizer.load()
    for receipt in receipts:
        image = receipt.read_image()
        found = detector.predict([image])[0].quads
        quads = [found[index] for index in reading_order(found)]
        texts = [
            RecognizedText(text=one.text, confidence=one.confidence, gaps=list(one.gaps))
            for one in recognizer.recognize(cut_segments(image, quads))
        ]
        yield Reading(key=receipt.key, quads=[round_quad(quad) for quad in quads], texts=texts)
