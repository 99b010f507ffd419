"""Prepare a page for the network: gray, straight, cropped to the text, at the working height. numpy and cv2 only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from services.detector.orientation.engine import OrientationEngine
from services.detector.orientation.pose import Pose, find_pose
from services.detector.orientation.straighten import is_straight, map_points, straighten
from services.detector.scale import InkSettings, estimate_text, find_ink
from shared.arrays import Doubles, Floats, Pixels
from shared.pictures.gray import to_gray

# Maximum factor by which text is enlarged.
_MAX_SCALE = 4.0
# Minimum length of a side of a prepared page, and of the step between lengths.
_MIN_SIDE_PX, _MIN_STEP_PX = 32, 16
# Maximum share by which a side is stretched or shrunk to a fixed length; otherwise it is padded to the next one.
_MAX_STRETCH = 1 / 12


@dataclass(frozen=True)
class PreparationSettings:
    """How pages are prepared.

    Attributes:
        text_height: Height in pixels to which the median text segment is scaled.
        max_pixels: Maximum size of a prepared page; text is scaled below the working height if the page would exceed
            it.
    """

    text_height: float = 18.0
    max_pixels: int = 4_000_000


@dataclass(frozen=True)
class PreparedPage:
    """A page as the network sees it, and the way back to the page.

    Attributes:
        gray: `(H, W)` pixels, padded.
        height: Rows of `gray` that show the page.
        width: Columns of `gray` that show the page.
        scale: Pixels of `gray` per pixel of the page along x and y; they differ by at most a sixth.
        offset: x and y of the top left corner of `gray` on the straight page.
        source: The part of the straight page that was scaled, gray, so that it can be scaled again.
        page_size: Width and height of the whole page as sent.
        back: `(3, 3)` matrix from points of the straight page to points of the page as sent.
        rotation: Degrees clockwise by which the text of the page as sent is turned.
        may_separate: Whether there may be several receipts.
    """

    gray: Pixels
    height: int
    width: int
    scale: tuple[float, float]
    offset: tuple[int, int]
    source: Pixels
    page_size: tuple[int, int]
    back: Doubles = field(default_factory=lambda: np.eye(3))
    rotation: int = 0
    may_separate: bool = True

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns after padding. Pages of one size can share a batch."""
        return self.gray.shape[0], self.gray.shape[1]

    def map_to_page(self, points: Floats) -> Floats:
        """Map points `(..., 2)` in pixels of `gray` to pixels of the page as sent."""
        return map_points(points / np.asarray(self.scale, np.float32) + np.asarray(self.offset, np.float32), self.back)


def prepare_page(
    image: NDArray[Any],
    settings: PreparationSettings,
    orientation: OrientationEngine | None = None,
    rotation: int | None = None,
) -> PreparedPage | None:
    """Prepare a page for the network.

    Args:
        image: `(H, W)` or `(H, W, 3)` BGR, uint8.
        settings: Working height and limits.
        orientation: Recognizes the orientation; None takes the page as straight and, without `rotation`, as upright.
        rotation: Degrees clockwise by which the text is turned, if they are known.

    Returns:
        The page, or None if nothing on it looks like text.

    Raises:
        ValueError: If the array is not a picture.
    """
    gray = to_gray(image)
    size = gray.shape[1], gray.shape[0]
    if orientation is None:
        pose, ink, ink_settings = Pose(rotation or 0), find_ink(gray), InkSettings()
    else:
        pose, ink, ink_settings = find_pose(gray, orientation, rotation)
    back = np.eye(3)
    if not is_straight(pose):
        gray, back = straighten(gray, pose)
        ink = find_ink(gray, ink_settings)
    estimate = estimate_text(ink)
    if estimate is None:
        return None
    x0, y0, x1, y1 = estimate.box
    page = scale_page(gray[y0:y1, x0:x1], (x0, y0), size, settings.text_height / estimate.height, settings)
    return replace(page, back=back, rotation=pose.rotation)


