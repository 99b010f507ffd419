"""Draw printed pages, plain or turned and skewed by known angles."""

from __future__ import annotations

import cv2
import numpy as np

from services.detector.orientation.engine import TURNS
from shared.geometry import rotate_image, rotate_quads

# Minimum standard deviation of a profile of a patch, in gray levels, if its lines are straight.
_STRAIGHT_DEVIATION = 22.0
CORNERS = np.array([[60, 50], [540, 50], [540, 330], [60, 330]], np.float32)


class FixedTurnEngine:
    """Orientation engine that always returns one turn and keeps the patches it got."""

    def __init__(self, turn: int, confidence: float = 5.0) -> None:
        self.scores = np.where(np.array(TURNS) == turn, 0.0, -confidence).astype(np.float32)
        self.seen: list[np.ndarray] = []

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        self.seen.append(patches)
        return np.tile(self.scores, (len(patches), 1))


class StraightTurnEngine(FixedTurnEngine):
    """Orientation engine that is unsure where lines of text are not straight."""

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        scores = super().__call__(patches)
        profiles = [(255.0 - patches).mean(axis=axis) for axis in (1, 2)]
        # Straight lines leave rows, or columns, without ink between them.
        is_straight = max(float(profile.std(axis=1).max()) for profile in profiles) > _STRAIGHT_DEVIATION
        return scores if is_straight else np.full_like(scores, -1.4)


def draw_framed_page() -> np.ndarray:
    """Draw an upright page of printed lines between four dots at `CORNERS`."""
    gray = np.full((400, 600), 235, np.uint8)
    for row in range(8):
        text = "RECEIPT 123 TOTAL 45"[row : row + 14]
        cv2.putText(gray, text, (100, 90 + row * 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 30, 2, cv2.LINE_AA)
    for x, y in CORNERS.astype(int).tolist():
        gray[y - 3 : y + 3, x - 3 : x + 3] = 0
    return gray


def turn_page(rotation: int, skew: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw the framed page skewed and turned, with plain OpenCV; return it with the positions of the corners."""
    angle = np.deg2rad(skew)
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array([110.0, 130.0])
    # Pixel centers are at halves here and at whole numbers in OpenCV.
    matrix = np.hstack([linear, (shift + linear @ [0.5, 0.5] - 0.5)[:, None]])
    skewed = cv2.warpAffine(draw_framed_page(), matrix, (800, 640), flags=cv2.INTER_LINEAR, borderValue=235)
    sent = rotate_image(np.asarray(skewed, np.uint8), rotation)
    return sent, rotate_quads(CORNERS @ linear.T + shift, rotation, 800, 640)


def draw_lines(scale: float, width: int = 600, height: int = 500) -> tuple[np.ndarray, float]:
    """Draw a page of printed lines; return it with the height of its capitals in pixels."""
    image = np.full((height, width, 3), 235, np.uint8)
    for number in range(6):
        cv2.putText(
            image,
            "RECEIPT 123 TOTAL 45",
            (60, 100 + int(number * 45 * scale)),
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            (30, 30, 30),
            2,
            cv2.LINE_AA,
        )
    rows = np.flatnonzero((image[:110, :, 0] < 130).any(axis=1))
    return image, float(rows[-1] - rows[0] + 1)
