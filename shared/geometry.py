"""Geometry of boxes and quads, on numpy arrays.

Coordinates are continuous pixels: x to the right, y downwards, the origin at the outer corner of the top left pixel, so
that the first pixel covers 0 to 1 and its center is at 0.5. A quad is four points, clockwise from the top left corner
of the *text* it encloses; its first edge therefore runs along the reading direction even if the page lies on its side.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike

from shared.arrays import Floats, Pixels

_ROTATIONS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
_MOST_SUPERSAMPLING = 8


def order_quad(points: ArrayLike) -> Floats:
    """Orders the corners of a convex quad clockwise, beginning at the top left.

    The top edge is the one whose direction is nearest to rightwards, so text that leans up to 45 degrees either way
    keeps its reading direction. This cannot know upside-down text: only a detector does.

    Args:
        points: Four corners in any order, shape (4, 2).

    Returns:
        The same corners, shape (4, 2).
    """
    corners = np.asarray(points, dtype=np.float32)
    if corners.shape != (4, 2):
        raise ValueError(f"A quad has the shape (4, 2), not {corners.shape}.")
    offsets = corners - corners.mean(axis=0)
    corners = corners[np.argsort(np.arctan2(offsets[:, 1], offsets[:, 0]), kind="stable")]  # clockwise, as y grows down
    edges = np.roll(corners, -1, axis=0) - corners
    directions = edges / np.maximum(np.linalg.norm(edges, axis=1, keepdims=True), 1e-6)
    # Edge i and the opposite edge, which runs back, both tell the direction of the text.
    rightwards = directions[:, 0] - np.roll(directions[:, 0], -2)
    return np.roll(corners, -int(np.argmax(rightwards)), axis=0)


def boxes_to_quads(boxes: ArrayLike) -> Floats:
    """Turns upright boxes (N, 4) of x0, y0, x1, y1 into quads (N, 4, 2)."""
    corners = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    return np.ascontiguousarray(corners[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))


def quads_to_boxes(quads: ArrayLike) -> Floats:
    """Gives the upright boxes (N, 4) of x0, y0, x1, y1 that enclose quads (N, 4, 2)."""
    corners = np.asarray(quads, dtype=np.float32).reshape(-1, 4, 2)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def quad_size(quad: ArrayLike) -> tuple[float, float]:
    """Gives the width along the text and the height across it in pixels: means of opposite edges of a (4, 2) quad."""
    # In Python: so few numbers are computed sooner than handed to numpy.
    first, second, third, fourth = np.asarray(quad, dtype=np.float32).reshape(4, 2).tolist()
    across = math.dist(first, second) + math.dist(third, fourth)
    return across / 2, (math.dist(second, third) + math.dist(fourth, first)) / 2


def crop_quad(image: Pixels, quad: ArrayLike, height: int, *, max_width: int = 4096) -> Pixels:
    """Cuts one text segment out of a page and rectifies it: perspective corrected, upright, scaled to a height.

    Args:
        image: H x W x C or H x W, uint8.
        quad: Clockwise from the top left corner of the text, shape (4, 2). It may reach over the edge of the page;
            what lies outside repeats the page's border.
        height: Height of the crop in pixels.
        max_width: Widest crop in pixels; a longer segment is squeezed to it.

    Returns:
        The crop, `height` x width x C (or `height` x width), uint8; the width keeps the aspect ratio of the quad.
    """
    corners = np.asarray(quad, dtype=np.float32).reshape(4, 2)
    if not np.isfinite(corners).all():
        raise ValueError("A quad has coordinates that are not numbers.")
    across, down = quad_size(corners)
    width = min(max(round(across / max(down, 1.0) * height), 1), max_width)
    # Bilinear sampling alone would skip pixels of large text: warp to a whole multiple, then average down.
    factor = min(max(int(down // height), 1), _MOST_SUPERSAMPLING)
    right, bottom = width * factor, height * factor
    target = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float32)
    # OpenCV puts pixel centers at whole numbers, we put them at halves.
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
    """Gives the smallest rectangle that encloses quads and runs along their mean reading direction.

    Args:
        quads: Shape (N, 4, 2), N > 0.

    Returns:
        The rectangle, clockwise from the top left of the text, shape (4, 2).
    """
    corners = np.asarray(quads, dtype=np.float64).reshape(-1, 4, 2)
    if len(corners) == 0:
        raise ValueError("There is nothing to enclose: give at least one quad.")
    direction = (corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3]).sum(axis=0)
    length = float(np.linalg.norm(direction))
    cosine, sine = direction / length if length > 1e-6 else (1.0, 0.0)
    axes = np.array([[cosine, sine], [-sine, cosine]])  # rows: along the text, across it
    along = corners.reshape(-1, 2) @ axes.T
    (x0, y0), (x1, y1) = along.min(axis=0), along.max(axis=0)
    return np.asarray(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) @ axes, dtype=np.float32)


def scale_quads(quads: ArrayLike, x: float, y: float | None = None) -> Floats:
    """Multiplies the coordinates of quads (..., 2) by `x` and `y` (the same as `x` if left out)."""
    return np.asarray(quads, dtype=np.float32) * np.array([x, x if y is None else y], dtype=np.float32)


def clip_quads(quads: ArrayLike, width: float, height: float) -> Floats:
    """Moves the corners of quads (..., 2) that lie outside a page of that size to its edge."""
    return np.clip(np.asarray(quads, dtype=np.float32), 0, np.array([width, height], dtype=np.float32))


def rotate_quads(quads: ArrayLike, degrees: int, width: float, height: float) -> Floats:
    """Turns quads (..., 2) clockwise together with the page they lie on; the counterpart of `rotate_image`.

    Args:
        quads: Points; their order is kept, so the first corner stays the top left of the text.
        degrees: 0, 90, 180 or 270, clockwise.
        width: Of the page before the turn, in pixels.
        height: Of the page before the turn, in pixels.

    Returns:
        The points on the turned page, in the shape given.
    """
    points = np.asarray(quads, dtype=np.float32)
    x, y = points[..., 0], points[..., 1]
    turned = {0: (x, y), 90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}
    if degrees not in turned:
        raise ValueError(f"A page is turned by 0, 90, 180 or 270 degrees, not by {degrees}.")
    return np.stack(turned[degrees], axis=-1).astype(np.float32)


def rotate_image(image: Pixels, degrees: int) -> Pixels:
    """Turns a picture clockwise by 0, 90, 180 or 270 degrees."""
    if degrees == 0:
        return image
    if degrees not in _ROTATIONS:
        raise ValueError(f"A page is turned by 0, 90, 180 or 270 degrees, not by {degrees}.")
    return np.asarray(cv2.rotate(image, _ROTATIONS[degrees]), dtype=np.uint8)
