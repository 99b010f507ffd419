"""Training samples: crops of labelled receipts, scaled to the working height, turned and worn a little.

Training only. All pictures are kept in memory, grey and not much larger than the network will see them, so that a step
does not wait for JPEG decoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from shared.dataset import DatasetError, LabelledReceipt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

#: Pictures are kept so that their median segment is at most this much higher than the working height.
_KEPT_SCALE = 1.35
_TURN_LIMIT = 2.5


@dataclass(frozen=True)
class KeptReceipt:
    """A receipt in memory.

    Attributes:
        key: Its key.
        grey: H x W pixels.
        quads: N x 4 x 2 labels in these pixels.
        text_height: Median height of the segments in these pixels.
    """

    key: str
    grey: Pixels
    quads: Floats
    text_height: float


@dataclass(frozen=True)
class SampleSettings:
    """How crops are drawn.

    Attributes:
        height: Height of a crop in pixels, a multiple of 16.
        width: Width of a crop in pixels, a multiple of 16.
        text_height: Height in pixels to which the median segment of a receipt is scaled.
        scale_from: Least factor on the text height; factors are drawn evenly on a log scale.
        scale_to: Largest factor on the text height.
    """

    height: int = 512
    width: int = 512
    text_height: float = 18.0
    scale_from: float = 0.75
    scale_to: float = 1.35


def segment_heights(quads: Floats) -> Floats:
    """N x 4 x 2 -> N: height of each quad, along its left and right sides, in pixels."""
    left = np.linalg.norm(quads[:, 3] - quads[:, 0], axis=-1)
    right = np.linalg.norm(quads[:, 2] - quads[:, 1], axis=-1)
    return np.asarray(0.5 * (left + right), np.float32)


def keep(receipt: LabelledReceipt, text_height: float) -> KeptReceipt | None:
    """Read a receipt into memory; None if it has no label or its picture cannot be read."""
    quads = receipt.quads()
    if not len(quads):
        return None
    try:
        image = receipt.image()
    except DatasetError:
        return None
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height = float(np.median(segment_heights(quads)))
    scale = min(1.0, _KEPT_SCALE * text_height / max(height, 1.0))
    if scale < 1.0:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    # the same convention as cv2.resize: pixel areas, not pixel centres
    return KeptReceipt(receipt.key, grey.astype(np.uint8, copy=False), quads * scale, height * scale)


def keep_all(receipts: Sequence[LabelledReceipt], text_height: float, workers: int = 1) -> list[KeptReceipt]:
    """Read receipts into memory; those without label or readable picture are left out."""
    with ThreadPoolExecutor(workers) as pool:
        kept: Iterable[KeptReceipt | None] = pool.map(lambda receipt: keep(receipt, text_height), receipts)
        return [receipt for receipt in kept if receipt is not None]


def draw_sample(receipt: KeptReceipt, settings: SampleSettings, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Cut one crop around a random segment.

    Args:
        receipt: The receipt to cut from.
        settings: Size and scale of the crop.
        rng: Source of chance.

    Returns:
        Grey pixels (height x width) and the labels (N x 4 x 2) in the pixels of the crop; labels that lie outside of
        the crop are left out, those over its edge are not cut.
    """
    factor = np.exp(rng.uniform(np.log(settings.scale_from), np.log(settings.scale_to)))
    scale = settings.text_height * factor / receipt.text_height
    stretch = rng.uniform(0.93, 1.07)
    angle = np.deg2rad(np.clip(rng.normal(0.0, 0.8), -_TURN_LIMIT, _TURN_LIMIT)) if rng.random() < 0.6 else 0.0
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([scale * stretch, scale])
    points = receipt.quads @ linear.T
    # The window holds one random segment and does not leave the text farther than a margin.
    anchor = points[rng.integers(len(points))].mean(axis=0)
    size = np.array([settings.width, settings.height])
    origin = anchor - rng.uniform(0.1, 0.9, 2) * size
    low, high = points.reshape(-1, 2).min(axis=0) - 48, points.reshape(-1, 2).max(axis=0) + 48 - size
    span = np.maximum(high - low, 0)
    origin = np.where(
        high > low, np.clip(origin, low, low + span), low - rng.uniform(0, 1, 2) * np.maximum(low - high, 0)
    )
    matrix = np.hstack([linear, -origin[:, None]])
    crop = cv2.warpAffine(
        receipt.grey,
        matrix,
        (settings.width, settings.height),
        flags=cv2.INTER_AREA if scale < 0.6 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    quads = (points - origin).astype(np.float32)
    centre = quads[:, :, 1].mean(axis=1)
    inside = (
        (quads[:, :, 0].max(axis=1) > 0)
        & (quads[:, :, 0].min(axis=1) < settings.width)
        & (centre > -settings.text_height)
        & (centre < settings.height + settings.text_height)
    )
    return wear(crop.astype(np.uint8, copy=False), rng), quads[inside]


def wear(grey: Pixels, rng: np.random.Generator) -> Pixels:
    """Change brightness, contrast, sharpness and grain as cameras, scanners and thermal paper do."""
    levels = np.arange(256, dtype=np.float32)
    if rng.random() < 0.7:
        levels = (levels - 128) * rng.uniform(0.55, 1.2) + 128 + rng.uniform(-35, 25)
    if rng.random() < 0.3:
        levels = 255 * np.power(np.clip(levels, 0, 255) / 255, rng.uniform(0.6, 1.7))
    grey = cv2.LUT(grey, np.clip(levels, 0, 255).astype(np.uint8)).astype(np.uint8, copy=False)
    if rng.random() < 0.15:
        grey = _shade(grey, rng)
    if rng.random() < 0.25:
        grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.4, 1.1)).astype(np.uint8, copy=False)
    if rng.random() < 0.3:
        noise = rng.standard_normal(grey.shape, dtype=np.float32) * rng.uniform(2, 12)
        grey = np.clip(grey + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))])
        grey = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return grey


def _shade(grey: Pixels, rng: np.random.Generator) -> Pixels:
    """A soft shadow: brightness that changes evenly across the crop."""
    corners = rng.uniform(0.6, 1.1, (2, 2)).astype(np.float32)
    field = cv2.resize(corners, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(grey * field, 0, 255), np.uint8)
