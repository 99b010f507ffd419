"""The datasets that the extractor learns from, as labeled characters. Never imported by serving code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from services.extractor.training.labeling.details import add_details
from services.extractor.training.labeling.fields import IGNORED, LabeledText, label
from services.extractor.training.labeling.readings import Reading, transfer
from services.extractor.training.labeling.targets import (
    BASIC_OTHER,
    WILD_DATE,
    cord_target,
    opened,
    target,
    wild_target,
)
from services.extractor.training.labeling.wording import add_weak_labels
from shared.learning.cord import CordReceipt
from shared.learning.labels import LabeledReceipt, LabeledSegment
from shared.normalization import find_amounts, find_dates

Versions = Sequence[Sequence[LabeledText]]
"""A receipt as it is labeled, and as often as it was read."""

_NOT_ITEM = 0
_AMOUNTS = ("Prod_price_value", "Subtotal_value", "Tax_value", "Tips_value", "Total_value")
_PHONE = re.compile(r"[+(]*\d")
_DATE = target(("date",))


def basic_receipt(receipt: LabeledReceipt) -> list[LabeledText]:
    """Label a receipt of SROIE, a synthetic or a corrected one: four fields, others, and what wording gives away."""
    segments = label(receipt)
    for segment in segments:
        segment.labels = opened(segment.labels, BASIC_OTHER)
    return add_weak_labels(add_details(segments, receipt))


def wild_receipt(receipt: LabeledReceipt) -> list[LabeledText]:
    """Label a receipt of WildReceipt, segment by segment."""
    return [_wild_segment(segment) for segment in receipt.segments]


def cord_receipt(receipt: CordReceipt) -> list[LabeledText]:
    """Label a receipt of CORD, segment by segment, with the items that segments belong to."""
    keys: dict[int, str] = {}
    for segment in receipt.segments:
        if segment.is_key:
            keys[segment.row] = f"{keys.get(segment.row, '')} {segment.text}"
    items: dict[int, int] = {}
    result = []
    for segment in receipt.segments:
        number = cord_target(segment.label, is_key=segment.is_key, announced_by=keys.get(segment.row, ""))
        is_item = segment.label.split(".")[0] in ("menu", "void_menu")
        group = items.setdefault(segment.group, len(items) + 1) if is_item else _NOT_ITEM
        labels = np.full(len(segment.text), number, np.int64)
        result.append(LabeledText(segment.quad.copy(), segment.text, labels, group=group))
    return _open_signs(result)


def versions_of(
    receipt: LabeledReceipt,
    readings: Sequence[Mapping[str, Reading]],
) -> Versions:
    """Label a receipt of SROIE or WildReceipt as it is, and as it was read.

    WildReceipt's transcripts have no spaces, but what the chain reads has them, so both kinds count.
    """
    make = basic_receipt if receipt.spaced else wild_receipt
    versions = [make(receipt)]
    for one in readings:
        if receipt.key not in one:
            continue
        labeled, read = one[receipt.key].labeled, one[receipt.key].read
        if [segment.text for segment in labeled] != [segment.text for segment in receipt.segments]:
            raise ValueError(f"The readings of {receipt.key} are of a receipt that is labeled differently")
        # The copy that was read may be smaller than the original: use its own positions.
        placed = tuple(
            LabeledSegment(copy.quad, own.text, own.label) for copy, own in zip(labeled, receipt.segments, strict=True)
        )
        moved = replace(receipt, segments=placed)
        # Segments that WildReceipt ignores are text of an unknown kind.
        background = BASIC_OTHER if receipt.spaced else IGNORED
        labels = transfer(make(moved), read, background)
        versions.append(labels if receipt.spaced else _open_signs(labels))
    return versions


def _open_signs(segments: Sequence[LabeledText]) -> list[LabeledText]:
    """Say nothing about signs that are apart from their amount.

    CORD's segments and photographs' include what is near, while three of four of SROIE's totals leave such signs out.
    """
    result = []
    for segment in segments:
        labels = segment.labels.copy()
        for match in find_amounts(segment.text):
            before, after = slice(match.start, match.number_start), slice(match.number_end, match.end)
            for part in (before, after):
                is_apart = segment.text[part].strip() != segment.text[part] != ""
                if match.sign and is_apart and (labels[part] == labels[match.number_start]).all():
                    labels[part] = IGNORED
        result.append(replace(segment, labels=labels))
    return result


def _open_captions(segment: LabeledSegment, labels: npt.NDArray[np.int64]) -> None:
    """Say nothing about words around the only amount or before the number of a segment: `TOTAL:9.00`, `2.99R`."""
    if segment.label in _AMOUNTS:
        start = segment.text.find(":") + 1
        amounts = find_amounts(segment.text[start:])
        if len(amounts) == 1:
            labels[: start + amounts[0].start] = IGNORED
            labels[start + amounts[0].end :] = IGNORED
    elif segment.label == "Tel_value":
        number = _PHONE.search(segment.text)
        if number is not None:
            labels[: number.start()] = IGNORED


def _wild_segment(segment: LabeledSegment) -> LabeledText:
    labels = np.full(len(segment.text), wild_target(segment.label), np.int64)
    dates = find_dates(segment.text) if segment.label == "Date_value" else []
    if dates:
        # A time or "Date:" may be in the same segment.
        labels[:] = WILD_DATE
        for match in dates:
            labels[match.start : match.end] = _DATE
    _open_captions(segment, labels)
    return LabeledText(segment.quad.copy(), segment.text, labels)
