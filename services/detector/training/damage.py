"""Damage pages and crops as photographs and old copies are: bent paper, backgrounds, shadows, low resolution.

Functions that move print return the new positions of the labels too.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.arrays import Doubles, Floats, Pixels
from shared.pictures.gray import to_gray

# Maximum displacement of a corner in a mild perspective, as a share of the crop.
_PERSPECTIVE = 0.035
# Ranges of the distance between knots of the smooth field (px), and of the displacement of a knot (px).
_KNOT, _BEND = (90.0, 220.0), (1.0, 4.0)


def draw_perspective(width: int, height: int, rng: np.random.Generator) -> Doubles:
    """Draw a homography `(3, 3)` that moves the corners of a crop slightly."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.uniform(-_PERSPECTIVE, _PERSPECTIVE, (4, 2)).astype(np.float32) * (width, height)
    return np.asarray(cv2.getPerspectiveTransform(corners, moved.astype(np.float32)), np.float64)


def draw_bend(width: int, height: int, rng: np.random.Generator) -> Floats:
    """Draw a smooth field of displacements as of crumpled paper, `(H, W, 2)` x and y in pixels."""
    knot = rng.uniform(*_KNOT)
    rows, columns = max(3, round(height / knot) + 2), max(3, round(width / knot) + 2)
    knots = rng.normal(0.0, rng.uniform(*_BEND), (rows, columns, 2)).astype(np.float32)
    field = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field, np.float32)


