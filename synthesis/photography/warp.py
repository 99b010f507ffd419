"""Map points of the paper to the picture.

A point p of the paper moves to H(p + d(p)): a smooth field d crumples it, then a homography H turns it and puts it into
perspective. Pictures are drawn with the inverse (by fixed-point iteration); labels use the forward direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shared.arrays import Doubles, Floats

_ITERATIONS = 4
# Points per edge to which the corners of a bent label are fitted.
_EDGE_POINTS = 9
_FOLD = 256


@dataclass(frozen=True)
class Warp:
    """A mapping from paper to page.

    Attributes:
        matrix: `(3, 3)` homography.
        field: `(gh, gw, 2)` displacements in pixels of the paper, on a coarse grid that spans the paper.
        paper: Width and height of the paper in pixels.
        page: Width and height of the page in pixels.
    """

    matrix: Doubles
    field: Floats
    paper: tuple[int, int]
    page: tuple[int, int]

    def displace(self, points: Floats) -> Floats:
        """Return the displacement d(p) of points, `(N, 2)`, in pixels of the paper."""
        rows, columns = self.field.shape[:2]
        places = points / np.array(self.paper, np.float32) * np.array([columns - 1, rows - 1], np.float32)
        # cv2.remap accepts at most 32,767 rows, so the list is folded into a rectangle.
        folded = np.zeros((-(-len(points) // _FOLD) * _FOLD, 2), np.float32)
        folded[: len(points)] = places
        map_x, map_y = (np.ascontiguousarray(folded[:, axis].reshape(-1, _FOLD)) for axis in (0, 1))
        found = cv2.remap(self.field, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.float32).reshape(-1, 2)[: len(points)]

    def map_points(self, points: Floats) -> Floats:
        """Map points `(N, 2)` of the paper to the page."""
        bent = (points + self.displace(points)).astype(np.float64)
        return np.asarray(cv2.perspectiveTransform(bent[None], self.matrix)[0], np.float32)

    def map_boxes(self, boxes: Floats) -> Floats:
        """Map boxes on the paper to quads on the page.

        The edges of a box bend when the paper is crumpled; the edges of the quad are the straight lines that fit best.

        Args:
            boxes: `(N, 4)` x0, y0, x1, y1 in pixels of the paper.

        Returns:
            `(N, 4, 2)` quads in pixels of the page, clockwise from the top left of the text.
        """
        if not len(boxes):
            return np.zeros((0, 4, 2), np.float32)
        t = np.linspace(0, 1, _EDGE_POINTS, dtype=np.float32)
        edges = []
        for y in (1, 3):
            x = boxes[:, 0:1] + t * (boxes[:, 2:3] - boxes[:, 0:1])
            edge = self.map_points(
                np.stack([x, np.repeat(boxes[:, y : y + 1], _EDGE_POINTS, axis=1)], axis=2).reshape(-1, 2)
            )
            edges.append(_fit_lines(edge.reshape(-1, _EDGE_POINTS, 2)))
        top, bottom = edges
        return np.stack([top[:, 0], top[:, 1], bottom[:, 1], bottom[:, 0]], axis=1)

    def build_inverse_maps(self) -> tuple[Floats, Floats]:
        """Return the x and y maps from page to paper for `cv2.remap`, `(H, W)` each."""
        width, height = self.page
        inverse = np.linalg.inv(self.matrix)
        # The mapping is smooth: solving it on a coarse grid and enlarging that is many times cheaper.
        step = 8
        xs = np.arange(0, width + step, step, dtype=np.float64)
        ys = np.arange(0, height + step, step, dtype=np.float64)
        grid = np.stack(np.meshgrid(xs, ys), axis=2).reshape(1, -1, 2)
        bent = cv2.perspectiveTransform(grid, inverse)[0].astype(np.float32)
        flat = bent.copy()
        for _ in range(_ITERATIONS):
            flat = bent - self.displace(flat)
        coarse = flat.reshape(len(ys), len(xs), 2)
        columns = np.tile(np.arange(width, dtype=np.float32) / step, (height, 1))
        rows = np.tile((np.arange(height, dtype=np.float32) / step)[:, None], (1, width))
        maps = cv2.remap(coarse, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.ascontiguousarray(maps[..., 0]), np.ascontiguousarray(maps[..., 1])


def _fit_lines(points: Floats) -> Floats:
    """Fit a line to each row of K evenly spaced points, `(N, K, 2)`; return its ends, `(N, 2, 2)`."""
    count = points.shape[1]
    t = np.linspace(-1, 1, count, dtype=np.float32)
    mean = points.mean(axis=1)
    slope = (points * t[None, :, None]).sum(axis=1) / (t**2).sum()
    return np.stack([mean - slope, mean + slope], axis=1).astype(np.float32)


def draw_field(rng: np.random.Generator, paper: tuple[int, int], amplitude: float, wavelength: float) -> Floats:
    """Draw a smooth random displacement field.

    Args:
        rng: Random generator.
        paper: Width and height of the paper in pixels.
        amplitude: Standard deviation of the displacement in pixels.
        wavelength: Distance between bends in pixels.
    """
    columns = max(4, round(paper[0] / wavelength) + 3)
    rows = max(4, round(paper[1] / wavelength) + 3)
    coarse = rng.normal(0, amplitude, (rows, columns, 2)).astype(np.float32)
    size = (columns * 8, rows * 8)
    return np.ascontiguousarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)[8:-8, 8:-8])


def build_zero_field() -> Floats:
    """Return the field that moves nothing."""
    return np.zeros((2, 2, 2), np.float32)


def build_homography(
    paper: tuple[int, int],
    scale: float,
    angle: float,
    perspective: Doubles,
    offset: tuple[float, float],
) -> tuple[Doubles, tuple[float, float]]:
    """Build the homography that scales the paper, turns it by `angle` degrees, and moves its corners.

    Args:
        paper: Width and height in pixels.
        scale: Pixels of the page per pixel of the paper.
        angle: Degrees, counterclockwise.
        perspective: `(4, 2)` shift of each corner as a share of the width of the paper.
        offset: Top left corner of the bounding box of the turned paper on the page.

    Returns:
        The `(3, 3)` matrix, and width and height of the bounding box of the turned paper.
    """
    width, height = paper
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    radians = np.deg2rad(angle)
    turn = np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
    target = (corners * scale + perspective * width * scale) @ turn.T
    low = target.min(axis=0)
    extent = target.max(axis=0) - low
    target = target - low + np.array(offset)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target.astype(np.float32))
    return matrix.astype(np.float64), (float(extent[0]), float(extent[1]))
