"""Corrected receipts as a data set to train on.

The gateway keeps what it read and what people said about it, but no pictures. They are looked for in a folder by their
content: a receipt's id is the hash of the picture's bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from gateway.corrections.store import CorrectionStore
from quittance.draw import first_page
from quittance.evaluation.scores import field_of
from shared.contracts import FIELD_NAMES, Corrections, Receipt
from shared.geometry import rotate_image, rotate_quads
from shared.learning.dataset import DatasetError, LabeledSegment, write_receipt, write_split

# One receipt of so many is for validation.
_EVERY = 5
_ID_DIGITS = 32


@dataclass
class Exported:
    """What came of an export: the keys written, and why the other receipts were not."""

    written: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def export(state: Path, pictures: Path, target: Path, *, least: float) -> Exported:
    """Writes the corrected receipts in the layout that `quittance train` reads.

    The segments are those that were found, with the text that was read, but where a person gave another value for all
    of one segment; the fields are the corrected ones, and the model's where nobody corrected it and it was sure.

    Args:
        state: The state directory of the gateway.
        pictures: Folder with the pictures as they were sent, under any name.
        target: Folder to write; has to be empty or not there yet.
        least: Receipts with a field that nobody corrected, and the model was less sure of, are left out; 0 to 1.

    Raises:
        DatasetError: If a folder cannot be used, or nothing was corrected.
    """
    if not pictures.is_dir():
        raise DatasetError(f"{pictures}: there is no such folder")
    if target.exists() and any(target.iterdir()):
        raise DatasetError(f"{target} is not empty. Name a new folder: a data set in it would be mixed up.")
    receipts = list(CorrectionStore(state).all())
    if not receipts:
        raise DatasetError(f"Nothing was corrected, as far as {state} tells. Is it the gateway's state directory?")
    paths = _by_id(pictures)
    result = Exported()
    for receipt in receipts:
        reason = _unfit(receipt, least) or (None if receipt.id in paths else f"its picture is not in {pictures}")
        if reason is None:
            _write(target, receipt, paths[receipt.id])
            result.written.append(receipt.id)
        else:
            result.left_out[receipt.id] = reason
    if result.written:
        write_split(target, _split(result.written))
    return result


def _by_id(folder: Path) -> dict[str, Path]:
    """All files in a folder and below by the id that a receipt in them would have."""
    return {_id(path): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _id(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_ID_DIGITS]


def _unfit(receipt: Receipt, least: float) -> str | None:
    """Why a receipt is nothing to learn from; None if it is something."""
    if len(receipt.pages) > 1:
        return f"it has {len(receipt.pages)} pages, and a labeled receipt has one"
    corrected = _corrections(receipt).fields
    for name in FIELD_NAMES:
        found = field_of(receipt.fields, name)
        if name not in corrected and found is not None and found.confidence < least:
            return f"nobody corrected the {name}, and the model was only {found.confidence:.0%} sure of it"
    return None


def _corrections(receipt: Receipt) -> Corrections:
    return receipt.corrections or Corrections(receipt_id=receipt.id, fields={})


def _write(target: Path, receipt: Receipt, path: Path) -> None:
    page = receipt.pages[0]
    # The labels are in the coordinates of the picture as it is seen; it is written upright, as trainings want it.
    picture = np.asarray(first_page(path.read_bytes()).resize((page.width, page.height), Image.Resampling.LANCZOS))
    quads = np.array([line.quad for line in receipt.lines], np.float32).reshape(-1, 4, 2)
    quads = rotate_quads(quads, -page.rotation % 360, page.width, page.height)
    segments = [
        LabeledSegment(quad=quad.astype(np.float32), text=text)
        for quad, text in zip(quads, _texts(receipt), strict=True)
    ]
    upright = rotate_image(np.ascontiguousarray(picture[:, :, ::-1]), -page.rotation % 360)
    write_receipt(target, receipt.id, upright, segments, _entities(receipt))


def _texts(receipt: Receipt) -> list[str]:
    """The text of each line; a field that stands on one line, and was corrected, is put into it."""
    texts = [line.text for line in receipt.lines]
    for name, correction in _corrections(receipt).fields.items():
        found = field_of(receipt.fields, name)
        places = correction.lines or (found.lines if found else [])
        if len(places) == 1 and correction.value and correction.model_value:
            texts[places[0]] = texts[places[0]].replace(correction.model_value, correction.value)
    return texts


def _entities(receipt: Receipt) -> dict[str, str]:
    corrected = _corrections(receipt).fields
    entities: dict[str, str] = {}
    for name in FIELD_NAMES:
        found = field_of(receipt.fields, name)
        entities[name] = (corrected[name].value if name in corrected else found.value if found else None) or ""
    return entities


def _split(keys: list[str]) -> dict[str, list[str]]:
    """The same receipt always goes to the same side: its key is a hash."""
    held_out = [key for key in keys if int(key[:8], 16) % _EVERY == 0]
    if len(held_out) in (0, len(keys)):  # few receipts: one for validation, but the first for training
        held_out = keys[1:][-1:]
    return {"train": [key for key in keys if key not in held_out], "validation": held_out}
