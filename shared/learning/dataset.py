"""Read and write data sets of labeled receipts on disk, in the layout of SROIE (Huang et al., 2019, arXiv:2103.10213).

A data set is a folder with `images/KEY.jpg`, `boxes/KEY.txt` (one segment per line: eight integers, the corners
clockwise from the top left in pixels, then the transcript, which may contain commas), `entities/KEY.json` (company,
date, address, total; empty if absent) and `split.json` (split names to lists of keys). `labels/KEY.json` may have the
texts of other fields (`fields`) and of line items (`items`), by kind.

The layout of WildReceipt is read too, see `shared.learning.wildreceipt`; the subfolders tell which layout a folder has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from shared.arrays import Pixels
from shared.contracts import FIELD_NAMES
from shared.learning.labels import DatasetError, LabeledReceipt, LabeledSegment
from shared.learning.wildreceipt import collect_field_texts, is_wildreceipt, parse_segments

_JPEG_QUALITY = 88

T = TypeVar("T")


def load_split(root: Path, split: str) -> list[LabeledReceipt]:
    """Read the labels of one split.

    Args:
        root: Folder of the data set.
        split: A key of `split.json`, or `all` for every receipt of `train` and `validation`.

    Raises:
        DatasetError: If the folder is not a data set, has no such split, or a label file is damaged.
    """
    load = _load_wild_receipt if is_wildreceipt(root) else _load_receipt
    return [load(root, key) for key in read_split_keys(root, split)]


def read_split_keys(root: Path, split: str) -> list[str]:
    """Read the keys of one split; arguments and errors as in `load_split`."""
    path = root / "split.json"
    try:
        splits: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing: is {root} a data set in the layout of SROIE?") from None
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path} is not valid JSON: {error}") from None
    if split == "all":
        return [*splits.get("train", []), *splits.get("validation", [])]
    if split not in splits:
        raise DatasetError(f"{path} has no split {split!r}; it has {', '.join(sorted(splits))}")
    return splits[split]


def pick_evenly(items: Sequence[T], count: int) -> Sequence[T]:
    """Return at most `count` items, evenly spaced."""
    return items[:: max(1, len(items) // max(count, 1))][:count]


def _load_receipt(root: Path, key: str) -> LabeledReceipt:
    boxes = root / "boxes" / f"{key}.txt"
    entities = root / "entities" / f"{key}.json"
    details = root / "labels" / f"{key}.json"
    try:
        segments = tuple(parse_boxes(boxes.read_text(encoding="utf-8")))
        fields = json.loads(entities.read_text(encoding="utf-8"))
        more = json.loads(details.read_text(encoding="utf-8")) if details.exists() else {}
    except FileNotFoundError as error:
        raise DatasetError(f"{error.filename} is missing") from None
    except json.JSONDecodeError as error:
        raise DatasetError(f"{entities} or {details} is not valid JSON: {error}") from None
    except ValueError as error:
        raise DatasetError(f"{boxes}: {error}") from None
    return LabeledReceipt(
        key=key,
        image_path=root / "images" / f"{key}.jpg",
        segments=segments,
        entities={name: str(fields.get(name) or "") for name in FIELD_NAMES},
        details=_to_tuples(more.get("fields", {})),
        items=tuple(_to_tuples(item) for item in more["items"]) if more.get("items") is not None else None,
    )


def _to_tuples(texts: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {kind: tuple(found) for kind, found in texts.items()}


def _load_wild_receipt(root: Path, key: str) -> LabeledReceipt:
    path = root / "segments" / f"{key}.json"
    try:
        readable, ignored = parse_segments(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing") from None
    except ValueError as error:
        raise DatasetError(f"{path}: {error}") from None
    texts = collect_field_texts(readable)
    return LabeledReceipt(
        key=key,
        image_path=root / "images" / f"{key}.jpg",
        segments=tuple(readable),
        entities={name: texts[name][0] if texts[name] else "" for name in FIELD_NAMES},
        alternatives={name: texts[name][1:] for name in FIELD_NAMES},
        ignored=np.array([segment.quad for segment in ignored], np.float32).reshape(-1, 4, 2),
        spaced=False,
    )


def parse_boxes(text: str) -> Iterable[LabeledSegment]:
    """Parse the text of a box file.

    Raises:
        ValueError: If a line is malformed; the message names the line.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        parts = line.split(",", 8)
        try:
            quad = np.array([float(part) for part in parts[:8]], np.float32).reshape(4, 2)
            transcript = parts[8]
        except (ValueError, IndexError):
            raise ValueError(f"line {number} is not eight coordinates and a transcript: {line!r}") from None
        yield LabeledSegment(quad=quad, text=transcript)


def write_receipt(
    root: Path,
    key: str,
    image: Pixels,
    segments: Sequence[LabeledSegment],
    entities: Mapping[str, str],
    labels: Mapping[str, Any] | None = None,
) -> None:
    """Write one labeled receipt in the layout that `load_split` reads; coordinates are rounded to whole pixels.

    `labels` is the content of `labels/KEY.json`, if there is one.

    Raises:
        DatasetError: If the picture cannot be written.
    """
    for folder in ("images", "boxes", "entities"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    image_path = root / "images" / f"{key}.jpg"
    if not cv2.imwrite(str(image_path), image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]):
        raise DatasetError(f"{image_path}: cannot be written")
    lines = [
        ",".join([*(str(round(float(value))) for value in segment.quad.reshape(-1)), segment.text])
        for segment in segments
    ]
    (root / "boxes" / f"{key}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    fields = {name: entities.get(name, "") for name in FIELD_NAMES}
    (root / "entities" / f"{key}.json").write_text(json.dumps(fields, indent=1, ensure_ascii=False), encoding="utf-8")
    if labels is not None:
        (root / "labels").mkdir(exist_ok=True)
        text = json.dumps(labels, indent=1, ensure_ascii=False)
        (root / "labels" / f"{key}.json").write_text(text, encoding="utf-8")


def write_split(root: Path, splits: Mapping[str, Sequence[str]]) -> None:
    """Write `split.json`."""
    root.mkdir(parents=True, exist_ok=True)
    content = {name: list(keys) for name, keys in splits.items()}
    (root / "split.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
