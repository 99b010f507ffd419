"""What the whole chain read on labeled receipts, with the labels put to it. The extractor learns from it.

So it meets the mistakes that it will be given. Never imported by code that serves requests.

The readings are those that `quittance evaluate --split train --predictions FILE` writes. A label belongs to a place on
the paper, so each segment read takes the classes of the labeled segments that lie under it, character by character
along the cheapest alignment of both texts (Levenshtein, 1966).
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

# Of the smaller of two boxes, so much of the height and of the width must be shared.
_SHARED_HEIGHT, _SHARED_WIDTH = 0.5, 0.4


@dataclass(frozen=True)
class Reading:
    """What the whole chain read on one copy of a receipt. `labeled`: what is printed on that copy, in its pixels."""

    labeled: list[LabeledSegment]
    read: list[TextSegment]


def load_readings(path: Path) -> dict[str, Reading]:
    """Read what the whole chain read on labeled receipts, by key: the labeled segments and those that were read.

    A receipt that the chain refused is left out.

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
    """Put the classes of labeled segments to the segments that were read in their places.

    Args:
        labeled: Segments as labeled, in reading order.
        read: Segments as read, of the same page.
        background: Label of what is not on any labeled segment.

    Returns:
        One for each that was read, in the same order.
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
    """Classes of the characters read: of those they stand for, or, if they stand for none, of the ones before them."""
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
    """Upper case, every character in its place."""
    return "".join(character.upper()[:1] for character in text)


def _overlap(first: Floats, second: Floats, axis: int) -> float:
    """The length that two boxes share along an axis over the smaller of their lengths there."""
    low = max(float(first[axis]), float(second[axis]))
    high = min(float(first[axis + 2]), float(second[axis + 2]))
    least = min(float(box[axis + 2] - box[axis]) for box in (first, second))
    return (high - low) / max(least, 1.0)


def _box(quad: Floats) -> Floats:
    return np.concatenate([quad.min(axis=0), quad.max(axis=0)])


def _quad(points: Sequence[Sequence[float]]) -> Floats:
    return np.array(points, np.float32)
