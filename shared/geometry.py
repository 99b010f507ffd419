"""Geometry of quads on numpy arrays.

Coordinates are continuous pixels: x to the right, y downwards, the origin at the outer corner of the top left pixel, so
the first pixel covers 0 to 1 and its center is at 0.5. A quad has four corners, clockwise from the top left corner of
the *text* it encloses. Its first edge therefore follows the reading direction, even on a page that lies on its side.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike

from shared.arrays import Floats, Pixels
from shared.contracts import Quad
from shared.mirroring import is_mirrored

_ROTATIONS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
_MAX_SUPERSAMPLING = 8


def round_quad(corners: ArrayLike, decimals: int = 2) -> Quad:
    """Round the corners of a quad `(4, 2)` for an answer."""
    points = np.asarray(corners).reshape(4, 2).tolist()
    first, second, third, fourth = ((round(x, decimals), round(y, decimals)) for x, y in points)
    return first, second, third, fourth


def quad_size(quad: ArrayLike) -> tuple[float, float]:
    """Return the width along the text and the height across it: means of opposite edges, in pixels."""
    # Plain Python: for so few numbers it is faster than numpy.
    first, second, third, fourth = np.asarray(quad, dtype=np.float32).reshape(4, 2).tolist()
    width = math.dist(first, second) + math.dist(third, fourth)
    height = math.dist(second, third) + math.dist(fourth, first)
    return width / 2, height / 2


def crop_quad(image: Pixels, quad: ArrayLike, height: int, *, max_width: int = 4096) -> Pixels:
    """Cut one text segment out of a page: perspective corrected, upright, scaled to a height.

    Args:
        image: `(H, W, C)` or `(H, W)`.
        quad: `(4, 2)` in pixels, clockwise from the top left corner of the text. It may reach over the edge of the
            page; the border of the page is repeated there.
        height: Height of the crop in pixels.
        max_width: Maximum width of the crop in pixels; longer segments are squeezed.

    Returns:
        `(height, width, C)` or `(height, width)`; the width keeps the aspect ratio of the quad.

    Raises:
        ValueError: If a coordinate is not finite.
    """
    corners = np.asarray(quad, dtype=np.float32).reshape(4, 2)
    if not np.isfinite(corners).all():
        raise ValueError("A quad has coordinates that are not finite.")
    across, down = quad_size(corners)
    width = min(max(round(across / max(down, 1.0) * height), 1), max_width)
    # Bilinear sampling alone would skip pixels of large text: warp to a whole multiple, then average.
    factor = min(max(int(down // height), 1), _MAX_SUPERSAMPLING)
    right, bottom = width * factor, height * factor
    target = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float32)
    # OpenCV puts the centers of pixels at whole numbers.
    transform = cv2.getPerspectiveTransform(corners - 0.5, target - 0.5)
    crop = cv2.warpPerspective(
        image,
        transform,
        (right, bottom),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if factor > 1:
        crop = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(crop, dtype=np.uint8)


def enclosing_quad(quads: ArrayLike) -> Floats:
    """Return the smallest rectangle around quads that follows their mean reading direction, mirrored if they are.

    Args:
        quads: `(N, 4, 2)` with N > 0.

    Returns:
        `(4, 2)`, clockwise from the top left corner of the text.

    Raises:
        ValueError: If there are no quads.
    """
    corners = np.asarray(quads, dtype=np.float64).reshape(-1, 4, 2)
    if len(corners) == 0:
        raise ValueError("Nothing to enclose: pass at least one quad.")
    direction = (corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3]).sum(axis=0)
    length = float(np.linalg.norm(direction))
    cosine, sine = direction / length if length > 1e-6 else (1.0, 0.0)
    down = -1.0 if is_mirrored(corners) else 1.0
    axes = np.array([[cosine, sine], [-down * sine, down * cosine]])  # rows: along the text, across it
    along = corners.reshape(-1, 2) @ axes.T
    (x0, y0), (x1, y1) = along.min(axis=0), along.max(axis=0)
    return np.asarray(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) @ axes, dtype=np.float32)


def rotate_quads(quads: ArrayLike, degrees: int, width: float, height: float) -> Floats:
    """Rotate points together with their page; the counterpart of `rotate_image`.

    Args:
        quads: `(..., 2)`; the order is kept, so the first corner stays the top left of the text.
        degrees: 0, 90, 180 or 270, clockwise.
        width: Width of the page before the rotation, in pixels.
        height: Height of the page before the rotation, in pixels.

    Returns:
        The points on the rotated page, in the same shape.

    Raises:
        ValueError: For any other number of degrees.
    """
    points = np.asarray(quads, dtype=np.float32)
    x, y = points[..., 0], points[..., 1]
    rotated = {0: (x, y), 90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}
    if degrees not in rotated:
        raise ValueError(f"A page can be rotated by 0, 90, 180 or 270 degrees, not by {degrees}.")
    return np.stack(rotated[degrees], axis=-1).astype(np.float32)


def rotate_image(image: Pixels, degrees: int) -> Pixels:
    """Rotate an image clockwise by 0, 90, 180 or 270 degrees; raise ValueError for any other number."""
    if degrees == 0:
        return image
    if degrees not in _ROTATIONS:
        raise ValueError(f"A page can be rotated by 0, 90, 180 or 270 degrees, not by {degrees}.")
    return np.asarray(cv2.rotate(image, _ROTATIONS[degrees]), dtype=np.uint8)
