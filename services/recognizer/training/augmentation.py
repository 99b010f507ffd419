"""Jitter of the cut and wear of the picture, for training.

The detector's boxes are looser, tighter and shifted against the labels, and receipts are faded, blurred, creased and
badly scanned. Every operation here costs tens of microseconds, since it runs beside the training on one core.
"""

from __future__ import annotations

import cv2
import numpy as np

from services.recognizer.network.architecture import FRAME_STRIDE
from shared.arrays import Floats, Pixels

_SQUEEZE = 0.2
"""How much a cut is squeezed or stretched along the text at most."""
_INWARD = -0.10
_OUTWARD_X, _OUTWARD_Y = 0.25, 0.18
"""How far a side of the cut moves at most, as a share of the segment's height; outward positive. The detector's sides
are less certain than its tops and bottoms."""


def jittered_cut(
    stored: Pixels,
    margin: int,
    *,
    height: int,
    stretch: float,
    rng: np.random.Generator | None,
    near: float | None = None,
) -> Pixels:
    """Cut a segment out of its stored surrounding, at the network's height.

    Args:
        stored: `(h + 2 margin, w + 2 margin)` gray, the segment with its surrounding.
        margin: pixels of surrounding on each side.
        height: pixels of the cut's height.
        stretch: how much wider than its aspect ratio the cut becomes.
        rng: None cuts the segment's box as it is.
        near: columns that the cut is squeezed or stretched toward, by 20% at most: the neighbors in its batch.

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
        slant = float(rng.normal(0.0, 0.05)) * h  # shear: the top goes one way, the bottom the other
        tilt = float(np.clip(rng.normal(0.0, 0.03), -0.08, 0.08)) * h  # the ends rise and sink
    width = max(2.0, x1 - x0) / (y1 - y0) * height * stretch
    if near is not None:
        width *= float(np.clip(near / width, 1 - _SQUEEZE, 1 + _SQUEEZE))
    columns = max(2, round(width / FRAME_STRIDE)) * FRAME_STRIDE
    source = np.array([[x0 + slant, y0 - tilt], [x1 + slant, y0 + tilt], [x0 - slant, y1 - tilt]], np.float32)
    target = np.array([[0, 0], [columns, 0], [0, height]], np.float32)
    matrix = cv2.getAffineTransform(source, target)
    cut = cv2.warpAffine(stored, matrix, (columns, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cut.astype(np.uint8, copy=False)


def wear(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Fade, blur, thicken, thin, shade and roughen a cut.

    Args:
        image: `(H, W)` uint8.
        rng: where the randomness comes from.

    Returns:
        A picture of the same size.
    """
    out: Pixels = image
    chance = rng.random(7)
    if chance[0] < 0.12:
        out = _rescaled(out, float(rng.uniform(0.35, 0.85)))
    if chance[1] < 0.12:
        kernel = np.ones((2, 2) if rng.random() < 0.5 else (1, 2), np.uint8)
        operation = cv2.erode if rng.random() < 0.6 else cv2.dilate  # ink is dark: erosion thickens it
        out = operation(out, kernel).astype(np.uint8, copy=False)
    if chance[2] < 0.17:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.4, 2.2))).astype(np.uint8, copy=False)
    elif chance[2] < 0.22:
        kernel_f = np.full((1, 3), 1 / 3, np.float32)
        out = cv2.filter2D(out, -1, kernel_f if rng.random() < 0.7 else kernel_f.T).astype(np.uint8, copy=False)
    values = out.astype(np.float32)
    values = _toned(values, rng)
    if chance[3] < 0.12:
        ramp = np.linspace(float(rng.uniform(-40, 40)), float(rng.uniform(-40, 40)), values.shape[1], dtype=np.float32)
        values += ramp
    if chance[4] < 0.3:
        values += rng.standard_normal(values.shape, dtype=np.float32) * float(rng.uniform(2, 14))
    if chance[5] < 0.05:
        _crease(values, rng)
    if chance[6] < 0.015:
        values = 255.0 - values
    return np.clip(values, 0, 255).astype(np.uint8)


def _rescaled(image: Pixels, factor: float) -> Pixels:
    height, width = image.shape
    small = cv2.resize(
        image, (max(4, round(width * factor)), max(8, round(height * factor))), interpolation=cv2.INTER_AREA
    )
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def _toned(values: Floats, rng: np.random.Generator) -> Floats:
    """Contrast around the paper's shade, brightness, gamma."""
    if rng.random() < 0.3:
        gamma = float(np.exp(rng.normal(0.0, 0.3)))
        values = 255.0 * np.power(values * (1 / 255.0), gamma, dtype=np.float32)
    paper = float(values[:, :: max(1, values.shape[1] // 32)].max())
    contrast = float(rng.uniform(0.3, 1.25)) if rng.random() < 0.5 else 1.0
    return (values - paper) * contrast + paper + float(rng.normal(0.0, 12.0))


def _crease(values: Floats, rng: np.random.Generator) -> None:
    """A light or dark line across the text, where paper was folded (in place)."""
    height, width = values.shape
    shade = float(rng.uniform(-60, 60))
    if rng.random() < 0.5:
        column = int(rng.integers(0, width))
        values[:, column : column + int(rng.integers(1, 3))] += shade
    else:
        values[int(rng.integers(0, height)), :] += shade
