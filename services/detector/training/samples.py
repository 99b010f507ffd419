"""Cut training crops from labeled receipts: scaled to the working height, turned and worn slightly.

All pictures are kept in memory, gray and not much larger than the network sees them, so that no step waits for JPEG
decoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2
import numpy as np

from services.detector.anchors import is_short
from services.detector.training.damage import (
    degrade,
    draw_bend,
    draw_perspective,
    move_points,
    put_on_background,
    warp_image,
    wear_crop,
)
from shared.arrays import Doubles, Flags, Floats, Pixels
from shared.learning.labels import DatasetError, LabeledReceipt
from shared.pictures.gray import to_gray

# Maximum height of the median segment of a loaded picture, as a multiple of the working height.
_LOADED_SCALE = 1.35
# Maximum turns in degrees, of plain and of damaged crops.
_MAX_TURN, _MAX_DAMAGED_TURN = 2.5, 4.0
# Share of crops drawn around a segment of one or two characters, if the receipt has any.
_SHORT_SHARE = 0.3
# Minimum tilt in degrees at which a receipt is turned back.
_MIN_TILT = 1.0


@dataclass(frozen=True)
class LoadedReceipt:
    """A receipt in memory.

    Attributes:
        key: Key of the receipt.
        gray: `(H, W)` pixels.
        quads: `(N, 4, 2)` labels in these pixels.
        text_height: Median height of the segments in these pixels.
        ignored: `(M, 4, 2)` print that is neither text nor blank.
        tilt: Degrees by which the rows fall to the right; crops are turned back by it.
    """

    key: str
    gray: Pixels
    quads: Floats
    text_height: float
    ignored: Floats = field(default_factory=lambda: np.zeros((0, 4, 2), np.float32))
    tilt: float = 0.0


@dataclass(frozen=True)
class CropSettings:
    """How crops are drawn.

    Attributes:
        height: Height of a crop in pixels, a multiple of 16.
        width: Width of a crop in pixels, a multiple of 16.
        text_height: Height in pixels to which the median segment of a receipt is scaled.
        scale_from: Minimum factor of the text height; factors are drawn evenly on a log scale.
        scale_to: Maximum factor of the text height.
        damage: Share of crops that are damaged; see `services.detector.training.damage`.
    """

    height: int = 512
    width: int = 512
    text_height: float = 18.0
    scale_from: float = 0.75
    scale_to: float = 1.35
    damage: float = 0.3


def measure_heights(quads: Floats) -> Floats:
    """Measure the height of each quad `(N, 4, 2)` along its left and right sides in pixels, `(N,)`."""
    left = np.linalg.norm(quads[:, 3] - quads[:, 0], axis=-1)
    right = np.linalg.norm(quads[:, 2] - quads[:, 1], axis=-1)
    return np.asarray(0.5 * (left + right), np.float32)


def measure_tilt(quads: Floats) -> float:
    """Measure by how many degrees rows fall: the median angle of the sides of quads `(N, 4, 2)`, weighted by length."""
    sides = (quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]).astype(np.float64)
    length = np.linalg.norm(sides, axis=1)
    # Angles wrap, so the median is taken around the mean.
    whole = np.angle((sides[:, 0] + 1j * sides[:, 1]).sum())
    off = np.angle((sides[:, 0] + 1j * sides[:, 1]) * np.exp(-1j * whole))
    order = np.argsort(off)
    total = np.cumsum(length[order])
    return float(np.rad2deg(whole + off[order][np.searchsorted(total, total[-1] / 2)]))


def load_receipt(receipt: LabeledReceipt, text_height: float) -> LoadedReceipt | None:
    """Load a receipt into memory. Return None if it has no label or its picture cannot be read."""
    quads = receipt.quads
    if not len(quads):
        return None
    try:
        image = receipt.read_image()
    except DatasetError:
        return None
    gray = to_gray(image)
    height = float(np.median(measure_heights(quads)))
    scale = min(1.0, _LOADED_SCALE * text_height / max(height, 1.0))
    if scale < 1.0:
        gray = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    tilt = measure_tilt(quads)
    # As in cv2.resize, coordinates refer to pixel areas, so they scale without an offset.
    return LoadedReceipt(
        receipt.key,
        gray.astype(np.uint8, copy=False),
        quads * scale,
        height * scale,
        ignored=receipt.ignored * scale,
        tilt=tilt if abs(tilt) > _MIN_TILT else 0.0,
    )


def load_receipts(receipts: Sequence[LabeledReceipt], text_height: float, workers: int = 1) -> list[LoadedReceipt]:
    """Load receipts into memory, without those that have no label or no readable picture."""
    with ThreadPoolExecutor(workers) as pool:
        loaded: Iterable[LoadedReceipt | None] = pool.map(lambda receipt: load_receipt(receipt, text_height), receipts)
        return [receipt for receipt in loaded if receipt is not None]


def draw_crop(
    receipt: LoadedReceipt, settings: CropSettings, rng: np.random.Generator
) -> tuple[Pixels, Floats, Floats]:
    """Cut one crop around a random segment.

    Args:
        receipt: Receipt to cut from.
        settings: Size and scale of the crop.
        rng: Random generator.

    Returns:
        Gray pixels `(height, width)`, the labels `(N, 4, 2)` and ignored print `(M, 4, 2)` in pixels of the crop.
        Labels outside of the crop are left out; those over its edge are not clipped.
    """
    damaged = rng.random() < settings.damage
    size = settings.width, settings.height
    linear = _draw_transform(receipt, settings, damaged, rng)
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = -_draw_origin(receipt.quads @ linear.T, settings, rng)
    field = None
    if damaged and rng.random() < 0.6:
        matrix = draw_perspective(*size, rng) @ matrix
    if damaged and rng.random() < 0.5:
        field = draw_bend(*size, rng)
    if field is None and not damaged:
        flags = cv2.INTER_AREA if np.linalg.norm(linear[:, 0]) < 0.6 else cv2.INTER_LINEAR
        straight = cv2.warpAffine(receipt.gray, matrix[:2], size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        crop = np.asarray(straight, np.uint8)
    else:
        crop = warp_image(receipt.gray, matrix, field, size)
    quads, ignored = move_points(receipt.quads, matrix, field), move_points(receipt.ignored, matrix, field)
    if damaged and rng.random() < 0.4:
        printed = np.concatenate([quads, ignored])
        crop = put_on_background(crop, printed, settings.text_height * rng.uniform(0.8, 3.0), rng)
    crop = wear_crop(crop, rng)
    if damaged and rng.random() < 0.7:
        crop = degrade(crop, rng)
    return crop, quads[_find_inside(quads, settings)], ignored


def _draw_transform(receipt: LoadedReceipt, settings: CropSettings, damaged: bool, rng: np.random.Generator) -> Doubles:
    """Draw the linear part `(2, 2)` of the mapping from a receipt to a crop: scale, slight stretch, turn."""
    factor = np.exp(rng.uniform(np.log(settings.scale_from), np.log(settings.scale_to)))
    scale = settings.text_height * factor / receipt.text_height
    stretch = rng.uniform(0.93, 1.07)
    if damaged:
        turn = rng.uniform(-_MAX_DAMAGED_TURN, _MAX_DAMAGED_TURN)
    else:
        turn = np.clip(rng.normal(0.0, 0.8), -_MAX_TURN, _MAX_TURN) if rng.random() < 0.6 else 0.0
    angle = np.deg2rad(turn - receipt.tilt)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.array([[cos, -sin], [sin, cos]])
    # Stretch along the rows, which are level only after the receipt is turned back.
    if receipt.tilt:
        return np.asarray(np.diag([scale * stretch, scale]) @ turned)
    return np.asarray(turned @ np.diag([scale * stretch, scale]))


def _draw_origin(points: Doubles, settings: CropSettings, rng: np.random.Generator) -> Doubles:
    """Draw the top left corner of a window that contains a random segment and extends little beyond the text."""
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


def _find_inside(quads: Floats, settings: CropSettings) -> Flags:
    """Return which of N quads are in the crop, at least in part."""
    center = quads[:, :, 1].mean(axis=1)
    return np.asarray(
        (quads[:, :, 0].max(axis=1) > 0)
        & (quads[:, :, 0].min(axis=1) < settings.width)
        & (center > -settings.text_height)
        & (center < settings.height + settings.text_height)
    )
