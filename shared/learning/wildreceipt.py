"""The layout of WildReceipt (Sun et al., 2021, arXiv:2103.14470), read into the same labeled receipts as SROIE's.

A folder with `images/KEY.jpg`, `segments/KEY.json` (`segments`: a list of `quad`, `text` and `label`) and `split.json`.
Transcripts keep their case and have no spaces. Every segment has a label of its own, so that fields are made from
segments here, where SROIE gives strings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.arrays import Floats

FIELD_LABELS = {
    "company": "Store_name_value",
    "date": "Date_value",
    "address": "Store_addr_value",
    "total": "Total_value",
}
"""The label of the segments that make up each field."""

_JOINED = ("company", "address")
_IGNORED = "Ignore"


@dataclass(frozen=True)
class WildSegment:
    """One segment. `quad`: (4, 2) float32, pixels; `text`: without spaces; `label`: one of the 26 of the data set."""

    quad: Floats
    text: str
    label: str


def parse_segments(text: str) -> tuple[list[WildSegment], list[WildSegment]]:
    """Parse a segment file into what can be read and what is to be ignored (unreadable or not English).

    Raises:
        ValueError: If it is not in the layout above; the message says what is wrong.
    """
    content = json.loads(text)
    try:
        segments = [_segment(value) for value in content["segments"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no list of segments with quad, text and label: {error!r}") from None
    readable = [segment for segment in segments if segment.label != _IGNORED and segment.text]
    return readable, [segment for segment in segments if segment.label == _IGNORED or not segment.text]


def _segment(value: dict[str, Any]) -> WildSegment:
    quad = np.array(value["quad"], np.float32).reshape(4, 2)
    return WildSegment(quad, "".join(str(value["text"]).split()), str(value["label"]))


def field_texts(segments: Sequence[WildSegment]) -> dict[str, tuple[str, ...]]:
    """The texts that are right for each field; none if the receipt does not have it.

    The segments of a company or an address are joined from top to bottom, without spaces. A date or a total that is
    printed several times may be answered with any of its prints.
    """
    result: dict[str, tuple[str, ...]] = {}
    for name, label in FIELD_LABELS.items():
        own = [segment for segment in segments if segment.label == label]
        if name in _JOINED:
            own.sort(key=lambda segment: (float(segment.quad[:, 1].mean()), float(segment.quad[:, 0].mean())))
            joined = "".join(segment.text for segment in own)
            result[name] = (joined,) if joined else ()
        else:
            result[name] = tuple(dict.fromkeys(segment.text for segment in own))
    return result


def is_wildreceipt(root: Path) -> bool:
    """Whether a folder has this layout."""
    return (root / "segments").is_dir()
