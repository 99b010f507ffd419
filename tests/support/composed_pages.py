"""Pages with one or more receipts as gray pixels and quads, without text."""

from __future__ import annotations

import cv2
import numpy as np

from shared.arrays import Floats, Pixels

TEXT_PX = 18
_LINE_PX = 30
_PAPERS, _TABLE = (240, 220), 90


def draw_receipts(
    corners: list[tuple[int, int]], *, lines: int = 14, width: int = 300, degrees: float = 0.0, table: int = _TABLE
) -> tuple[Pixels, Floats]:
    """Draw receipts with a head across their columns on a table; return the page and the quads of their segments.

    Args:
        corners: Top left corner of each receipt in pixels.
        lines: Lines of each receipt.
        width: Width of each receipt.
        degrees: Angle clockwise by which every other receipt is turned around its center.
        table: Gray level of the table.
    """
    height = lines * _LINE_PX + 40
    size = max(x for x, _ in corners) + width + 60, max(y for _, y in corners) + height + 60
    page = np.full((size[1], size[0]), table, np.uint8)
    quads = []
    for number, (left, top) in enumerate(corners):
        center = np.array([left + width / 2, top + height / 2])
        turn = np.deg2rad(degrees if number % 2 else 0.0)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])

        paper = _turn((left, top, left + width, top + height), center, matrix)
        cv2.fillConvexPoly(page, np.round(paper).astype(np.int32), (_PAPERS[number % 2],), cv2.LINE_AA)
        for line in range(lines):
            y = top + 25 + line * _LINE_PX
            columns = [(40, width - 40)] if line < 3 else [(20, 150), (width - 70, width - 20)]
            for start, end in columns:
                quad = _turn((left + start, y, left + end, y + TEXT_PX), center, matrix)
                quads.append(quad)
                ink = _turn((left + start + 2, y + 5, left + end - 2, y + TEXT_PX - 4), center, matrix)
                cv2.fillConvexPoly(page, np.round(ink).astype(np.int32), (40,), cv2.LINE_AA)
    return page, np.stack(quads)


def _turn(box: tuple[float, float, float, float], center: np.ndarray, matrix: np.ndarray) -> Floats:
    """Return the corners of a box turned around a center."""
    x0, y0, x1, y1 = box
    points = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) - center
    return np.asarray(points @ matrix.T + center, np.float32)
