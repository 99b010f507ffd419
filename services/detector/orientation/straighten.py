"""Setting a page straight, and leading points back to the page as it was sent. numpy and cv2 only.

Points are continuous pixels as in `shared.geometry`: the center of the first pixel is at 0.5.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from services.detector.orientation.pose import Pose, turning
from shared.arrays import Doubles, Floats, Pixels
from shared.geometry import rotate_image

#: Lines that lean by less, in degrees, are left as they are: the detector was trained on them, and pixels that are
#: not sampled anew stay sharp.
LEAST_LEAN = 1.5
#: A quad that leans by more than this (sine of the angle to the nearest axis) is not cut corner by corner.
_SLANTED = 0.03


def straighten(gray: Pixels, pose: Pose) -> tuple[Pixels, Doubles]:
    """Turn a page so that its text reads from left to right.

    Args:
        gray: H x W page as it was sent.
        pose: How its text stands.

    Returns:
        The straight page, with what lies beside the sent one filled from its border, and the 3 x 3 matrix that leads
        from points on it to points on the page as it was sent.
    """
    upright = rotate_image(gray, -pose.rotation % 360)
    height, width = upright.shape
    back = rotation_matrix(pose.rotation, width, height)
    if abs(pose.lean) < LEAST_LEAN:
        return upright, back
    linear = turning(-pose.lean)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ linear.T
    low = np.floor(corners.min(axis=0))
    columns, rows = (np.ceil(corners.max(axis=0)) - low).astype(int).tolist()
    forth = np.eye(3)
    forth[:2] = np.hstack([linear, -low[:, None]])
    straight = cv2.warpPerspective(
        upright, _between_centers(forth), (columns, rows), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(straight, dtype=np.uint8), back @ np.linalg.inv(forth)


def is_straight(pose: Pose) -> bool:
    """Whether `straighten` would leave a page as it is."""
    return pose.rotation == 0 and abs(pose.lean) < LEAST_LEAN


def rotation_matrix(degrees: int, width: float, height: float) -> Doubles:
    """The 3 x 3 matrix that turns points clockwise together with their page of that size before the turn, in pixels.

    The same mapping as `shared.geometry.rotate_quads`.
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
        raise ValueError(f"pages are turned by quarters, not by {degrees} degrees")
    return np.array([*linear, [0, 0, 1]], np.float64)


def transform(points: npt.ArrayLike, matrix: Doubles) -> Floats:
    """Map points (..., 2) by a 3 x 3 matrix."""
    given = np.asarray(points, np.float64)
    mapped = np.concatenate([given, np.ones_like(given[..., :1])], axis=-1) @ matrix.T
    return (mapped[..., :2] / mapped[..., 2:]).astype(np.float32)


def cut_to_page(quads: Floats, size: tuple[int, int]) -> Floats:
    """Cut quads to a page without bending them.

    Quads along the page's edges are cut corner by corner. Of a slanted one, that would make another shape: it is
    shortened along its text until its middle line lies on the page, and its corners may stand over the edge by up to
    half its height.

    Args:
        quads: N x 4 x 2, clockwise from the top left of the text.
        size: Width and height of the page in pixels.

    Returns:
        N x 4 x 2; a quad of which nothing lies on the page has no width or no height left.
    """
    limits = np.array(size, np.float32)
    cut = np.clip(quads, 0.0, limits).astype(np.float32)
    along = np.abs(quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3])
    slanted = along.min(axis=1) > _SLANTED * np.linalg.norm(along, axis=1)
    for index in np.flatnonzero(slanted):
        cut[index] = _shortened(quads[index], limits)
    return cut


def _shortened(quad: Floats, limits: Floats) -> Floats:
    """One quad (4 x 2) without the parts in which its middle line lies beside the page."""
    begin, end = (quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2
    way = end - begin  # slanted: it goes along both axes
    first, last = np.sort(np.stack([-begin / way, (limits - begin) / way]), axis=0)
    start, stop = max(0.0, float(first.max())), min(1.0, float(last.min()))
    if start >= stop:
        return np.repeat(np.clip(begin, 0.0, limits)[None], 4, axis=0)
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    corners = [quad[0] + start * top, quad[0] + stop * top, quad[3] + stop * bottom, quad[3] + start * bottom]
    return np.stack(corners).astype(np.float32)


def _between_centers(matrix: Doubles) -> Doubles:
    """The same mapping for OpenCV, which puts the centers of pixels at whole numbers."""
    shift = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return np.asarray(np.linalg.inv(shift) @ matrix @ shift)
