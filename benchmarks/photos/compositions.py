"""Pictures of several receipts, made from labeled or rendered ones: side by side, stacked, tilted or overlapping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.receipts import load_spread
from shared.arrays import Doubles, Floats, Pixels
from shared.learning.labels import LabeledReceipt
from synthesis.generator import render_receipt
from synthesis.photography.photograph import PictureStyle
from synthesis.photography.wear import draw_lighting, draw_table

LAYOUTS = ("side", "three", "stacked", "tilted", "overlapping", "single")
GROUNDS = ("table", "dark", "white")
# Height to which the median segment of each receipt is scaled.
_TEXT_PX = (18.0, 30.0)
_MAX_HEIGHT_PX = 1800
_PAPER_MARGIN = 1.6
_MAX_TILT_DEGREES = 14.0
_SLIGHT_TILT_DEGREES = 2.0
_PITCH_PX = 26.0


@dataclass(frozen=True)
class Paper:
    """One receipt, cut out.

    Attributes:
        image: `(H, W, 3)` BGR.
        quads: `(N, 4, 2)` of its segments.
    """

    image: Pixels
    quads: Floats


@dataclass(frozen=True)
class Composition:
    """A picture of one or more receipts.

    Attributes:
        name: Layout, ground and number.
        image: `(H, W, 3)` BGR.
        quads: For each receipt the quads of its segments, `(N, 4, 2)`.
    """

    name: str
    image: Pixels
    quads: tuple[Floats, ...]


def compose_many(count: int, seed: int, folders: Sequence[Path], split: str) -> Iterator[Composition]:
    """Compose pictures, each in the next layout and on the next ground.

    Args:
        count: Number of pictures.
        seed: The same seed makes the same pictures.
        folders: Folders of labeled receipts; every third receipt is rendered.
        split: Split of the labeled receipts.
    """
    rng = np.random.default_rng(seed)
    labeled = [receipt for folder in folders for receipt in load_spread(folder, split, None)]
    rng.shuffle(labeled)
    for number in range(count):
        layout, ground = LAYOUTS[number % len(LAYOUTS)], GROUNDS[number // len(LAYOUTS) % len(GROUNDS)]
        papers = [_take_paper(labeled, rng, f"{seed} {number} {part}") for part in range(_count_papers(layout))]
        image, quads = compose(papers, layout, ground, rng)
        yield Composition(f"{layout}, {ground}, {number}", image, quads)


def compose(
    papers: Sequence[Paper], layout: str, ground: str, rng: np.random.Generator
) -> tuple[Pixels, tuple[Floats, ...]]:
    """Lay receipts on a ground; return the picture and the quads of each receipt."""
    placed = [_turn(paper, _draw_tilt(layout, rng)) for paper in papers]
    corners = _arrange([(turned.shape[1], turned.shape[0]) for turned, _, _ in placed], layout, rng)
    low = corners.min(axis=0)
    edge = int(rng.uniform(10, 60))
    sizes = np.array([(turned.shape[1], turned.shape[0]) for turned, _, _ in placed])
    width, height = np.ceil((corners - low + sizes).max(axis=0) + 2 * edge).astype(int).tolist()
    canvas = _draw_ground(ground, (height, width), rng)
    quads = []
    for (turned, cover, moved), corner in zip(placed, corners - low + edge, strict=True):
        x, y = corner.astype(int).tolist()
        part = canvas[y : y + turned.shape[0], x : x + turned.shape[1]]
        shadow = cv2.GaussianBlur(cover, (0, 0), 4.0)[..., None]
        shaded = part * (1 - 0.25 * shadow) if ground != "white" else part * (1 - 0.04 * shadow)
        part[:] = shaded * (1 - cover[..., None]) + turned * cover[..., None]
        quads.append((moved + np.array([x, y])).astype(np.float32))
    if ground != "white":
        canvas *= draw_lighting(rng, (height, width), 0.4)[..., None]
    canvas += rng.normal(0, 2.0, canvas.shape[:2]).astype(np.float32)[..., None]
    return np.clip(canvas, 0, 255).astype(np.uint8), tuple(quads)


def cut_paper(receipt: LabeledReceipt, text_px: float) -> Paper:
    """Cut a labeled receipt out of its picture with a narrow margin, and scale its text."""
    image = receipt.read_image()
    quads = receipt.quads.astype(np.float32)
    text = max(4.0, float(np.median(np.linalg.norm(quads[:, 3] - quads[:, 0], axis=-1))))
    low = np.maximum(quads.min(axis=(0, 1)) - _PAPER_MARGIN * text, 0).astype(int)
    high = np.minimum(quads.max(axis=(0, 1)) + _PAPER_MARGIN * text, (image.shape[1], image.shape[0])).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    scale = min(text_px / text, _MAX_HEIGHT_PX / part.shape[0])
    scaled = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return Paper(np.asarray(scaled, np.uint8), (quads - low) * np.float32(scale))


def _take_paper(labeled: Sequence[LabeledReceipt], rng: np.random.Generator, seed: str) -> Paper:
    if not labeled or rng.random() < 1 / 3:
        rendered = render_receipt(f"several {seed}", style=PictureStyle("scan", 0.3, _PITCH_PX, _MAX_HEIGHT_PX))
        return Paper(rendered.image, np.stack([segment.quad for segment in rendered.segments]).astype(np.float32))
    return cut_paper(labeled[int(rng.integers(len(labeled)))], float(rng.uniform(*_TEXT_PX)))


def _count_papers(layout: str) -> int:
    return {"single": 1, "three": 3}.get(layout, 2)


def _draw_tilt(layout: str, rng: np.random.Generator) -> float:
    limit = _MAX_TILT_DEGREES if layout == "tilted" else _SLIGHT_TILT_DEGREES
    return float(rng.uniform(-limit, limit))


def _turn(paper: Paper, degrees: float) -> tuple[Pixels, Floats, Floats]:
    """Turn a receipt clockwise; return its picture, its cover (0 to 1) and its quads."""
    height, width = paper.image.shape[:2]
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn: Doubles = np.array([[cosine, -sine], [sine, cosine]])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ turn.T
    low = corners.min(axis=0)
    columns, rows = np.ceil(corners.max(axis=0) - low).astype(int).tolist()
    matrix = np.hstack([turn, -low[:, None]])
    turned = cv2.warpAffine(paper.image, matrix, (columns, rows), flags=cv2.INTER_LINEAR)
    cover = cv2.warpAffine(np.ones((height, width), np.float32), matrix, (columns, rows), flags=cv2.INTER_LINEAR)
    return np.asarray(turned, np.uint8), np.asarray(cover, np.float32), (paper.quads @ turn.T - low).astype(np.float32)


def _arrange(sizes: Sequence[tuple[int, int]], layout: str, rng: np.random.Generator) -> Doubles:
    """Return the top left corner of each receipt."""
    corners = np.zeros((len(sizes), 2))
    axis = 1 if layout == "stacked" else 0
    for number in range(1, len(sizes)):
        side = sizes[number - 1][axis]
        gap = -rng.uniform(0.0, 0.03) * side if layout == "overlapping" else rng.uniform(0.01, 0.2) * side
        corners[number, axis] = corners[number - 1, axis] + side + gap
        corners[number, 1 - axis] = rng.uniform(-0.2, 0.2) * min(size[1 - axis] for size in sizes)
    return corners


def _draw_ground(ground: str, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    if ground == "table":
        return np.asarray(draw_table(rng, shape), np.float32).copy()
    level = rng.uniform(15, 110, 3) if ground == "dark" else np.full(3, rng.uniform(235, 255))
    return np.broadcast_to(level.astype(np.float32), (*shape, 3)).copy()
