"""Training samples: crops of labeled receipts, scaled to the working height, turned and worn a little.

Training only. All pictures are kept in memory, gray and not much larger than the network will see them, so that a step
does not wait for JPEG decoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2
import numpy as np

from services.detector.anchors import is_short
from services.detector.training.damage import bend, degrade, move, perspective, put_on_background, warp
from shared.arrays import Doubles, Flags, Floats, Pixels
from shared.learning.labels import DatasetError, LabeledReceipt
from shared.pictures.gray import to_gray

#: Pictures are kept so that their median segment is at most this much higher than the working height.
_KEPT_SCALE = 1.35
_TURN_LIMIT, _DAMAGED_TURN = 2.5, 4.0
#: Share of crops drawn around a segment of one or two characters, where the receipt has any.
_SHORT_SHARE = 0.3
#: A receipt that stands askew by less (degrees) is left so.
_UPRIGHT = 1.0


@dataclass(frozen=True)
class KeptReceipt:
    """A receipt in memory.

    Attributes:
        key: Its key.
        gray: H x W pixels.
        quads: N x 4 x 2 labels in these pixels.
        text_height: Median height of the segments in these pixels.
        ignored: M x 4 x 2, print that is neither text nor blank.
        tilt: Degrees by which the rows fall to the right; crops are turned back by it.
    """

    key: str
    gray: Pixels
    quads: Floats
    text_height: float
    ignored: Floats = field(default_factory=lambda: np.zeros((0, 4, 2), np.float32))
    tilt: float = 0.0


@dataclass(frozen=True)
class SampleSettings:
    """How crops are drawn.

    Attributes:
        height: Height of a crop in pixels, a multiple of 16.
        width: Width of a crop in pixels, a multiple of 16.
        text_height: Height in pixels to which the median segment of a receipt is scaled.
        scale_from: Least factor on the text height; factors are drawn evenly on a log scale.
        scale_to: Largest factor on the text height.
        damage: Share of crops that are damaged as photographs are, see :mod:`services.detector.training.damage`.
    """

    height: int = 512
    width: int = 512
    text_height: float = 18.0
    scale_from: float = 0.75
    scale_to: float = 1.35
    damage: float = 0.3


def segment_heights(quads: Floats) -> Floats:
    """N x 4 x 2 -> N: height of each quad, along its left and right sides, in pixels."""
    left = np.linalg.norm(quads[:, 3] - quads[:, 0], axis=-1)
    right = np.linalg.norm(quads[:, 2] - quads[:, 1], axis=-1)
    return np.asarray(0.5 * (left + right), np.float32)


def row_tilt(quads: Floats) -> float:
    """Median angle of the upper and lower sides of N quads, weighted by length, in degrees: by how much rows fall."""
    sides = (quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]).astype(np.float64)
    length = np.linalg.norm(sides, axis=1)
    whole = np.angle((sides[:, 0] + 1j * sides[:, 1]).sum())  # the median is taken around it: angles wrap
    off = np.angle((sides[:, 0] + 1j * sides[:, 1]) * np.exp(-1j * whole))
    order = np.argsort(off)
    total = np.cumsum(length[order])
    return float(np.rad2deg(whole + off[order][np.searchsorted(total, total[-1] / 2)]))


def keep(receipt: LabeledReceipt, text_height: float) -> KeptReceipt | None:
    """Read a receipt into memory; None if it has no label or its picture cannot be read."""
    quads = receipt.quads
    if not len(quads):
        return None
    try:
        image = receipt.read_image()
    except DatasetError:
        return None
    gray = to_gray(image)
    height = float(np.median(segment_heights(quads)))
    scale = min(1.0, _KEPT_SCALE * text_height / max(height, 1.0))
    if scale < 1.0:
        gray = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    # the same convention as cv2.resize: pixel areas, not pixel centers
    tilt = row_tilt(quads)
    return KeptReceipt(
        receipt.key,
        gray.astype(np.uint8, copy=False),
        quads * scale,
        height * scale,
        ignored=receipt.ignored * scale,
        tilt=tilt if abs(tilt) > _UPRIGHT else 0.0,
    )


def keep_all(receipts: Sequence[LabeledReceipt], text_height: float, workers: int = 1) -> list[KeptReceipt]:
    """Read receipts into memory; those without label or readable picture are left out."""
    with ThreadPoolExecutor(workers) as pool:
        kept: Iterable[KeptReceipt | None] = pool.map(lambda receipt: keep(receipt, text_height), receipts)
        return [receipt for receipt in kept if receipt is not None]


def draw_sample(
    receipt: KeptReceipt, settings: SampleSettings, rng: np.random.Generator
) -> tuple[Pixels, Floats, Floats]:
    """Cut one crop around a random segment.

    Args:
        receipt: The receipt to cut from.
        settings: Size and scale of the crop.
        rng: Source of chance.

    Returns:
        Gray pixels (height x width), the labels (N x 4 x 2) and what is ignored (M x 4 x 2) in the pixels of the crop;
        labels that lie outside of the crop are left out, those over its edge are not cut.
    """
    damaged = rng.random() < settings.damage
    size = settings.width, settings.height
    linear = _linear(receipt, settings, damaged, rng)
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = -_origin(receipt.quads @ linear.T, settings, rng)
    field = None
    if damaged and rng.random() < 0.6:
        matrix = perspective(*size, rng) @ matrix
    if damaged and rng.random() < 0.5:
        field = bend(*size, rng)
    if field is None and not damaged:
        flags = cv2.INTER_AREA if np.linalg.norm(linear[:, 0]) < 0.6 else cv2.INTER_LINEAR
        straight = cv2.warpAffine(receipt.gray, matrix[:2], size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        crop = np.asarray(straight, np.uint8)
    else:
        crop = warp(receipt.gray, matrix, field, size)
    quads, ignored = move(receipt.quads, matrix, field), move(receipt.ignored, matrix, field)
    if damaged and rng.random() < 0.4:
        printed = np.concatenate([quads, ignored])
        crop = put_on_background(crop, printed, settings.text_height * rng.uniform(0.8, 3.0), rng)
    crop = wear(crop, rng)
    if damaged and rng.random() < 0.7:
        crop = degrade(crop, rng)
    return crop, quads[_inside(quads, settings)], ignored


def _linear(receipt: KeptReceipt, settings: SampleSettings, damaged: bool, rng: np.random.Generator) -> Doubles:
    """The linear part (2 x 2) of the way from a receipt to a crop: scale, a little stretch, turn."""
    factor = np.exp(rng.uniform(np.log(settings.scale_from), np.log(settings.scale_to)))
    scale = settings.text_height * factor / receipt.text_height
    stretch = rng.uniform(0.93, 1.07)
    if damaged:
        turn = rng.uniform(-_DAMAGED_TURN, _DAMAGED_TURN)
    else:
        turn = np.clip(rng.normal(0.0, 0.8), -_TURN_LIMIT, _TURN_LIMIT) if rng.random() < 0.6 else 0.0
    angle = np.deg2rad(turn - receipt.tilt)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.array([[cos, -sin], [sin, cos]])
    if receipt.tilt:  # stretch along the rows, which only lie level once the receipt is turned back
        return np.asarray(np.diag([scale * stretch, scale]) @ turned)
    return np.asarray(turned @ np.diag([scale * stretch, scale]))


def _origin(points: Doubles, settings: SampleSettings, rng: np.random.Generator) -> Doubles:
    """Upper left corner of a window that holds one random segment and leaves the text no farther than a margin."""
    short = np.flatnonzero(is_short(points.astype(np.float32)))
    chosen = int(rng.integers(len(points)))
    if len(short) and rng.random() < _SHORT_SHARE:
        chosen = int(short[rng.integers(len(short))])
    size = np.array([settings.width, settings.height])
    origin = points[chosen].mean(axis=0) - rng.uniform(0.1, 0.9, 2) * size
    low, high = points.reshape(-1, 2).min(axis=0) - 48, points.reshape(-1, 2).max(axis=0) + 48 - size
    span = np.maximum(high - low, 0)
    return np.asarray(
        np.where(high > low, np.clip(origin, low, low + span), low - rng.uniform(0, 1, 2) * np.maximum(low - high, 0))
    )


def _inside(quads: Floats, settings: SampleSettings) -> Flags:
    """Which of N quads lie in the crop, at least in part."""
    center = quads[:, :, 1].mean(axis=1)
    return np.asarray(
        (quads[:, :, 0].max(axis=1) > 0)
        & (quads[:, :, 0].min(axis=1) < settings.width)
        & (center > -settings.text_height)
        & (center < settings.height + settings.text_height)
    )


def wear(gray: Pixels, rng: np.random.Generator) -> Pixels:
    """Change brightness, contrast, sharpness and grain as cameras, scanners and thermal paper do."""
    levels = np.arange(256, dtype=np.float32)
    if rng.random() < 0.7:
        levels = (levels - 128) * rng.uniform(0.55, 1.2) + 128 + rng.uniform(-35, 25)
    if rng.random() < 0.3:
        levels = 255 * np.power(np.clip(levels, 0, 255) / 255, rng.uniform(0.6, 1.7))
    gray = cv2.LUT(gray, np.clip(levels, 0, 255).astype(np.uint8)).astype(np.uint8, copy=False)
    if rng.random() < 0.15:
        gray = _shade(gray, rng)
    if rng.random() < 0.25:
        gray = cv2.GaussianBlur(gray, (0, 0), rng.uniform(0.4, 1.1)).astype(np.uint8, copy=False)
    if rng.random() < 0.3:
        noise = rng.standard_normal(gray.shape, dtype=np.float32) * rng.uniform(2, 12)
        gray = np.clip(gray + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))])
        gray = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return gray


def _shade(gray: Pixels, rng: np.random.Generator) -> Pixels:
    """A soft shadow: brightness that changes evenly across the crop."""
    corners = rng.uniform(0.6, 1.1, (2, 2)).astype(np.float32)
    field = cv2.resize(corners, (gray.shape[1], gray.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(gray * field, 0, 255), np.uint8)
