"""Pictures of labeled receipts with boxes drawn on them, as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

_DETAIL_WIDTH_PX, _PAGE_WIDTH_PX = 520, 460
# Around a detail, as a share of the median height of its boxes, and in pixels.
_MARGIN, _MARGIN_PX = 0.6, 4
_JPEG_QUALITY = 70

Box = tuple[float, float, float, float]
Mark = tuple[Box, str]
"""A box (left, top, right, bottom) in pixels, and the color of its outline."""


def enclosing_box(quad: ArrayLike) -> Box:
    """Return the upright box around a quad, (4, 2)."""
    points = np.asarray(quad, np.float64).reshape(-1, 2)
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


class Album:
    """Draws boxes on the pictures of receipts.

    Args:
        paths: The picture of each receipt, by its key.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths
        self._open = lru_cache(maxsize=4)(self._read)

    def draw_page(self, key: str, marks: Sequence[Mark]) -> str | None:
        """Return the whole page; None if there is no readable picture."""
        picture = self._open(key)
        return None if picture is None else _draw(picture, (0, 0, *picture.size), marks, _PAGE_WIDTH_PX)

    def draw_detail(self, key: str, marks: Sequence[Mark]) -> str | None:
        """Return the area around at least one box; None if there is no readable picture or the area is empty."""
        picture = self._open(key)
        if picture is None:
            return None
        boxes = np.array([box for box, _ in marks])
        margin = _MARGIN * float(np.median(boxes[:, 3] - boxes[:, 1])) + _MARGIN_PX
        x0, y0 = np.maximum(boxes[:, :2].min(axis=0) - margin, 0)
        x1, y1 = np.minimum(boxes[:, 2:].max(axis=0) + margin, picture.size)
        if x1 - x0 < 1 or y1 - y0 < 1:
            return None
        area = (int(x0), int(y0), int(np.ceil(x1)), int(np.ceil(y1)))
        return _draw(picture, area, marks, _DETAIL_WIDTH_PX)

    def _read(self, key: str) -> Image.Image | None:
        path = self._paths.get(key)
        if path is None:
            return None
        try:
            # EXIF is ignored, as it is by the labels (see `shared.learning.dataset`).
            with Image.open(path) as image:
                return image.convert("RGB")
        except OSError:
            return None


def _draw(picture: Image.Image, area: tuple[int, int, int, int], marks: Sequence[Mark], max_width: int) -> str:
    """Crop an area, shrink it to a maximum width in pixels, and outline the boxes."""
    left, top, right, bottom = area
    scale = min(1.0, max_width / (right - left))
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    crop = picture.crop(area).resize(size, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(crop)
    for (x0, y0, x1, y1), color in marks:
        corners = [(x0 - left) * scale, (y0 - top) * scale, (x1 - left) * scale, (y1 - top) * scale]
        pen.rectangle(corners, outline=color, width=2)
    data = io.BytesIO()
    crop.save(data, "JPEG", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
