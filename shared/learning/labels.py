"""Types of labeled receipts, whatever the layout of the data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from shared.arrays import Floats, Pixels


class DatasetError(Exception):
    """A data set cannot be read. The message names the file and what is wrong with it."""


@dataclass(frozen=True)
class LabeledSegment:
    """One run of text.

    Attributes:
        quad: `(4, 2)` float32 in pixels, clockwise from the top left of the text.
        text: Transcript.
        label: Kind of text; empty if the data set has no kinds.
    """

    quad: Floats
    text: str
    label: str = ""


@dataclass(frozen=True)
class LabeledReceipt:
    """A receipt with its labels. The picture is read on demand.

    Attributes:
        key: Name in the data set.
        image_path: Path of the picture.
        segments: Printed text.
        entities: Company, date, address and total; empty if absent.
        alternatives: Further correct texts per field.
        details: Texts of other kinds, as printed: `time`, `subtotal`, `cash` and so on; missing kinds are unknown.
        items: For each line item, its texts by kind, such as `item_description`; None if the items are not labeled.
        ignored: `(N, 4, 2)` quads of unreadable print. Finding it is neither right nor wrong.
        spaced: Whether the transcripts contain the printed spaces.
    """

    key: str
    image_path: Path
    segments: tuple[LabeledSegment, ...]
    entities: dict[str, str]
    alternatives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    details: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    items: tuple[Mapping[str, tuple[str, ...]], ...] | None = None
    ignored: Floats = field(default_factory=lambda: np.zeros((0, 4, 2), np.float32))
    spaced: bool = True

    @property
    def quads(self) -> Floats:
        """Quads of all segments, `(N, 4, 2)`."""
        if not self.segments:
            return np.zeros((0, 4, 2), np.float32)
        return np.stack([segment.quad for segment in self.segments])

    def read_image(self) -> Pixels:
        """Read the picture, `(H, W, 3)` uint8 BGR.

        Raises:
            DatasetError: If it cannot be read.
        """
        # The labels are in coordinates of the stored pixels, so the EXIF orientation is ignored.
        image = cv2.imread(str(self.image_path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None:
            raise DatasetError(f"{self.image_path}: cannot be read as a picture")
        return image.astype(np.uint8, copy=False)
