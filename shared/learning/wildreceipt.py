"""Read the layout of WildReceipt (Sun et al., 2021, arXiv:2103.14470).

A data set is a folder with `images/KEY.jpg`, `segments/KEY.json` (`segments`: a list of `quad`, `text` and `label`) and
`split.json`. Transcripts keep their case and have no spaces. Every segment has one of 26 labels, so the fields are
built from segments here, while SROIE provides them as strings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.learning.labels import LabeledSegment

# Label of the segments that make up each field.
FIELD_LABELS = {
    "company": "Store_name_value",
    "date": "Date_value",
    "address": "Store_addr_value",
    "total": "Total_value",
}

_JOINED_FIELDS = ("company", "address")
_IGNORED = "Ignore"


def parse_segments(text: str) -> tuple[list[LabeledSegment], list[LabeledSegment]]:
    """Parse a segment file.

    Returns:
        The readable segments, without spaces in their texts, and the ignored ones (unreadable or not English).

    Raises:
        ValueError: If the file does not have the layout above; the message says what is wrong.
    """
    content = json.loads(text)
    try:
        segments = [_parse_segment(value) for value in content["segments"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"expected a list of segments with quad, text and label: {error!r}") from None
    readable = [segment for segment in segments if segment.label != _IGNORED and segment.text]
    return readable, [segment for segment in segments if segment.label == _IGNORED or not segment.text]


def _parse_segment(value: dict[str, Any]) -> LabeledSegment:
    quad = np.array(value["quad"], np.float32).reshape(4, 2)
    return LabeledSegment(quad, "".join(str(value["text"]).split()), str(value["label"]))


def collect_field_texts(segments: Sequence[LabeledSegment]) -> dict[str, tuple[str, ...]]:
    """Collect the correct texts of each field; none if the receipt does not have the field.

    The segments of a company or an address are joined from top to bottom, without spaces. If a date or a total is
    printed several times, each of them is correct.
    """
    texts: dict[str, tuple[str, ...]] = {}
    for name, label in FIELD_LABELS.items():
        own = [segment for segment in segments if segment.label == label]
        if name in _JOINED_FIELDS:
            own.sort(key=lambda segment: (float(segment.quad[:, 1].mean()), float(segment.quad[:, 0].mean())))
            joined = "".join(segment.text for segment in own)
            texts[name] = (joined,) if joined else ()
        else:
            texts[name] = tuple(dict.fromkeys(segment.text for segment in own))
    return texts


def is_wildreceipt(root: Path) -> bool:
    """Return whether a folder has this layout."""
    return (root / "segments").is_dir()
