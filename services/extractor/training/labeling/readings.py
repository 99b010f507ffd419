"""Readings of labeled receipts by the whole chain, with the labels transferred to them.

Training on them shows the extractor the mistakes that it will meet. `quittance evaluate --split train --predictions
FILE` writes them. A label belongs to a place on the page, so each segment of a reading takes the labels of the labeled
segments below it, character by character along the cheapest alignment of both texts (Levenshtein, 1966). Serving code
never imports this module.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from services.extractor.encoding import TextSegment
from services.extractor.training.labeling.fields import LabeledText
from shared.arrays import Floats
from shared.learning.labels import LabeledSegment

# Minimum overlap of two boxes, as shares of the smaller height and width.
_SHARED_HEIGHT, _SHARED_WIDTH = 0.5, 0.4


@dataclass(frozen=True)
class Reading:
    """What the whole chain read on one copy of a receipt.

    Attributes:
        labeled: The labeled segments, in pixels of the copy.
        read: The segments of the reading.
    """

    labeled: list[LabeledSegment]
    read: list[TextSegment]


def load_readings(path: Path) -> dict[str, Reading]:
    """Load the readings in a file, by key; receipts that the chain refused are left out.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not what `quittance evaluate --predictions` writes; the message names the line.
    """
    found = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
                if record["receipt"]:
                    found[record["key"]] = _reading(record)
            except (KeyError, TypeError, json.JSONDecodeError) as error:
                raise ValueError(f"{path}, line {number}, is not a record of an evaluation: {error!r}") from error
    return found


def transfer(labeled: Sequence[LabeledText], read: Sequence[TextSegment], background: int = 0) -> list[LabeledText]:
    """Transfer the labels of labeled segments to the segments read in the same places.

    Args:
        labeled: Labeled segments in reading order.
        read: Segments of a reading of the same page.
        background: Label of text away from all labeled segments.

    Returns:
        The segments of the reading with labels, in the same order.
    """
    boxes = [_box(segment.quad) for segment in labeled]
    return [_transfer_to(segment, labeled, boxes, background) for segment in read]


def _reading(record: dict[str, Any]) -> Reading:
    labeled = [LabeledSegment(_quad(one["quad"]), one["text"]) for one in record["labels"]]
    lines = record["receipt"]["lines"]
    read = [TextSegment(_quad(one["quad"]), one["text"], one["page"], one["confidence"]) for one in lines]
    return Reading(labeled, read)


def _transfer_to(
    segment: TextSegment, labeled: Sequence[LabeledText], boxes: Sequence[Floats], background: int
) -> LabeledText:
    own = _box(segment.quad)
    under = [i for i, box in enumerate(boxes) if _overlap(own, box, 1) > _SHARED_HEIGHT]
    under = [i for i in under if _overlap(own, boxes[i], 0) > _SHARED_WIDTH]
    under.sort(key=lambda i: float(boxes[i][0]))
    text, classes = "", list[int]()
    for i in under:
        if text:
            text += " "
            classes.append(classes[-1] if classes[-1] == labeled[i].labels[0] else background)
        text += labeled[i].text
        classes += labeled[i].labels.tolist()
    return LabeledText(
        segment.quad, segment.text, _aligned(text, classes, segment.text, background), segment.confidence
    )


def _aligned(source: str, classes: Sequence[int], read: str, background: int) -> npt.NDArray[np.int64]:
    """Return the labels of the characters read; an inserted character takes the label of the one before it."""
    labels = np.full(len(read), background, np.int64)
    if not source or not read:
        return labels
    for operation in Levenshtein.opcodes(_capitals(source), _capitals(read)):
        place = slice(operation.dest_start, operation.dest_end)
        if operation.tag == "insert":
            labels[place] = classes[max(operation.src_start - 1, 0)]
        elif operation.tag != "delete":
            labels[place] = classes[operation.src_start : operation.src_end]
    return labels


def _capitals(text: str) -> str:
    """Return a text in upper case with every character in its place."""
    return "".join(character.upper()[:1] for character in text)


def _overlap(first: Floats, second: Floats, axis: int) -> float:
    """Return the overlap of two boxes along an axis as a share of the smaller length."""
    low = max(float(first[axis]), float(second[axis]))
    high = min(float(first[axis + 2]), float(second[axis + 2]))
    least = min(float(box[axis + 2] - box[axis]) for box in (first, second))
    return (high - low) / max(least, 1.0)


def _box(quad: Floats) -> Floats:
    return np.concatenate([quad.min(axis=0), quad.max(axis=0)])


def _quad(points: Sequence[Sequence[float]]) -> Floats:
    return np.array(points, np.float32)