def prepare_area(
    image: NDArray[Any],
    area: Floats,
    settings: PreparationSettings,
    orientation: OrientationEngine | None = None,
    rotation: int | None = None,
) -> PreparedPage | None:
    """Prepare a part of a page, which is one receipt, as `prepare_page` does. What surrounds it becomes plain paper.

    Args:
        image: The whole page.
        area: `(4, 2)` corners of the part in pixels.
        settings: See `prepare_page`.
        orientation: See `prepare_page`.
        rotation: See `prepare_page`.

    Returns:
        The part, with the way back to the whole page; None if nothing on it looks like text.
    """
    gray = to_gray(image)
    size = gray.shape[1], gray.shape[0]
    low = np.clip(np.floor(area.min(axis=0)), 0, np.array(size) - 1).astype(np.intp)
    high = np.clip(np.ceil(area.max(axis=0)), low + 1, size).astype(np.intp)
    part = gray[low[1] : high[1], low[0] : high[0]]
    is_inside = np.zeros(part.shape, np.uint8)
    cv2.fillConvexPoly(is_inside, np.round(area - low).astype(np.int32), 1)
    paper = int(np.median(part[is_inside > 0])) if is_inside.any() else int(np.median(part))
    page = prepare_page(np.where(is_inside > 0, part, np.uint8(paper)), settings, orientation, rotation)
    if page is None:
        return None
    shift = np.eye(3)
    shift[:2, 2] = low
    return replace(page, page_size=size, back=shift @ page.back, may_separate=False)


def rescale_page(page: PreparedPage, factor: float, settings: PreparationSettings) -> PreparedPage:
    """Scale the text of a page by a further factor."""
    scaled = scale_page(page.source, page.offset, page.page_size, page.scale[1] * factor, settings)
    return replace(scaled, back=page.back, rotation=page.rotation, may_separate=page.may_separate)


def scale_page(
    source: Pixels, offset: tuple[int, int], page_size: tuple[int, int], scale: float, settings: PreparationSettings
) -> PreparedPage:
    """Scale a part of a page to one of the fixed sizes (see `choose_length`).

    Args:
        source: `(H, W)` gray pixels.
        offset: x and y of its top left corner on the page.
        page_size: Width and height of the whole page.
        scale: Desired factor; it is reduced if the page would become too large.
        settings: Limits.
    """
    limit = (settings.max_pixels / source.size) ** 0.5
    scale = min(scale, limit, _MAX_SCALE)
    sides = source.shape[1] * scale, source.shape[0] * scale
    fixed = [choose_length(side) for side in sides]
    if fixed[0] * fixed[1] > settings.max_pixels:
        fixed = [choose_length(side, below=True) for side in sides]
    width, height = (_choose_fill(side, length) for side, length in zip(sides, fixed, strict=True))
    factors = width / source.shape[1], height / source.shape[0]
    method = cv2.INTER_AREA if max(factors) < 1.0 else cv2.INTER_LINEAR
    scaled = cv2.resize(source, (width, height), interpolation=method)
    gray = cv2.copyMakeBorder(scaled, 0, fixed[1] - height, 0, fixed[0] - width, cv2.BORDER_REPLICATE)
    return PreparedPage(gray.astype(np.uint8, copy=False), height, width, factors, offset, source, page_size)


def choose_length(side: float, *, below: bool = False) -> int:
    """Choose the length in pixels of a side: multiples of 16, at most a sixth apart.

    Libraries compile code for every input size, which takes about as long as one run. Few sizes recur soon, and
    multiples of 16 are computed fastest.

    Args:
        side: Desired length in pixels.
        below: Whether to choose a length that is not longer, unless it would be below the minimum.

    Returns:
        The nearest length within the limit of stretching, or else the next longer one.
    """
    step = max(_MIN_STEP_PX, 1 << math.floor(math.log2(max(side, 6.0) / 6)))
    shorter = math.floor(side / step) * step
    nearest = math.floor(side / step + 0.5) * step
    if below:
        return max(shorter, _MIN_SIDE_PX)
    fits = abs(nearest / side - 1) <= _MAX_STRETCH
    return max(nearest if fits else math.ceil(side / step) * step, _MIN_SIDE_PX)


def _choose_fill(side: float, length: int) -> int:
    """Return the pixels of a fixed length that show the page: all of them, unless that stretches it too much."""
    return length if length / side - 1 <= _MAX_STRETCH else max(1, round(side))
