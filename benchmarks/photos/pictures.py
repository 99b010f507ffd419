"""Pictures of the size, noise and formats of phones, made from rendered or labeled receipts."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
from PIL import Image

from benchmarks.receipts import load_spread
from shared.arrays import Pixels
from shared.learning.labels import LabeledReceipt
from synthesis.generator import render_receipt
from synthesis.photography.photograph import PictureStyle

# Width and height of the main cameras of phones: 12, 24, 48 and 50 megapixels.
SIZES = ((3024, 4032), (4284, 5712), (6048, 8064), (6144, 8192))
FORMATS = ("HEIC", "JPEG")
_PITCH_PX = 36.0
# Standard deviations of the noise of a small sensor in a room, in gray levels.
_NOISE = (2.0, 6.0)
_NOISE_TILE_PX = 1024
_HEIC_TILE_PX = 512
_HEIC_QUALITY, _JPEG_QUALITY = 60, 88
_FILLED = 0.94


@dataclass(frozen=True)
class PhonePicture:
    """One picture.

    Attributes:
        name: Its origin, size and format.
        data: The file.
        texts: What is printed.
        megapixels: Millions of pixels.
    """

    name: str
    data: bytes
    texts: tuple[str, ...]
    megapixels: float


def make_pictures(
    count: int,
    seed: int,
    data: Path | None,
    *,
    sizes: Sequence[tuple[int, int]] = SIZES,
    folder: Path | None = None,
) -> Iterator[PhonePicture]:
    """Make pictures of receipts, each in another size and format than the one before.

    Args:
        count: Number of pictures.
        seed: The same seed makes the same pictures.
        data: Labeled receipts, from which every other picture is made; None for rendered ones only.
        sizes: Widths and heights.
        folder: Where to keep them, and to find those of an earlier run with the same arguments: encoding takes longer
            than reading. None to make all.
    """
    labeled = [] if data is None else load_spread(data, "validation", (count + 1) // 2)
    for number in range(count):
        kept = None if folder is None else folder / f"{seed}-{number:03}.json"
        if kept is not None and kept.exists():
            yield _load(kept)
            continue
        receipt = labeled[number // 2 % len(labeled)] if labeled and number % 2 else None
        picture = _make_picture(number, seed, receipt, sizes[number // 2 % len(sizes)])
        if kept is not None:
            _keep(kept, picture)
        yield picture


def _make_picture(number: int, seed: int, receipt: LabeledReceipt | None, size: tuple[int, int]) -> PhonePicture:
    if receipt is not None:
        image = cv2.imread(str(receipt.image_path), cv2.IMREAD_COLOR)
        origin, texts = receipt.key, [segment.text for segment in receipt.segments]
    else:
        rendered = render_receipt(f"phone {seed} {number}", style=PictureStyle("photo", 0.3, _PITCH_PX))
        image, origin, texts = rendered.image, "rendered", [segment.text for segment in rendered.segments]
    kind = FORMATS[(number + number // 2) % len(FORMATS)]
    photographed = photograph(np.asarray(image, np.uint8), size, np.random.default_rng((seed, number)))
    megapixels = size[0] * size[1] / 1e6
    name = f"{origin}, {megapixels:.0f} MP {kind}"
    return PhonePicture(name, _encode(photographed, kind), tuple(texts), megapixels)


def _keep(path: Path, picture: PhonePicture) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".picture").write_bytes(picture.data)
    path.write_text(json.dumps({"name": picture.name, "texts": picture.texts, "megapixels": picture.megapixels}))


def _load(path: Path) -> PhonePicture:
    kept = json.loads(path.read_text())
    data = path.with_suffix(".picture").read_bytes()
    return PhonePicture(kept["name"], data, tuple(kept["texts"]), kept["megapixels"])


def photograph(image: Pixels, size: tuple[int, int], chance: np.random.Generator) -> Pixels:
    """Return a picture of a receipt as a phone takes it: large, a little soft, with the noise of the sensor.

    Args:
        image: `(h, w, 3)` BGR.
        size: Width and height of the result.
        chance: Draws the noise.
    """
    width, height = size
    scale = _FILLED * min(width / image.shape[1], height / image.shape[0])
    scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    frame = np.empty((height, width, 3), np.uint8)
    frame[:] = np.median(image.reshape(-1, 3), axis=0) // 2
    top, left = (height - scaled.shape[0]) // 2, (width - scaled.shape[1]) // 2
    frame[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    noise = chance.normal(0, chance.uniform(*_NOISE), (_NOISE_TILE_PX, _NOISE_TILE_PX, 3)).astype(np.int16)
    for y in range(0, height, _NOISE_TILE_PX):
        for x in range(0, width, _NOISE_TILE_PX):
            part = frame[y : y + _NOISE_TILE_PX, x : x + _NOISE_TILE_PX]
            turned = np.rot90(noise, int(chance.integers(4)))[: part.shape[0], : part.shape[1]]
            part[:] = np.clip(part + turned, 0, 255)
    return frame


def _encode(image: Pixels, kind: str) -> bytes:
    picture = Image.fromarray(image[:, :, ::-1])
    out = io.BytesIO()
    if kind == "HEIC":
        # The faster preset makes larger files, not better ones.
        pillow_heif.from_pillow(picture).save(
            out, quality=_HEIC_QUALITY, tile_size=_HEIC_TILE_PX, enc_params={"preset": "ultrafast"}
        )
    else:
        picture.save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()
