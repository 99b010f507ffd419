"""The sample receipts of the repository: a few pictures with what is expected to be read on them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from synthesis.generator import SyntheticReceipt, render_receipt
from synthesis.photography.photograph import Style


@dataclass(frozen=True)
class Sample:
    """One sample: file name, its seed and style, and how its picture is compressed."""

    file: str
    seed: int
    country: str
    style: Style
    options: tuple[int, ...]


_JPEG = (int(cv2.IMWRITE_JPEG_QUALITY), 75)
SAMPLES = (
    Sample("malaysia.jpg", 1, "MY", Style("scan", 0.1, 26), _JPEG),
    Sample("united-states.webp", 3, "US", Style("scan", 0.15, 28), (int(cv2.IMWRITE_WEBP_QUALITY), 80)),
    Sample("photo.jpg", 4, "MY", Style("photo", 0.35, 26), _JPEG),
    Sample("france.png", 1, "EU", Style("scan", 0.0, 22), (int(cv2.IMWRITE_PNG_COMPRESSION), 9)),
)


def render_sample(sample: Sample) -> SyntheticReceipt:
    """Render a sample; the same versions of the packages give the same pixels."""
    return render_receipt(f"sample {sample.seed}", style=sample.style, country=sample.country)


def expected(receipt: SyntheticReceipt) -> dict[str, Any]:
    """What is to be read: `fields` (null where absent) and `lines` with text and quad in whole pixels."""
    lines = [
        {"text": segment.text, "quad": [[round(float(x)), round(float(y))] for x, y in segment.quad]}
        for segment in receipt.segments
    ]
    return {"fields": {name: text or None for name, text in receipt.entities.items()}, "lines": lines}


def write_samples(out: Path) -> list[Path]:
    """Write every sample's picture and, beside it, NAME.json; returns the pictures.

    Raises:
        OSError: If a file cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for sample in SAMPLES:
        receipt = render_sample(sample)
        path = out / sample.file
        image = receipt.image
        if path.suffix == ".png":  # scanned in 16 grays, or a PNG of it would be large
            gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint16)
            image = ((gray + 8) // 17 * 17).astype(np.uint8)
        done, data = cv2.imencode(path.suffix, image, list(sample.options))
        if not done:
            raise OSError(f"{path}: OpenCV cannot write this format")
        path.write_bytes(data.tobytes())
        text = json.dumps(expected(receipt), ensure_ascii=False, indent=1)
        path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
        written.append(path)
    return written
