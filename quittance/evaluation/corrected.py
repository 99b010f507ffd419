"""Turns corrected receipts into a data set to train on.

The gateway stores what it read and what people corrected, but not the pictures. They are found in a folder by their
content: the ID of a receipt is a hash of the bytes of its picture.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from gateway.corrections.store import CorrectionStore
from gateway.storage.database.database import Database
from gateway.storage.database.schema import CORRECTIONS
from quittance.display.draw import load_page
from quittance.evaluation.corrected_details import collect_labels
from shared.contracts import FIELD_NAMES, Corrections, Receipt
from shared.geometry import rotate_image, rotate_quads
from shared.learning.dataset import write_receipt, write_split
from shared.learning.labels import DatasetError, LabeledSegment

# One in this many receipts goes to the validation split.
_VALIDATION_EVERY = 5
_ID_DIGITS = 32


@dataclass
class ExportResult:
    """The keys of the receipts that were written, and why each of the others was not."""

    written: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def export_corrected(
    database: Database, pictures: Path, target: Path, *, min_confidence: float, group: str | None = None
) -> ExportResult:
    """Write the corrected receipts in the layout that `quittance train` reads.

    The segments are the ones that were found, with their readings; where a correction replaces the text of one
    segment, the segment gets the corrected text. Fields that were not corrected keep the value of the model. Other
    fields and the items are in `labels/KEY.json`, as far as they are corrected or sure.

    Args:
        database: Database of the gateway.
        pictures: Folder with the pictures as they were sent, under any name.
        target: Folder to write; must be empty or not exist.
        group: Group of API keys whose corrections to write; None for those of all.
        min_confidence: Receipts with an uncorrected field below this confidence are left out; 0 to 1.

    Raises:
        DatasetError: If a folder cannot be used or there are no corrections.
    """
    if not pictures.is_dir():
        raise DatasetError(f"{pictures} is not a folder.")
    if target.exists() and any(target.iterdir()):
        raise DatasetError(f"{target} is not empty. Name a new folder, so that two data sets are not mixed.")
    receipts = list(CorrectionStore(database).read_all(group))
    if not receipts:
        raise DatasetError(f"There are no corrections in {database.describe(CORRECTIONS)}. Is that the gateway's?")
    paths = {_receipt_id(path): path for path in sorted(pictures.rglob("*")) if path.is_file()}
    result, counts = ExportResult(), Counter(receipt.id for receipt in receipts)
    for receipt in receipts:
        reason = _why_unfit(receipt, min_confidence)
        if counts[receipt.id] > 1:
            reason = f"{counts[receipt.id]} groups of API keys corrected it; name the one to believe"
        if reason is None and receipt.id not in paths:
            reason = f"its picture is not in {pictures}"
        if reason is None:
            _write(target, receipt, paths[receipt.id], min_confidence)
            result.written.append(receipt.id)
        else:
            result.left_out[receipt.id] = reason
    if result.written:
        write_split(target, _split(result.written))
    return result


def _receipt_id(path: Path) -> str:
    """Return the ID that a receipt read from this file has."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_ID_DIGITS]


def _why_unfit(receipt: Receipt, min_confidence: float) -> str | None:
    """Return why a receipt is unfit for training; None if it is fit."""
    if len(receipt.pages) > 1:
        return f"it has {len(receipt.pages)} pages; a labeled receipt has one"
    corrected = _corrections(receipt).fields
    for name in FIELD_NAMES:
        found = receipt.fields.get(name)
        if name not in corrected and found is not None and found.confidence < min_confidence:
            return f"the {name} is uncorrected, with a confidence of only {found.confidence:.0%}"
    return None


def _corrections(receipt: Receipt) -> Corrections:
    return receipt.corrections or Corrections(receipt_id=receipt.id, fields={})


def _write(target: Path, receipt: Receipt, path: Path, min_confidence: float) -> None:
    page = receipt.pages[0]
    # Labels are in the coordinates of the picture as it is displayed; training needs it upright.
    picture = np.asarray(load_page(path.read_bytes()).resize((page.width, page.height), Image.Resampling.LANCZOS))
    quads = np.array([line.quad for line in receipt.lines], np.float32).reshape(-1, 4, 2)
    quads = rotate_quads(quads, -page.rotation % 360, page.width, page.height)
    upright = rotate_image(np.ascontiguousarray(picture[:, :, ::-1]), -page.rotation % 360)
    if page.mirrored:
        quads[..., 0] = upright.shape[1] - quads[..., 0]
        upright = np.ascontiguousarray(upright[:, ::-1])
    segments = [
        LabeledSegment(quad=quad.astype(np.float32), text=text)
        for quad, text in zip(quads, _line_texts(receipt), strict=True)
    ]
    labels = collect_labels(receipt, min_confidence)
    write_receipt(target, receipt.id, upright, segments, _entities(receipt), labels)


def _line_texts(receipt: Receipt) -> list[str]:
    """Return the text of each line, with the corrections of fields that are on one line."""
    texts = [line.text for line in receipt.lines]
    for name, correction in _corrections(receipt).fields.items():
        found = receipt.fields.get(name)
        lines = correction.lines or (found.lines if found else [])
        if len(lines) == 1 and correction.value and correction.model_value:
            texts[lines[0]] = texts[lines[0]].replace(correction.model_value, correction.value)
    return texts


def _entities(receipt: Receipt) -> dict[str, str]:
    """Return the value of each field: the corrected one if there is one, otherwise that of the model."""
    corrected = _corrections(receipt).fields
    entities: dict[str, str] = {}
    for name in FIELD_NAMES:
        found = receipt.fields.get(name)
        entities[name] = (corrected[name].value if name in corrected else found.value if found else None) or ""
    return entities


def _split(keys: list[str]) -> dict[str, list[str]]:
    """Return the splits; the same receipt always goes to the same one, because its key is a hash."""
    validation = [key for key in keys if int(key[:8], 16) % _VALIDATION_EVERY == 0]
    if len(validation) in (0, len(keys)):  # few receipts: the first for training, the last for validation
        validation = keys[1:][-1:]
    return {"train": [key for key in keys if key not in validation], "validation": validation}
