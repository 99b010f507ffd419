"""Write the sample receipts of the repository: pictures and the expected readings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from synthesis.generator import SyntheticReceipt, render_receipt
from synthesis.photography.photograph import PictureStyle


@dataclass(frozen=True)
class SampleSpec:
    """How one sample is rendered and stored.

    Attributes:
        file: File name; its suffix selects the format.
        seed: Seed of the receipt.
        country: MY, US, UK or EU.
        style: Wear and kind of picture.
        options: Encoding options for `cv2.imencode`.
    """

    file: str
    seed: int
    country: str
    style: PictureStyle
    options: tuple[int, ...]


_JPEG = (int(cv2.IMWRITE_JPEG_QUALITY), 75)
SAMPLES = (
    SampleSpec("malaysia.jpg", 1, "MY", PictureStyle("scan", 0.1, 26), _JPEG),
    SampleSpec("united-states.webp", 3, "US", PictureStyle("scan", 0.15, 28), (int(cv2.IMWRITE_WEBP_QUALITY), 80)),
    SampleSpec("photo.jpg", 4, "MY", PictureStyle("photo", 0.35, 26), _JPEG),
    SampleSpec("france.png", 1, "EU", PictureStyle("scan", 0.0, 22), (int(cv2.IMWRITE_PNG_COMPRESSION), 9)),
)


def render_sample(sample: SampleSpec) -> SyntheticReceipt:
    """Render a sample. The same package versions give the same pixels."""
    return render_receipt(f"sample {sample.seed}", style=sample.style, country=sample.country)


def describe_expected(receipt: SyntheticReceipt) -> dict[str, Any]:
    """Return the expected reading of a receipt.

    Returns:
        `fields` (null where absent) and `lines`, each with text and quad in whole pixels.
    """
    lines = [
        {"text": segment.text, "quad": [[round(float(x)), round(float(y))] for x, y in segment.quad]}
        for segment in receipt.segments
    ]
    return {"fields": {name: text or None for name, text in receipt.entities.items()}, "lines": lines}


def write_samples(out: Path) -> list[Path]:
    """Write the picture of every sample and its expected reading, NAME.json, beside it.

    Returns:
        Paths of the pictures.

    Raises:
        OSError: If a file cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for sample in SAMPLES:
        receipt = render_sample(sample)
        path = out / sample.file
        image = receipt.image
        # Sixteen gray levels keep the PNG small.
        if path.suffix == ".png":
            gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint16)
            image = ((gray + 8) // 17 * 17).astype(np.uint8)
        encoded, data = cv2.imencode(path.suffix, image, list(sample.options))
        if not encoded:
            raise OSError(f"{path}: OpenCV cannot encode this format")
        path.write_bytes(data.tobytes())
        text = json.dumps(describe_expected(receipt), ensure_ascii=False, indent=1)
        path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
        written.append(path)
    return written
