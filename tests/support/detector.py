"""A detector whose engine knows the answer, and pages for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from services.detector.anchors import build_targets
from services.detector.joining import JoiningSettings
from services.detector.network.architecture import STRIDE, Architecture
from services.detector.network.engine import Activations
from services.detector.predictor import Predictor
from services.detector.settings import DetectorSettings
from shared.arrays import Floats, Pixels

ARCHITECTURE = Architecture()


class Oracle:
    """Engine that detects dark bars as a perfectly trained network would."""

    def __init__(self, *, batches_by_size: bool = True) -> None:
        self.batches_by_size = batches_by_size
        self.runs: list[list[tuple[int, ...]]] = []

    @property
    def sizes(self) -> list[tuple[int, ...]]:
        """Sizes of all pages so far."""
        return [size for run in self.runs for size in run]

    def __call__(self, pages: Sequence[Pixels]) -> Iterator[Activations]:
        """Run pages, see `Engine`."""
        self.runs.append([page.shape for page in pages])
        return map(self._page, pages)

    def _page(self, page: Pixels) -> Activations:
        ink = cv2.morphologyEx((page < 128).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(ink)
        quads = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h, _ in stats[1:] if w > 20]
        rows, columns = page.shape[0] // STRIDE, page.shape[1] // STRIDE
        targets = build_targets(
            np.array(quads, np.float32).reshape(-1, 4, 2), rows, columns, ARCHITECTURE.anchor_heights
        )
        probability = np.where(targets.labels == 1, 0.97, 0.01).astype(np.float32)
        return Activations(probability, targets.vertical, targets.side)


def draw_page(scale: int = 1, squash: int = 1) -> tuple[Pixels, Floats]:
    """Draw a page of three rows of strokes like characters; return it with the boxes of the rows."""
    image = np.full((300 * scale, 420 * scale, 3), 240, np.uint8)
    boxes = []
    for y in (60, 120, 180):
        for x in range(60, 200, 8):
            cv2.rectangle(image, (x * scale, y * scale), ((x + 4) * scale, (y + 14 // squash) * scale), (0, 0, 0), -1)
        boxes.append((60, y, 200, y + 14 // squash))
    return image, np.array(boxes, np.float32) * scale


def build_predictor(oracle: Oracle, **settings: object) -> Predictor:
    """Build a predictor around an engine; joining does not grow segments."""
    return Predictor(
        oracle,
        ARCHITECTURE,
        version="ctpn-test",
        settings=DetectorSettings(**settings),  # type: ignore[arg-type]
        joining=JoiningSettings(grow=(0.0, 0.0, 0.0, 0.0)),
    )
