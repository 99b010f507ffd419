"""Render a printed strip to ink and box its segments, in dots of the printer."""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np

from shared.arrays import Floats
from synthesis.codes.drawing import draw_modules
from synthesis.printing.layout import Printed
from synthesis.printing.sheet import Graphic, Run, Sheet, group_segments
from synthesis.printing.typography import Ink, render_text

# Pixels per side of one dot of a needle printer.
_NEEDLE_PIXELS = 3
# Range of the margin around the ink, as a share of its height. SROIE labels leave about 15% (measured: 12% of the box
# above, 9% below, 12% and 9% at the sides, median of 1,508 segments).
_LOOSENESS = (0.08, 0.2)


@dataclass(frozen=True)
class Strip:
    """Ink of a strip of paper before wear.

    Attributes:
        ink: `(H, W)` float32, 0 blank to 1 printed.
        boxes: `(N, 4)` float32: x0, y0, x1, y1 of each segment as labeled, in pixels of `ink`.
        tight: `(N, 4)` float32: boxes around the ink alone.
        texts: Text of each segment.
        pitch: Distance between two lines in pixels.
    """

    ink: Floats
    boxes: Floats
    tight: Floats
    texts: tuple[str, ...]
    pitch: float


def render_strip(rng: random.Random, printed: Printed) -> Strip:
    """Render the ink of a strip and box its segments."""
    sheet = printed.sheet
    above, below = (sheet.face.size * rng.choice((rng.uniform(0.6, 3), rng.uniform(1, 7))) for _ in range(2))
    left, top = round(sheet.margin), round(above)
    width = round(sheet.width + 2 * sheet.margin)
    ink = np.zeros((round(sheet.y + above + below + sheet.face.size), width), np.float32)
    extents: dict[Run, tuple[float, float, float, float]] = {}
    for run in sheet.runs:
        drawn = render_text(sheet.face, run.style, run.text)
        if drawn is not None:
            extents[run] = _stamp(ink, drawn, left + round(run.x), top + round(run.y))
    for graphic in sheet.graphics:
        _draw_graphic(ink, graphic, left, top, rng)
    looseness = rng.uniform(*_LOOSENESS)
    boxes, tight, texts = _build_segments(sheet, extents, looseness)
    pitch = sheet.face.size * sheet.face.stretch * sheet.face.pitch
    if printed.needle:
        ink = _render_needle_dots(ink)
        boxes, tight, pitch = boxes * _NEEDLE_PIXELS, tight * _NEEDLE_PIXELS, pitch * _NEEDLE_PIXELS
    return Strip(ink, boxes, tight, texts, pitch)


def _stamp(ink: Floats, drawn: Ink, x: int, y: int) -> tuple[float, float, float, float]:
    """Print on the paper; return the box of the ink, at least as high as capitals."""
    height, width = drawn.mask.shape
    x0, y0 = max(x + drawn.left, 0), max(y + drawn.top, 0)
    part = ink[y0 : y0 + height, x0 : x0 + width]
    np.maximum(part, drawn.mask[: part.shape[0], : part.shape[1]], out=part)
    return x0, min(y0, y + drawn.body[0]), x0 + part.shape[1], max(y0 + part.shape[0], y + drawn.body[1])


def _build_segments(
    sheet: Sheet, extents: dict[Run, tuple[float, float, float, float]], looseness: float
) -> tuple[Floats, Floats, tuple[str, ...]]:
    boxes, tight, texts = [], [], []
    for runs in group_segments(sheet):
        parts = np.array([extents[run] for run in runs if run in extents], np.float32)
        if not len(parts):
            continue
        x0, y0 = parts[:, :2].min(axis=0)
        x1, y1 = parts[:, 2:].max(axis=0)
        room = looseness * (y1 - y0)
        tight.append((x0, y0, x1, y1))
        boxes.append((x0 - room, y0 - room, x1 + room, y1 + room))
        texts.append(" ".join(run.text for run in runs))
    shape = (len(boxes), 4)
    return np.array(boxes, np.float32).reshape(shape), np.array(tight, np.float32).reshape(shape), tuple(texts)


def _draw_graphic(ink: Floats, graphic: Graphic, left: int, top: int, rng: random.Random) -> None:
    """Draw a graphic onto the ink, in place."""
    x0, y0 = round(left + graphic.x), round(top + graphic.y)
    x1, y1 = round(x0 + graphic.width), max(round(y0 + graphic.height), y0 + 1)
    area = ink[y0:y1, x0:x1]
    if graphic.kind == "line":
        area[:] = 1
    elif graphic.kind == "bars":
        x = 0
        while x < area.shape[1]:
            bar = rng.choice((2, 2, 4, 6))
            area[:, x : x + bar] = 1
            x += bar + rng.choice((2, 2, 4, 6))
    elif graphic.kind == "code" and graphic.text:
        drawn = draw_modules(graphic.text).astype(np.float32)
        area[:] = cv2.resize(drawn, area.shape[::-1], interpolation=cv2.INTER_NEAREST)
    elif graphic.kind == "code":
        modules = (np.random.default_rng(rng.getrandbits(32)).random((25, 25)) < 0.5).astype(np.float32)
        for corner in ((0, 0), (0, 18), (18, 0)):
            modules[corner[0] : corner[0] + 7, corner[1] : corner[1] + 7] = 1
            modules[corner[0] + 1 : corner[0] + 6, corner[1] + 1 : corner[1] + 6] = 0
            modules[corner[0] + 2 : corner[0] + 5, corner[1] + 2 : corner[1] + 5] = 1
        area[:] = cv2.resize(modules, area.shape[::-1], interpolation=cv2.INTER_NEAREST)
    elif graphic.kind == "emblem":
        _draw_emblem(area, rng)


def _draw_emblem(area: Floats, rng: random.Random) -> None:
    """Draw an invented logo of a few discs and polygons, in place."""
    height, width = area.shape
    canvas = np.ascontiguousarray(area)
    for _ in range(rng.randint(1, 3)):
        center = (int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.4, 0.6)))
        size = max(4, int(min(height, width) * rng.uniform(0.2, 0.45)))
        thickness = rng.choice((-1, 3, 5))
        if rng.random() < 0.5:
            cv2.circle(canvas, center, size, 1.0, thickness, cv2.LINE_AA)
        else:
            angles = np.linspace(0, 2 * np.pi, rng.randint(3, 6), endpoint=False) + rng.random()
            points = (np.stack([np.cos(angles), np.sin(angles)], axis=1) * size + center).astype(np.int32)
            if thickness < 0:
                cv2.fillPoly(canvas, [points], 1.0, cv2.LINE_AA)
            else:
                cv2.polylines(canvas, [points], True, 1.0, thickness, cv2.LINE_AA)
    area[:] = canvas


def _render_needle_dots(ink: Floats) -> Floats:
    """Replace every dot by a round spot, as needles leave it on a ribbon."""
    spot = np.array([[0.55, 0.9, 0.55], [0.9, 1.0, 0.9], [0.55, 0.9, 0.55]], np.float32)
    return np.kron((ink > 0.5).astype(np.float32), spot).astype(np.float32)
