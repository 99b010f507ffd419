"""Augment training segments: jitter the cut and wear the picture.

Quads of the detector are looser, tighter and shifted relative to the labels, and receipts are faded, blurred, creased
and badly scanned. Every operation takes tens of microseconds, since it shares one core with the training.
"""

from __future__ import annotations

import cv2
import numpy as np

from services.recognizer.network.architecture import FRAME_STRIDE
from shared.arrays import Floats, Pixels

# Maximum share by which a crop is squeezed or stretched along the text.
_SQUEEZE = 0.2
# Maximum displacement of a side inward and outward, as a share of the height of the segment. Left and right sides of
# the detector are less precise than its tops and bottoms.
_INWARD = -0.10
_OUTWARD_X, _OUTWARD_Y = 0.25, 0.18


def cut_jittered(
    stored: Pixels,
    margin: int,
    *,
    height: int,
    stretch: float,
    rng: np.random.Generator | None,
    near: float | None = None,
) -> Pixels:
    """Cut a segment out of its stored surroundings at the height of the network.

    Args:
        stored: `(h + 2 margin, w + 2 margin)` gray, the segment with its surroundings.
        margin: Pixels of surroundings on each side.
        height: Height of the crop in pixels.
        stretch: Factor of the width.
        rng: Random generator; None cuts the exact box.
        near: Width in pixels toward which the crop is squeezed or stretched, by 20% at most, so that the crops of a
            batch are similar; None for no target.

    Returns:
        `(height, W)` uint8, `W` a multiple of the frame stride.
    """
    full_h, full_w = stored.shape
    h = full_h - 2 * margin
    x0, y0, x1, y1 = float(margin), float(margin), float(full_w - margin), float(full_h - margin)
    slant = tilt = 0.0
    if rng is not None:
        if rng.random() < 0.85:
            left, right = rng.uniform(_INWARD, _OUTWARD_X, 2) * h
            top, bottom = rng.uniform(_INWARD, _OUTWARD_Y, 2) * h
            x0, y0, x1, y1 = x0 - left, y0 - top, x1 + right, y1 + bottom
        # Shear: the top moves one way, the bottom the other.
        slant = float(rng.normal(0.0, 0.05)) * h
        # Tilt: one end moves up, the other down.
        tilt = float(np.clip(rng.normal(0.0, 0.03), -0.08, 0.08)) * h
    width = max(2.0, x1 - x0) / (y1 - y0) * height * stretch
    if near is not None:
        width *= float(np.clip(near / width, 1 - _SQUEEZE, 1 + _SQUEEZE))
    columns = max(2, round(width / FRAME_STRIDE)) * FRAME_STRIDE
    source = np.array([[x0 + slant, y0 - tilt], [x1 + slant, y0 + tilt], [x0 - slant, y1 - tilt]], np.float32)
    target = np.array([[0, 0], [columns, 0], [0, height]], np.float32)
    matrix = cv2.getAffineTransform(source, target)
    cut = cv2.warpAffine(stored, matrix, (columns, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cut.astype(np.uint8, copy=False)


def wear_cut(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Fade, blur, thicken, thin, shade and roughen a crop.

    Args:
        image: `(H, W)` uint8.
        rng: Random generator.

    Returns:
        `(H, W)` uint8.
    """
    out: Pixels = image
    chance = rng.random(7)
    if chance[0] < 0.12:
        out = _rescale(out, float(rng.uniform(0.35, 0.85)))
    if chance[1] < 0.12:
        kernel = np.ones((2, 2) if rng.random() < 0.5 else (1, 2), np.uint8)
        # Ink is dark, so erosion thickens it.
        operation = cv2.erode if rng.random() < 0.6 else cv2.dilate
        out = operation(out, kernel).astype(np.uint8, copy=False)
    if chance[2] < 0.17:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.4, 2.2))).astype(np.uint8, copy=False)
    elif chance[2] < 0.22:
        kernel_f = np.full((1, 3), 1 / 3, np.float32)
        out = cv2.filter2D(out, -1, kernel_f if rng.random() < 0.7 else kernel_f.T).astype(np.uint8, copy=False)
    values = out.astype(np.float32)
    values = _tone(values, rng)
    if chance[3] < 0.12:
        ramp = np.linspace(float(rng.uniform(-40, 40)), float(rng.uniform(-40, 40)), values.shape[1], dtype=np.float32)
        values += ramp
    if chance[4] < 0.3:
        values += rng.standard_normal(values.shape, dtype=np.float32) * float(rng.uniform(2, 14))
    if chance[5] < 0.05:
        _add_crease(values, rng)
    if chance[6] < 0.015:
        values = 255.0 - values
    return np.clip(values, 0, 255).astype(np.uint8)


def _rescale(image: Pixels, factor: float) -> Pixels:
    height, width = image.shape
    small = cv2.resize(
        image, (max(4, round(width * factor)), max(8, round(height * factor))), interpolation=cv2.INTER_AREA
    )
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def _tone(values: Floats, rng: np.random.Generator) -> Floats:
    """Change contrast around the shade of the paper, brightness and gamma."""
    if rng.random() < 0.3:
        gamma = float(np.exp(rng.normal(0.0, 0.3)))
        values = 255.0 * np.power(values * (1 / 255.0), gamma, dtype=np.float32)
    paper = float(values[:, :: max(1, values.shape[1] // 32)].max())
    contrast = float(rng.uniform(0.3, 1.25)) if rng.random() < 0.5 else 1.0
    return (values - paper) * contrast + paper + float(rng.normal(0.0, 12.0))


def _add_crease(values: Floats, rng: np.random.Generator) -> None:
    """Add a light or dark line across the text, in place, as where paper was folded."""
    height, width = values.shape
    shade = float(rng.uniform(-60, 60))
    if rng.random() < 0.5:
        column = int(rng.integers(0, width))
        values[:, column : column + int(rng.integers(1, 3))] += shade
    else:
        values[int(rng.integers(0, height)), :] += shade
