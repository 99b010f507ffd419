"""CORD (Park et al., 2019, "CORD: A Consolidated Receipt Dataset for Post-OCR Parsing"): receipts as labeled text.

A dataset is a folder with `segments/KEY.json` (`width`, `height`, and `segments` with `quad`, `text`, `label`, `key`,
`group` and `row`) and `split.json` (names of splits to lists of keys). There are no pictures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.arrays import Floats
from shared.learning.dataset import read_split_keys


@dataclass(frozen=True)
class CordSegment:
    """One run of text.

    Attributes:
        quad: (4, 2) float32, pixels, clockwise from the top left.
        text: What is printed.
        label: One of the labels of the dataset, such as `menu.nm`.
        is_key: Whether it announces a value ("TOTAL") and is not one.
        group: The same number for all segments of an item or block.
        row: The same number for all segments on one printed row.
    """

    quad: Floats
    text: str
    label: str
    is_key: bool
    group: int
    row: int


@dataclass(frozen=True)
class CordReceipt:
    """A receipt. `width` and `height`: of its picture, pixels."""

    key: str
    width: int
    height: int
    segments: tuple[CordSegment, ...]


def load_cord(root: Path, split: str) -> list[CordReceipt]:
    """Read the receipts of one split.

    Args:
        root: Folder of the dataset.
        split: See `shared.learning.dataset.read_split_keys`.

    Raises:
        shared.learning.labels.DatasetError: If there is no such split.
        OSError: If a file cannot be read.
        ValueError: If a file is not in the layout above; the message names the file.
    """
    return [_load_receipt(root / "segments" / f"{key}.json", key) for key in read_split_keys(root, split)]


def _load_receipt(path: Path, key: str) -> CordReceipt:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        segments = tuple(_segment(value) for value in content["segments"])
        return CordReceipt(key, int(content["width"]), int(content["height"]), segments)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a receipt in the layout of CORD: {error!r}") from error


def _segment(value: dict[str, Any]) -> CordSegment:
    return CordSegment(
        quad=np.array(value["quad"], np.float32).reshape(4, 2),
        text=str(value["text"]),
        label=str(value["label"]),
        is_key=bool(value["key"]),
        group=int(value["group"]),
        row=int(value["row"]),
    )
