"""Damaged copies of labeled receipts, as they come from phones, faxes and pockets; the labels move along.

`python -m benchmarks.damage --data DIR --kind skewed --out DIR` writes a data set in SROIE's layout. What is done to a
receipt depends on the seed, its key and the kind alone.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from services.detector.training.damage import move
from shared.arrays import Floats, Pixels
from shared.learning.dataset import load_split, write_receipt, write_split
from shared.learning.labels import LabeledReceipt, LabeledSegment
from synthesis.photography.wear import draw_lighting, draw_table

Damage = Callable[[Pixels, Floats, np.random.Generator], tuple[Pixels, Floats]]

SKEW_DEGREES = 10.0
PERSPECTIVE_SHARE = 0.06
"""Each corner moves inwards by up to this share of the sides."""
DARKEST = 0.25
"""Light at the dark end of the gradient, as a share of the light at the other."""
BLUR_SHARE = 0.055
"""Standard deviation of the blur as a share of the median height of the segments."""
JPEG_QUALITY = 18
SHRINK = 0.6
TABLE_MARGIN = (0.08, 0.25)
TABLE_TURN = 5.0
FOLD_SHIFT, FOLD_SIZE = 0.12, 6.0
"""Crumpled: standard deviation of the displacement and distance of the folds, in median heights of the segments."""


def turned(quarters: int) -> Damage:
    """A turn by quarters clockwise; the labels keep the text's own top left corner first."""

    def apply(image: Pixels, quads: Floats, _: np.random.Generator) -> tuple[Pixels, Floats]:
        points = quads.astype(np.float32)
        for _ in range(quarters):
            height = image.shape[0]
            image = np.ascontiguousarray(np.rot90(image, -1))
            points = np.stack([height - points[..., 1], points[..., 0]], axis=-1)
        return image, points

    return apply


