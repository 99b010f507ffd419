"""Read receipts without labels whose text several readers agree on.

Pictures without labels become training samples where independent readers read the same text at the same place
("co-training", Blum and Mitchell, 1998). A data set is a folder with pictures `KEY.webp`, and beside the folder one
file `FOLDER_READER.jsonl` per reader: JSON Lines with `key` and `segments` (`quad`, `text`, `confidence`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from shared.learning.labels import DatasetError, LabeledReceipt, LabeledSegment
from shared.measures.deteval import match_by_iou

# Share of common area at which segments of two readers are the same.
_MIN_OVERLAP = 0.6
# Readings of which every reader is less sure are not labels.
_MIN_CONFIDENCE = 0.8


# What one reader found on a picture: segments, and how sure it is of the text of each, 0 to 1.
Reading = Sequence[tuple[LabeledSegment, float]]


def load_agreed_receipts(folder: Path) -> list[LabeledReceipt]:
    """Read the pictures of a folder with the segments that all readers agree on.

    The texts have case; readers sometimes drop spaces, so they count as not spaced. Segments that they dispute are
    `ignored`.

    Args:
        folder: Pictures, with the files of the readers beside it.

    Raises:
        DatasetError: If there are fewer than two readers, or a file is damaged.
    """
    return [_build_receipt(folder, key, readings) for key, readings in sorted(load_readings(folder).items())]


def load_readings(folder: Path) -> dict[str, list[Reading]]:
    """Read what each reader found on the pictures of a folder that all of them have read.

    Args:
        folder: Pictures, with the files of the readers beside it.

    Raises:
        DatasetError: If there are fewer than two readers, or a file is damaged.
    """
    files = sorted(folder.parent.glob(f"{folder.name}_*.jsonl"))
    if len(files) < 2:
        raise DatasetError(f"{folder}: found {len(files)} files {folder.name}_*.jsonl beside it; agreement needs two")
    readings = [_read_segments(file) for file in files]
    keys = set(readings[0]).intersection(*readings[1:])
    return {key: [reading[key] for reading in readings] for key in keys}


def _read_segments(file: Path) -> dict[str, Reading]:
    found: dict[str, Reading] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
            found[record["key"]] = [_parse_segment(value) for value in record["segments"]]
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"{file}, line {number}: expected key and segments: {error!r}") from None
    return found


def _parse_segment(value: Mapping[str, object]) -> tuple[LabeledSegment, float]:
    quad = np.array(value["quad"], np.float32).reshape(4, 2)
    return LabeledSegment(quad, " ".join(str(value["text"]).split())), float(str(value["confidence"]))


def _build_receipt(folder: Path, key: str, readings: Sequence[Reading]) -> LabeledReceipt:
    """Keep the segments of the first reader that all others read in the same way."""
    agreed = {index: confidence for index, (_, confidence) in enumerate(readings[0])}
    quads = [np.array([segment.quad for segment, _ in reading]).reshape(-1, 4, 2) for reading in readings]
    for other, other_quads in zip(readings[1:], quads[1:], strict=True):
        pairs = dict(match_by_iou(quads[0], other_quads, _MIN_OVERLAP)) if len(quads[0]) and len(other_quads) else {}
        agreed = {
            index: max(confidence, other[pairs[index]][1])
            for index, confidence in agreed.items()
            if index in pairs and _pack(readings[0][index][0].text) == _pack(other[pairs[index]][0].text)
        }
    kept = {index for index, confidence in agreed.items() if confidence >= _MIN_CONFIDENCE}
    disputed = [segment.quad for index, (segment, _) in enumerate(readings[0]) if index not in kept]
    return LabeledReceipt(
        key=key,
        image_path=folder / f"{key}.webp",
        segments=tuple(readings[0][index][0] for index in sorted(kept)),
        entities={},
        ignored=np.array(disputed, np.float32).reshape(-1, 4, 2),
        spaced=False,
    )


def _pack(text: str) -> str:
    return text.replace(" ", "")
