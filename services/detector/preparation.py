"""From a page to what the network sees: gray, set straight, cut to where text stands, scaled to the working height.

numpy and cv2 only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from services.detector.orientation.pose import OrientationEngine, Pose, find_pose
from services.detector.orientation.straighten import is_straight, straighten, transform
from services.detector.scale import TextEstimate, estimate_text, find_ink
from shared.arrays import Doubles, Floats, Pixels
from shared.pictures.gray import to_gray

#: Text is never made larger than this many times its size.
_MOST_ENLARGED = 4.0
#: Prepared pages have at least this many pixels a side; the sides of small ones are multiples of the second number.
_LEAST_SIDE, _LEAST_STEP = 32, 16
#: A side is stretched or shrunk by at most this share to one of the fixed lengths; else it is padded to the next.
_MOST_STRETCHED = 1 / 12


@dataclass(frozen=True)
class PreparationSettings:
    """How pages are prepared.

    Attributes:
        text_height: Height in pixels to which the median text segment is brought.
        max_pixels: Largest prepared page; text is made smaller than the working height where it would be exceeded.
    """

    text_height: float = 18.0
    max_pixels: int = 4_000_000


@dataclass(frozen=True)
class PreparedPage:
    """What the network sees of a page, and how to get back to the page.

    Attributes:
        gray: H x W pixels, padded.
        height: Rows of `gray` that show the page.
        width: Columns of `gray` that show the page.
        scale: Pixels of `gray` for one of the page, along x and along y; they differ by a sixth at most.
        offset: x and y on the straight page of the upper left corner of `gray`.
        source: The part of the straight page that was scaled, gray, so that it can be scaled again.
        page_size: Width and height of the whole page as it was sent.
        back: 3 x 3, leads from points of the straight page to those of the page as it was sent.
        rotation: Degrees clockwise that the text of the page as it was sent is turned by.
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

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns after padding: pages of one size can share a batch."""
        return self.gray.shape[0], self.gray.shape[1]

    def to_page(self, points: Floats) -> Floats:
        """Points (..., 2) in pixels of `gray` -> pixels of the page as it was sent."""
        return transform(points / np.asarray(self.scale, np.float32) + np.asarray(self.offset, np.float32), self.back)


def prepare(
    image: npt.NDArray[Any], settings: PreparationSettings, orientation: OrientationEngine | None = None
) -> PreparedPage | None:
    """Prepare a page for the network.

    Args:
        image: H x W x 3 BGR or H x W, uint8.
        settings: Working height and limits.
        orientation: Tells which way up the page is; without it the page is taken to be upright and straight.

    Returns:
        The page, or None if nothing on it looks like text.
    """
    gray = to_gray(image)
    size = gray.shape[1], gray.shape[0]
    ink = find_ink(gray)
    pose = Pose() if orientation is None else find_pose(ink, orientation)
    back = np.eye(3)
    if not is_straight(pose):
        gray, back = straighten(gray, pose)
        ink = find_ink(gray)
    estimate: TextEstimate | None = estimate_text(ink)
    if estimate is None:
        return None
    x0, y0, x1, y1 = estimate.box
    page = scale_page(gray[y0:y1, x0:x1], (x0, y0), size, settings.text_height / estimate.height, settings)
    return replace(page, back=back, rotation=pose.rotation)


def scale_again(page: PreparedPage, factor: float, settings: PreparationSettings) -> PreparedPage:
    """The same page with its text made higher by a factor."""
    scaled = scale_page(page.source, page.offset, page.page_size, page.scale[1] * factor, settings)
    return replace(scaled, back=page.back, rotation=page.rotation)


def scale_page(
    source: Pixels, offset: tuple[int, int], page_size: tuple[int, int], scale: float, settings: PreparationSettings
) -> PreparedPage:
    """Scale a part of a page to one of the fixed sizes (see `fixed_length`).

    Args:
        source: H x W gray pixels.
        offset: x and y of its upper left corner on the page.
        page_size: Width and height of the whole page.
        scale: Wished factor; less is taken where the page would become too large.
        settings: Limits.
    """
    limit = (settings.max_pixels / source.size) ** 0.5
    scale = min(scale, limit, _MOST_ENLARGED)
    sides = source.shape[1] * scale, source.shape[0] * scale
    fixed = [fixed_length(side) for side in sides]
    if fixed[0] * fixed[1] > settings.max_pixels:
        fixed = [fixed_length(side, below=True) for side in sides]
    width, height = (_fill(side, length) for side, length in zip(sides, fixed, strict=True))
    factors = width / source.shape[1], height / source.shape[0]
    method = cv2.INTER_AREA if max(factors) < 1.0 else cv2.INTER_LINEAR
    scaled = cv2.resize(source, (width, height), interpolation=method)
    gray = cv2.copyMakeBorder(scaled, 0, fixed[1] - height, 0, fixed[0] - width, cv2.BORDER_REPLICATE)
    return PreparedPage(gray.astype(np.uint8, copy=False), height, width, factors, offset, source, page_size)


def fixed_length(side: float, *, below: bool = False) -> int:
    """The length in pixels of a prepared page's side that would be so long: multiples of 16, a sixth apart at most.

    Libraries make code of their own for every size of input, which takes about as long as running it once. Few sizes
    are met again soon, and whole tiles are multiplied quickest.

    Args:
        side: Wished length in pixels.
        below: Never a longer one, unless it is the least there is.

    Returns:
        The nearest of the lengths from which `side` can be stretched or shrunk, else the next longer one.
    """
    step = max(_LEAST_STEP, 1 << math.floor(math.log2(max(side, 6.0) / 6)))
    shorter = math.floor(side / step) * step
    nearest = math.floor(side / step + 0.5) * step
    if below:
        return max(shorter, _LEAST_SIDE)
    fits = abs(nearest / side - 1) <= _MOST_STRETCHED
    return max(nearest if fits else math.ceil(side / step) * step, _LEAST_SIDE)


def _fill(side: float, length: int) -> int:
    """Pixels of a fixed length that show the page: all of them, unless it would be stretched too much."""
    return length if length / side - 1 <= _MOST_STRETCHED else max(1, round(side))
