"""Straighten a page, and map points back to the page as sent. numpy and cv2 only.

Coordinates are continuous as in `shared.geometry`: the center of the first pixel is at 0.5.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from services.detector.orientation.perspective import Perspective
from services.detector.orientation.pose import Pose, build_turn
from shared.arrays import Doubles, Floats, Pixels
from shared.geometry import rotate_image

# Minimum skew that is corrected. The detector was trained on smaller ones, and pixels that are not resampled stay
# sharp.
MIN_SKEW_DEGREES = 1.5
# A page with a perspective is shown as far beyond the center of its text, in halves of the extent of the text.
_MAX_REACH = 1.5
# Maximum number of pixels of a page with a perspective, over that of the page as sent.
_MAX_GROWTH = 2.0
# Sine of the angle to the nearest axis above which a quad is not clipped corner by corner.
_SLANTED = 0.03


def straighten(gray: Pixels, pose: Pose) -> tuple[Pixels, Doubles]:
    """Turn a page so that its text reads from left to right.

    Args:
        gray: `(H, W)` page as sent.
        pose: Orientation of its text.

    Returns:
        The straight page, filled from its border outside of the page as sent, and the `(3, 3)` matrix from points on it
        to points on the page as sent.
    """
    upright = rotate_image(gray, -pose.rotation % 360)
    height, width = upright.shape
    back = build_rotation(pose.rotation, width, height)
    if abs(pose.skew) < MIN_SKEW_DEGREES and pose.perspective is None:
        return upright, back
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    forth = np.eye(3)
    forth[:2, :2] = build_turn(-pose.skew)
    if pose.perspective is not None:
        forth, corners = _flatten(forth, pose.perspective, map_points(pose.center, _invert(back)), corners)
    placed = map_points(corners, forth)
    if pose.perspective is not None:
        # Text that is near is larger than needed.
        growth = float(np.prod(placed.max(axis=0) - placed.min(axis=0))) / (width * height)
        scale = min(1.0, (_MAX_GROWTH / max(growth, 1e-9)) ** 0.5)
        forth = np.diag([scale, scale, 1.0]) @ forth
        placed *= np.float32(scale)
    low = np.floor(placed.min(axis=0))
    columns, rows = (np.ceil(placed.max(axis=0)) - low).astype(int).tolist()
    shift = np.eye(3)
    shift[:2, 2] = -low
    forth = shift @ forth
    straight = cv2.warpPerspective(
        upright, _shift_to_centers(forth), (columns, rows), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(straight, dtype=np.uint8), back @ _invert(forth)


def is_straight(pose: Pose) -> bool:
    """Return whether `straighten` would keep a page as it is."""
    return pose.rotation == 0 and abs(pose.skew) < MIN_SKEW_DEGREES and pose.perspective is None


def _flatten(turn: Doubles, perspective: Perspective, center: Floats, corners: Doubles) -> tuple[Doubles, Doubles]:
    """Add a perspective to the turn of an upright page.

    Args:
        turn: `(3, 3)` matrix that levels the line at the center.
        perspective: How the page is foreshortened.
        center: `(2,)` center of the text on the upright page.
        corners: `(4, 2)` of the page.

    Returns:
        The `(3, 3)` matrix from the upright page, and the corners of the part of the page that it shows: that around
        the text, because beyond it the page may end at the horizon.
    """
    to_center = np.eye(3)
    to_center[:2, 2] = -center
    leveled = turn @ to_center
    divide = np.eye(3)
    divide[2, :2] = perspective.across, perspective.down
    placed = map_points(corners, leveled)
    reach = np.array(perspective.half) * _MAX_REACH
    low, high = np.maximum(placed.min(axis=0), -reach), np.minimum(placed.max(axis=0), reach)
    shown = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    return divide @ leveled, map_points(shown, _invert(leveled)).astype(np.float64)


def build_rotation(degrees: int, width: float, height: float) -> Doubles:
    """Build the `(3, 3)` matrix that turns points clockwise together with their page.

    It is the mapping of `shared.geometry.rotate_quads`.

    Args:
        degrees: 0, 90, 180 or 270.
        width: Width of the page before the turn in pixels.
        height: Height of the page before the turn in pixels.

    Raises:
        ValueError: If the angle is another one.
    """
    linear: list[list[float]]
    if degrees == 0:
        return np.eye(3)
    if degrees == 90:
        linear = [[0, -1, height], [1, 0, 0]]
    elif degrees == 180:
        linear = [[-1, 0, width], [0, -1, height]]
    elif degrees == 270:
        linear = [[0, 1, 0], [-1, 0, width]]
    else:
        raise ValueError(f"a page is turned by 0, 90, 180 or 270 degrees, not by {degrees}")
    return np.array([*linear, [0, 0, 1]], np.float64)


def map_points(points: ArrayLike, matrix: Doubles) -> Floats:
    """Map points `(..., 2)` by a `(3, 3)` matrix."""
    given = np.asarray(points, np.float64)
    mapped = np.concatenate([given, np.ones_like(given[..., :1])], axis=-1) @ matrix.T
    return (mapped[..., :2] / mapped[..., 2:]).astype(np.float32)


def clip_to_page(quads: Floats, size: tuple[int, int]) -> Floats:
    """Clip quads to a page without bending them.

    Quads along the edges of the page are clipped corner by corner. That would change the shape of a slanted quad: it is
    shortened along its text until its center line is on the page, and its corners may extend beyond the edge by up to
    half its height.

    Args:
        quads: `(N, 4, 2)`, clockwise from the top left of the text.
        size: Width and height of the page in pixels.

    Returns:
        `(N, 4, 2)`; a quad that is completely outside has no width or no height.
    """
    limits = np.array(size, np.float32)
    cut = np.clip(quads, 0.0, limits).astype(np.float32)
    along = np.abs(quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3])
    slanted = along.min(axis=1) > _SLANTED * np.linalg.norm(along, axis=1)
    for index in np.flatnonzero(slanted):
        cut[index] = _shorten(quads[index], limits)
    return cut


def _shorten(quad: Floats, limits: Floats) -> Floats:
    """Remove the parts of a quad `(4, 2)` whose center line is outside of the page."""
    begin, end = (quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2
    # A slanted center line extends along both axes, so no component is zero.
    way = end - begin
    first, last = np.sort(np.stack([-begin / way, (limits - begin) / way]), axis=0)
    start, stop = max(0.0, float(first.max())), min(1.0, float(last.min()))
    if start >= stop:
        return np.repeat(np.clip(begin, 0.0, limits)[None], 4, axis=0)
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    corners = [quad[0] + start * top, quad[0] + stop * top, quad[3] + stop * bottom, quad[3] + start * bottom]
    return np.stack(corners).astype(np.float32)


def _invert(matrix: Doubles) -> Doubles:
    """Return the inverse of a `(3, 3)` matrix of double precision, which numpy's types do not promise."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def _shift_to_centers(matrix: Doubles) -> Doubles:
    """Return the same mapping for OpenCV, which puts centers of pixels at whole numbers."""
    shift = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return np.asarray(_invert(shift) @ matrix @ shift)