def skewed(image: Pixels, quads: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Turned by up to `SKEW_DEGREES` either way, on a canvas that holds all of it."""
    return _placed(image, quads, float(rng.uniform(-SKEW_DEGREES, SKEW_DEGREES)), np.zeros((4, 2)), _paper(image))


def perspective(image: Pixels, quads: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Seen from aside: every corner moves inwards."""
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rng.uniform(0, PERSPECTIVE_SHARE, (4, 2))
    return _placed(image, quads, 0.0, inwards, _paper(image))


def gradient(image: Pixels, quads: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Light that falls off to `DARKEST` in a random direction."""
    height, width = image.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    along = (x * np.cos(angle) + y * np.sin(angle)) / (abs(np.cos(angle)) + abs(np.sin(angle)))
    light = DARKEST + (1 - DARKEST) * (along + 1) / 2
    return (image * light[..., None]).astype(np.uint8), quads


def blurred(image: Pixels, quads: Floats, _: np.random.Generator) -> tuple[Pixels, Floats]:
    """Out of focus, in proportion to the text."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(0.5, BLUR_SHARE * _text_height(quads))), np.uint8), quads


def compressed(image: Pixels, quads: Floats, _: np.random.Generator) -> tuple[Pixels, Floats]:
    """JPEG of `JPEG_QUALITY`."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8), quads


def shrunk(image: Pixels, quads: Floats, _: np.random.Generator) -> tuple[Pixels, Floats]:
    """Made smaller, to `SHRINK` of its sides."""
    small = cv2.resize(image, None, fx=SHRINK, fy=SHRINK, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), quads * np.float32(SHRINK)


def on_table(image: Pixels, quads: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """On a patterned table, turned and tilted a little, in uneven light."""
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rng.uniform(0, PERSPECTIVE_SHARE / 2, (4, 2))
    margin = float(rng.uniform(*TABLE_MARGIN))

    def ground(shape: tuple[int, int]) -> Floats:
        return draw_table(rng, shape)

    shown, moved = _placed(image, quads, float(rng.uniform(-TABLE_TURN, TABLE_TURN)), inwards, ground, margin=margin)
    light = draw_lighting(rng, (shown.shape[0], shown.shape[1]), 0.5)[..., None]
    return np.clip(shown * light, 0, 255).astype(np.uint8), moved


def crumpled(image: Pixels, quads: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Pressed together and smoothed out: a displacement between folds, and the light on their slopes."""
    height, width = image.shape[:2]
    text = _text_height(quads)
    grid = (max(4, round(height / (FOLD_SIZE * text))), max(4, round(width / (FOLD_SIZE * text))))
    # Linear between the knots: paper bends at folds and is flat between them.
    knots = rng.normal(0.0, 1.0, (*grid, 3)).astype(np.float32)
    field = np.asarray(cv2.resize(knots, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    shift = np.ascontiguousarray(field[..., :2]) * np.float32(FOLD_SHIFT * text)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    bent = cv2.remap(image, x + shift[..., 0], y + shift[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    slope = cv2.GaussianBlur(np.asarray(np.gradient(field[..., 2], axis=1)), (0, 0), 1.5) * text
    light = np.clip(1.0 + 0.5 * slope, 0.6, 1.2)[..., None]
    return np.clip(bent * light, 0, 255).astype(np.uint8), move(quads, np.eye(3), shift)


KINDS: dict[str, Damage] = {
    "turned_90": turned(1),
    "turned_180": turned(2),
    "turned_270": turned(3),
    "skewed": skewed,
    "perspective": perspective,
    "gradient": gradient,
    "blurred": blurred,
    "jpeg_18": compressed,
    "shrunk_60": shrunk,
    "table": on_table,
    "crumpled": crumpled,
}
"""What can be done to a receipt, by name."""


def damage(receipt: LabeledReceipt, kind: str, seed: int) -> tuple[Pixels, Floats]:
    """The picture of a receipt (H x W x 3, BGR) and its quads (N x 4 x 2), damaged.

    Raises:
        KeyError: If there is no such kind.
    """
    rng = np.random.default_rng((seed, zlib.crc32(f"{receipt.key} {kind}".encode())))
    return KINDS[kind](receipt.read_image(), receipt.quads, rng)


def write_copy(receipts: Sequence[LabeledReceipt], kind: str, seed: int, out: Path) -> None:
    """Write damaged copies of receipts in SROIE's layout; `write_split` is left to the caller."""
    for receipt in receipts:
        image, quads = damage(receipt, kind, seed)
        segments = [LabeledSegment(quad, one.text) for quad, one in zip(quads, receipt.segments, strict=True)]
        write_receipt(out, receipt.key, image, segments, receipt.entities)


def _placed(
    image: Pixels,
    quads: Floats,
    degrees: float,
    inwards: npt.NDArray[Any],
    ground: Callable[[tuple[int, int]], Floats],
    *,
    margin: float = 0.0,
) -> tuple[Pixels, Floats]:
    """Turn a picture clockwise and move its corners (shares of the sides), on a ground that shows around it."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    radians = np.deg2rad(degrees)
    turn = np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
    target = (corners + inwards * (width, height)) @ turn
    edge = margin * min(width, height)
    target += edge - target.min(axis=0)
    columns, rows = np.ceil(target.max(axis=0) + edge).astype(int).tolist()
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target.astype(np.float32))
    shown = cv2.warpPerspective(image, matrix, (columns, rows), flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, (columns, rows))
    share = (np.asarray(cover, np.float32) / 255.0)[..., None]
    mixed = shown * share + ground((rows, columns)) * (1.0 - share)
    return np.clip(mixed, 0, 255).astype(np.uint8), move(quads, np.asarray(matrix, np.float64), None)


def _paper(image: Pixels) -> Callable[[tuple[int, int]], Floats]:
    """A plain ground of the paper's color."""
    color = np.median(image.reshape(-1, 3), axis=0).astype(np.float32)
    return lambda shape: np.broadcast_to(color, (*shape, 3)).astype(np.float32)


def _text_height(quads: Floats) -> float:
    if not len(quads):
        return 20.0
    return max(4.0, float(np.median(np.linalg.norm(quads[:, 3] - quads[:, 0], axis=-1))))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write damaged copies of labeled receipts.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--kind", choices=sorted(KINDS), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    receipts = load_split(options.data, options.split)[: options.limit]
    write_copy(receipts, options.kind, options.seed, options.out)
    written = {receipt.key for receipt in receipts}
    splits = json.loads((options.data / "split.json").read_text(encoding="utf-8"))
    own = {name: [key for key in keys if key in written] for name, keys in splits.items()}
    write_split(options.out, {name: keys for name, keys in own.items() if keys})
    print(f"{len(receipts)} receipts are in {options.out}")


if __name__ == "__main__":
    main()
