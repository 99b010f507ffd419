"""Small data sets on disk."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from shared.learning.dataset import write_receipt, write_split
from shared.learning.labels import LabeledSegment


def write_receipts(folder: Path) -> None:
    """Write three receipts with one segment each: r0 and r1 in `train`, r2 in `validation`."""
    for number in range(3):
        image = np.full((200, 160, 3), 240, np.uint8)
        cv2.putText(image, "TOTAL 12", (20, 90), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 20), 2)
        quad = np.array([(20, 70), (140, 70), (140, 94), (20, 94)], np.float32)
        write_receipt(folder, f"r{number}", image, [LabeledSegment(quad, "TOTAL 12")], {"total": "12"})
    write_split(folder, {"train": ["r0", "r1"], "validation": ["r2"]})
