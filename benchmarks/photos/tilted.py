"""Rendered receipts as a camera sees them that is not held above them: at an angle, from near, in any direction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from services.detector.orientation.straighten import map_points
from shared.arrays import Doubles, Floats, Pixels
from shared.learning.labels import LabeledSegment
from synthesis.generator import render_receipt
from synthesis.photography.photograph import PictureStyle
from synthesis.photography.wear import draw_lighting, draw_table

GROUNDS = ("table", "dark", "paper")
_PITCH_PX = (30.0, 40.0)
_MAX_HEIGHT_PX = 2400
# Distance of the camera in longer sides of the receipt; at 1.1 it fills a usual field of view.
_DISTANCES = (1.1, 1.7)
_MAX_ROLL_DEGREES = 12.0
_MARGIN = 0.05


@dataclass(frozen=True)
class TiltedReceipt:
    """A picture of a receipt.

    Attributes:
        name: Its number, and what is below it.
        image: `(H, W, 3)` BGR.
        segments: Its text, with quads in pixels of the picture.
        entities: Company, date, address and total as printed.
    """

    name: str
    image: Pixels
    segments: tuple[LabeledSegment, ...]
    entities: dict[str, str]


def render_tilted(count: int, seed: int, degrees: float) -> Iterator[TiltedReceipt]:
    """Render receipts, each from another direction and on the next ground. The same seed makes the same receipts.

    Args:
        count: Number of pictures.
        seed: Seed of receipts, directions, distances and grounds.
        degrees: Angle between the view of the camera and the normal of the paper.
    """
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        style = PictureStyle("scan", 0.2, float(rng.uniform(*_PITCH_PX)), _MAX_HEIGHT_PX)
        receipt = render_receipt(f"tilted {seed} {number}", style=style)
        direction = float(rng.uniform(0, 360))
        height, width = receipt.image.shape[:2]
        matrix = look_from(
            degrees,
            direction,
            distance=float(rng.uniform(*_DISTANCES)) * max(width, height),
            roll=float(rng.uniform(-_MAX_ROLL_DEGREES, _MAX_ROLL_DEGREES)),
            center=(width / 2, height / 2),
        )
        ground = GROUNDS[number % len(GROUNDS)]
        image, forth = _show(receipt.image, matrix, ground, rng)
        segments = [LabeledSegment(map_points(one.quad, forth), one.text) for one in receipt.segments]
        yield TiltedReceipt(f"{number}-{ground}", image, tuple(segments), receipt.entities)


def look_from(
    degrees: float, direction: float, *, distance: float, roll: float, center: tuple[float, float]
) -> Doubles:
    """Return the `(3, 3)` matrix of a pinhole camera that looks at the center of a receipt.

    Args:
        degrees: Angle between the view and the normal of the paper.
        direction: Direction in degrees, in the plane of the paper, of the axis around which the camera is tilted.
        distance: Distance of the camera from the center, in pixels of the receipt. The center keeps its size.
        roll: Degrees clockwise by which the receipt is turned.
        center: x and y of the center of the receipt in pixels.
    """
    axis = np.deg2rad(direction)
    tilt, _ = cv2.Rodrigues(np.deg2rad(degrees) * np.array([np.cos(axis), np.sin(axis), 0.0]))
    turn, _ = cv2.Rodrigues(np.array([0.0, 0.0, np.deg2rad(roll)]))
    placed = np.asarray(tilt, np.float64) @ np.asarray(turn, np.float64)
    project = np.array([distance * placed[0], distance * placed[1], placed[2]])
    project[:, 2] = 0.0, 0.0, distance
    to_center = np.eye(3)
    to_center[:2, 2] = -np.array(center)
    return project @ to_center


def _show(image: Pixels, matrix: Doubles, ground: str, rng: np.random.Generator) -> tuple[Pixels, Doubles]:
    """Return the picture of a receipt on a ground, and the matrix from the receipt to it."""
    height, width = image.shape[:2]
    corners = map_points([[0, 0], [width, 0], [width, height], [0, height]], matrix)
    edge = _MARGIN * max(width, height)
    low = corners.min(axis=0) - edge
    columns, rows = np.ceil(corners.max(axis=0) + edge - low).astype(int).tolist()
    shift = np.eye(3)
    shift[:2, 2] = -low
    forth = shift @ matrix
    shown = cv2.warpPerspective(image, forth, (columns, rows), flags=cv2.INTER_AREA)
    cover = cv2.warpPerspective(np.full((height, width), 255, np.uint8), forth, (columns, rows), flags=cv2.INTER_LINEAR)
    share = (np.asarray(cover, np.float32) / 255)[..., None]
    mixed = shown * share + _draw_ground(ground, image, (rows, columns), rng) * (1 - share)
    mixed *= draw_lighting(rng, (rows, columns), 0.3)[..., None]
    noisy = mixed + rng.normal(0, 3.0, (rows, columns, 1))
    return np.clip(noisy, 0, 255).astype(np.uint8), forth


def _draw_ground(ground: str, image: Pixels, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    if ground == "table":
        return np.asarray(draw_table(rng, shape), np.float32)
    level = np.full(3, rng.uniform(20, 90)) if ground == "dark" else np.median(image.reshape(-1, 3), axis=0)
    return np.broadcast_to(level.astype(np.float32), (*shape, 3))