def warp_image(gray: Pixels, matrix: Doubles, field: Floats | None, size: tuple[int, int]) -> Pixels:
    """Warp an image by a homography, then by a field: pixel p of the result shows point p + field(p).

    Args:
        gray: `(H, W)` pixels.
        matrix: `(3, 3)`, from the image to the result before bending.
        field: `(H, W, 2)` displacements in pixels, or None.
        size: Width and height of the result.
    """
    width, height = size
    if field is None:
        return np.asarray(
            cv2.warpPerspective(gray, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    bent = np.stack([x, y], axis=-1) + field
    source = cv2.perspectiveTransform(bent.reshape(1, -1, 2), np.linalg.inv(matrix)).reshape(height, width, 2)
    from_x, from_y = np.ascontiguousarray(source[..., 0], np.float32), np.ascontiguousarray(source[..., 1], np.float32)
    shown = cv2.remap(gray, from_x, from_y, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shown, np.uint8)


def move_points(points: NDArray[Any], matrix: Doubles, field: Floats | None) -> Floats:
    """Map points `(..., 2)` as `warp_image` maps the image; points outside of the field move as its border does."""
    flat = np.asarray(points, np.float64).reshape(1, -1, 2)
    if not flat.size:
        return np.asarray(points, np.float32)
    flat = cv2.perspectiveTransform(flat, matrix)[0]
    if field is not None:
        target = flat
        # Solve p + field(p) = target by iteration; the field is smooth and small.
        for _ in range(3):
            x = np.clip(np.rint(flat[:, 0]), 0, field.shape[1] - 1).astype(int)
            y = np.clip(np.rint(flat[:, 1]), 0, field.shape[0] - 1).astype(int)
            flat = target - field[y, x]
    return np.asarray(flat.reshape(np.shape(points)), np.float32)


def damage_page(
    image: Pixels, quads: Floats, ignored: Floats, rng: np.random.Generator
) -> tuple[Pixels, Floats, Floats]:
    """Damage a whole page: mild perspective, bends, and the effects of `degrade`.

    Args:
        image: `(H, W, 3)` BGR or `(H, W)`, uint8.
        quads: `(N, 4, 2)` labels in pixels.
        ignored: `(M, 4, 2)` ignored print in pixels.
        rng: Random generator.

    Returns:
        The gray image, and the new positions of `quads` and `ignored`.
    """
    gray = to_gray(image)
    size = gray.shape[1], gray.shape[0]
    matrix, field = draw_perspective(*size, rng), draw_bend(*size, rng)
    worn = degrade(warp_image(gray, matrix, field, size), rng)
    return worn, move_points(quads, matrix, field), move_points(ignored, matrix, field)


def put_on_background(gray: Pixels, quads: Floats, margin: float, rng: np.random.Generator) -> Pixels:
    """Put a patterned background around the paper, which is assumed to end at a margin from the print.

    Args:
        gray: `(H, W)` pixels of a crop.
        quads: `(N, 4, 2)` all print of the receipt in pixels of the crop, inside or outside of it.
        margin: Margin in pixels.
        rng: Random generator.
    """
    hull = cv2.convexHull(quads.reshape(-1, 2).astype(np.float32))
    paper = np.zeros(gray.shape, np.uint8)
    cv2.fillConvexPoly(paper, np.clip(hull, -8000, 8000).astype(np.int32), 255)
    reach = 2 * round(margin) + 1
    paper = cv2.dilate(paper, cv2.getStructuringElement(cv2.MORPH_RECT, (reach, reach))).astype(np.uint8)
    share = cv2.GaussianBlur(paper, (0, 0), rng.uniform(0.6, 1.5)).astype(np.float32) / 255
    return np.asarray(gray * share + _draw_pattern(gray.shape, rng) * (1 - share), np.uint8)


def _draw_pattern(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Draw a background without print, `(H, W)`: noise of one to three grain sizes, sometimes stripes."""
    height, width = shape[:2]
    ground = np.full((height, width), rng.uniform(20, 190), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        grain = np.exp(rng.uniform(0.0, 5.0, 2))
        coarse = rng.standard_normal((2 + int(height / grain[0]), 2 + int(width / grain[1])), dtype=np.float32)
        ground += rng.uniform(4, 28) * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.4:
        angle, period = rng.uniform(0, np.pi), rng.uniform(12, 90)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        ground += rng.uniform(8, 45) * np.sign(np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period))
    return np.clip(ground, 0, 255)


def wear_crop(gray: Pixels, rng: np.random.Generator) -> Pixels:
    """Change brightness, contrast, sharpness and grain as cameras, scanners and thermal paper do."""
    levels = np.arange(256, dtype=np.float32)
    if rng.random() < 0.7:
        levels = (levels - 128) * rng.uniform(0.55, 1.2) + 128 + rng.uniform(-35, 25)
    if rng.random() < 0.3:
        levels = 255 * np.power(np.clip(levels, 0, 255) / 255, rng.uniform(0.6, 1.7))
    gray = cv2.LUT(gray, np.clip(levels, 0, 255).astype(np.uint8)).astype(np.uint8, copy=False)
    if rng.random() < 0.15:
        gray = _add_shade(gray, rng, 0.6, 1.1)
    if rng.random() < 0.25:
        gray = cv2.GaussianBlur(gray, (0, 0), rng.uniform(0.4, 1.1)).astype(np.uint8, copy=False)
    if rng.random() < 0.3:
        noise = rng.standard_normal(gray.shape, dtype=np.float32) * rng.uniform(2, 12)
        gray = np.clip(gray + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        gray = _compress(gray, int(rng.integers(25, 80)))
    return gray


def degrade(gray: Pixels, rng: np.random.Generator) -> Pixels:
    """Apply one or two of: dark gradient, low resolution, blur, strong JPEG compression."""
    steps = (_darken, _coarsen, _blur, _compress_strongly)
    for index in sorted(rng.permutation(len(steps))[: int(rng.integers(1, 3))]):
        gray = steps[index](gray, rng)
    return gray


def _darken(gray: Pixels, rng: np.random.Generator) -> Pixels:
    return _add_shade(gray, rng, 0.3, 1.05)


def _coarsen(gray: Pixels, rng: np.random.Generator) -> Pixels:
    factor = rng.uniform(0.5, 0.85)
    small = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (gray.shape[1], gray.shape[0]), interpolation=cv2.INTER_LINEAR), np.uint8)


def _blur(gray: Pixels, rng: np.random.Generator) -> Pixels:
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(gray, (0, 0), rng.uniform(0.7, 1.6)), np.uint8)
    length, angle = int(rng.integers(3, 6)), rng.uniform(0, np.pi)
    kernel = np.zeros((7, 7), np.float32)
    shift = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    cv2.line(
        kernel, tuple(np.rint(3 - shift).astype(int).tolist()), tuple(np.rint(3 + shift).astype(int).tolist()), 1.0
    )
    return np.asarray(cv2.filter2D(gray, -1, kernel / kernel.sum()), np.uint8)


def _compress_strongly(gray: Pixels, rng: np.random.Generator) -> Pixels:
    return _compress(gray, int(rng.integers(15, 45)))


def _add_shade(gray: Pixels, rng: np.random.Generator, darkest: float, brightest: float) -> Pixels:
    """Multiply brightness by factors that change evenly across the image, as in a soft shadow."""
    corners = rng.uniform(darkest, brightest, (2, 2)).astype(np.float32)
    field = cv2.resize(corners, (gray.shape[1], gray.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(gray * field, 0, 255), np.uint8)


def _compress(gray: Pixels, quality: int) -> Pixels:
    """Compress as JPEG and decompress."""
    _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
