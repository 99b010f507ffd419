"""Geometry of a picture: where each point of the paper comes to lie on the page.

A point p of the paper moves to H(p + d(p)): a smooth field d crumples it, then a homography H turns it and puts it
into perspective. Pictures are drawn with the inverse (by fixed-point iteration); labels use the forward direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shared.arrays import Doubles, Floats

_ITERATIONS = 4
# Segments are bent with the paper; the corners of the label are fitted to so many points of each edge.
_EDGE_POINTS = 9
_FOLD = 256


@dataclass(frozen=True)
class Warp:
    """A mapping of paper to page.

    Attributes:
        matrix: (3, 3) homography.
        field: (gh, gw, 2) displacements in paper pixels on a coarse grid that spans the paper.
        paper: Width and height of the paper, pixels.
        page: Width and height of the page, pixels.
    """

    matrix: Doubles
    field: Floats
    paper: tuple[int, int]
    page: tuple[int, int]

    def displacement(self, points: Floats) -> Floats:
        """d(p) for points (N, 2)."""
        rows, columns = self.field.shape[:2]
        places = points / np.array(self.paper, np.float32) * np.array([columns - 1, rows - 1], np.float32)
        # cv2.remap takes no more than 32,767 rows: the list is folded into a rectangle.
        folded = np.zeros((-(-len(points) // _FOLD) * _FOLD, 2), np.float32)
        folded[: len(points)] = places
        map_x, map_y = (np.ascontiguousarray(folded[:, axis].reshape(-1, _FOLD)) for axis in (0, 1))
        found = cv2.remap(self.field, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.float32).reshape(-1, 2)[: len(points)]

    def forward(self, points: Floats) -> Floats:
        """Where points (N, 2) of the paper lie on the page."""
        bent = (points + self.displacement(points)).astype(np.float64)
        return np.asarray(cv2.perspectiveTransform(bent[None], self.matrix)[0], np.float32)

    def quads(self, boxes: Floats) -> Floats:
        """Boxes (N, 4) x0 y0 x1 y1 on the paper to quads (N, 4, 2) on the page, clockwise from the top left.

        Under crumpling a box's edge bends; the quad's edges are the straight lines that fit the bent edges.
        """
        if not len(boxes):
            return np.zeros((0, 4, 2), np.float32)
        t = np.linspace(0, 1, _EDGE_POINTS, dtype=np.float32)
        edges = []
        for y in (1, 3):
            x = boxes[:, 0:1] + t * (boxes[:, 2:3] - boxes[:, 0:1])
            edge = self.forward(
                np.stack([x, np.repeat(boxes[:, y : y + 1], _EDGE_POINTS, axis=1)], axis=2).reshape(-1, 2)
            )
            edges.append(_straight(edge.reshape(-1, _EDGE_POINTS, 2)))
        top, bottom = edges
        return np.stack([top[:, 0], top[:, 1], bottom[:, 1], bottom[:, 0]], axis=1)

    def inverse_maps(self) -> tuple[Floats, Floats]:
        """For every pixel of the page, the point of the paper (x and y maps for cv2.remap)."""
        width, height = self.page
        inverse = np.linalg.inv(self.matrix)
        # Solved on a coarse grid and enlarged: the mapping is smooth, and this is many times cheaper.
        step = 8
        xs = np.arange(0, width + step, step, dtype=np.float64)
        ys = np.arange(0, height + step, step, dtype=np.float64)
        grid = np.stack(np.meshgrid(xs, ys), axis=2).reshape(1, -1, 2)
        bent = cv2.perspectiveTransform(grid, inverse)[0].astype(np.float32)
        flat = bent.copy()
        for _ in range(_ITERATIONS):
            flat = bent - self.displacement(flat)
        coarse = flat.reshape(len(ys), len(xs), 2)
        columns = np.tile(np.arange(width, dtype=np.float32) / step, (height, 1))
        rows = np.tile((np.arange(height, dtype=np.float32) / step)[:, None], (1, width))
        maps = cv2.remap(coarse, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.ascontiguousarray(maps[..., 0]), np.ascontiguousarray(maps[..., 1])


def _straight(points: Floats) -> Floats:
    """Ends (N, 2, 2) of the line that fits each row of points (N, K, 2) best, for evenly spaced K."""
    count = points.shape[1]
    t = np.linspace(-1, 1, count, dtype=np.float32)
    mean = points.mean(axis=1)
    slope = (points * t[None, :, None]).sum(axis=1) / (t**2).sum()
    return np.stack([mean - slope, mean + slope], axis=1).astype(np.float32)


def smooth_field(rng: np.random.Generator, paper: tuple[int, int], amplitude: float, wavelength: float) -> Floats:
    """A random smooth displacement field: standard deviation `amplitude` and `wavelength` in paper pixels."""
    columns = max(4, round(paper[0] / wavelength) + 3)
    rows = max(4, round(paper[1] / wavelength) + 3)
    coarse = rng.normal(0, amplitude, (rows, columns, 2)).astype(np.float32)
    size = (columns * 8, rows * 8)
    return np.ascontiguousarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)[8:-8, 8:-8])


def still_field() -> Floats:
    """The field that moves nothing."""
    return np.zeros((2, 2, 2), np.float32)


def corner_homography(
    paper: tuple[int, int],
    scale: float,
    angle: float,
    perspective: Doubles,
    offset: tuple[float, float],
) -> tuple[Doubles, tuple[float, float]]:
    """Homography that scales the paper, turns it by `angle` degrees, and moves its corners.

    Args:
        paper: Width and height, pixels.
        scale: Page pixels a paper pixel.
        angle: Degrees, counter-clockwise as seen.
        perspective: (4, 2) shift of each corner as a share of the paper's width.
        offset: Where the bounding box of the turned paper begins on the page.

    Returns:
        The (3, 3) matrix, and width and height of the bounding box of the turned paper.
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
