"""Damages labeled receipts as phones, faxes and pockets do; the labels move along.

    python -m benchmarks.damage --data DIR --kind skewed --out DIR

Writes a data set in the SROIE layout. The damage depends only on the seed, the key of the receipt and the kind.
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

from services.detector.training.damage import move_points
from shared.arrays import Floats, Pixels
from shared.learning.dataset import load_split, write_receipt, write_split
from shared.learning.labels import LabeledReceipt, LabeledSegment
from synthesis.photography.wear import draw_lighting, draw_table

Damage = Callable[[Pixels, Floats, np.random.Generator], tuple[Pixels, Floats]]

_MAX_SKEW_DEGREES = 10.0
# Corners move inwards by up to this share of the sides.
_MAX_PERSPECTIVE = 0.06
# Light at the dark end, as a share of the light at the bright end.
_MIN_LIGHT = 0.25
# Standard deviation, as a share of the median height of the segments.
_BLUR = 0.055
_JPEG_QUALITY = 18
_SHRINK = 0.6
# Around a receipt on a table, as a share of its shorter side.
_TABLE_MARGINS = (0.08, 0.25)
_TABLE_MAX_SKEW_DEGREES = 5.0
# Standard deviation of the displacement, and distance of the folds, in median heights of the segments.
_FOLD_SHIFT, _FOLD_DISTANCE = 0.12, 6.0
_INWARDS = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
_DEFAULT_TEXT_HEIGHT_PX = 20.0


def rotate(quarters: int) -> Damage:
    """Return a clockwise rotation by quarter turns; quads keep the top left corner of the text first."""

    def apply(image: Pixels, quads: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
        points = quads.astype(np.float32)
        for _ in range(quarters):
            height = image.shape[0]
            image = np.ascontiguousarray(np.rot90(image, -1))
            points = np.stack([height - points[..., 1], points[..., 0]], axis=-1)
        return image, points

    return apply


def skew(image: Pixels, quads: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Rotate by up to `_MAX_SKEW_DEGREES` either way, on a canvas that fits."""
    degrees = float(rng.uniform(-_MAX_SKEW_DEGREES, _MAX_SKEW_DEGREES))
    return _place(image, quads, degrees, np.zeros((4, 2)), _plain_paper(image))


def tilt(image: Pixels, quads: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Show the receipt from an angle: every corner moves inwards."""
    inwards = _INWARDS * rng.uniform(0, _MAX_PERSPECTIVE, (4, 2))
    return _place(image, quads, 0.0, inwards, _plain_paper(image))


def shade(image: Pixels, quads: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Let the light fall off to `_MIN_LIGHT` in a random direction."""
    height, width = image.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    along = (x * np.cos(angle) + y * np.sin(angle)) / (abs(np.cos(angle)) + abs(np.sin(angle)))
    light = _MIN_LIGHT + (1 - _MIN_LIGHT) * (along + 1) / 2
    return (image * light[..., None]).astype(np.uint8), quads


def blur(image: Pixels, quads: Floats, _: np.random.Generator) -> tuple[Pixels, Floats]:
    """Blur in proportion to the height of the text."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(0.5, _BLUR * _text_height(quads))), np.uint8), quads


def compress(image: Pixels, quads: Floats, _: np.random.Generator) -> tuple[Pixels, Floats]:
    """Compress as JPEG with `_JPEG_QUALITY`."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8), quads


def shrink(image: Pixels, quads: Floats, _: np.random.Generator) -> tuple[Pixels, Floats]:
    """Scale the sides by `_SHRINK`."""
    small = cv2.resize(image, None, fx=_SHRINK, fy=_SHRINK, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), quads * np.float32(_SHRINK)


def lay_on_table(image: Pixels, quads: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Show the receipt on a patterned table, slightly rotated and tilted, in uneven light."""
    inwards = _INWARDS * rng.uniform(0, _MAX_PERSPECTIVE / 2, (4, 2))
    margin = float(rng.uniform(*_TABLE_MARGINS))

    def draw_ground(shape: tuple[int, int]) -> Floats:
        return draw_table(rng, shape)

    degrees = float(rng.uniform(-_TABLE_MAX_SKEW_DEGREES, _TABLE_MAX_SKEW_DEGREES))
    shown, moved = _place(image, quads, degrees, inwards, draw_ground, margin=margin)
    light = draw_lighting(rng, (shown.shape[0], shown.shape[1]), 0.5)[..., None]
    return np.clip(shown * light, 0, 255).astype(np.uint8), moved


def crumple(image: Pixels, quads: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Crumple and smooth the paper: displace it between folds, and shade the slopes."""
    height, width = image.shape[:2]
    text = _text_height(quads)
    grid = (max(4, round(height / (_FOLD_DISTANCE * text))), max(4, round(width / (_FOLD_DISTANCE * text))))
    # Linear between the knots, because paper bends at folds and is flat between them.
    knots = rng.normal(0.0, 1.0, (*grid, 3)).astype(np.float32)
    field = np.asarray(cv2.resize(knots, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    shift = np.ascontiguousarray(field[..., :2]) * np.float32(_FOLD_SHIFT * text)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    bent = cv2.remap(image, x + shift[..., 0], y + shift[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    slope = cv2.GaussianBlur(np.asarray(np.gradient(field[..., 2], axis=1)), (0, 0), 1.5) * text
    light = np.clip(1.0 + 0.5 * slope, 0.6, 1.2)[..., None]
    return np.clip(bent * light, 0, 255).astype(np.uint8), move_points(quads, np.eye(3), shift)


KINDS: dict[str, Damage] = {
    "turned_90": rotate(1),
    "turned_180": rotate(2),
    "turned_270": rotate(3),
    "skewed": skew,
    "perspective": tilt,
    "gradient": shade,
    "blurred": blur,
    "jpeg_18": compress,
    "shrunk_60": shrink,
    "table": lay_on_table,
    "crumpled": crumple,
}
"""The kinds of damage, by name."""


def damage(receipt: LabeledReceipt, kind: str, seed: int) -> tuple[Pixels, Floats]:
    """Return the damaged picture of a receipt, (H, W, 3) BGR, and its quads, (N, 4, 2).

    Raises:
        KeyError: If there is no such kind.
    """
    rng = np.random.default_rng((seed, zlib.crc32(f"{receipt.key} {kind}".encode())))
    return KINDS[kind](receipt.read_image(), receipt.quads, rng)


def write_copy(receipts: Sequence[LabeledReceipt], kind: str, seed: int, out: Path) -> None:
    """Write damaged copies of receipts in the SROIE layout, without `split.json`."""
    for receipt in receipts:
        image, quads = damage(receipt, kind, seed)
        segments = [LabeledSegment(quad, one.text) for quad, one in zip(quads, receipt.segments, strict=True)]
        write_receipt(out, receipt.key, image, segments, receipt.entities)


def _place(
    image: Pixels,
    quads: Floats,
    degrees: float,
    inwards: npt.NDArray[Any],
    draw_ground: Callable[[tuple[int, int]], Floats],
    *,
    margin: float = 0.0,
) -> tuple[Pixels, Floats]:
    """Rotate a picture clockwise and move its corners, on a ground that shows around it.

    Args:
        image: The picture, (H, W, 3).
        quads: Quads on it, (N, 4, 2).
        degrees: Angle of the rotation.
        inwards: How far the corners move, (4, 2), in shares of the sides.
        draw_ground: Draws the ground for a height and width, (H, W, 3).
        margin: Width of the ground around the picture, as a share of its shorter side.
    """
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    radians = np.deg2rad(degrees)
    rotation = np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
    target = (corners + inwards * (width, height)) @ rotation
    edge = margin * min(width, height)
    target += edge - target.min(axis=0)
    columns, rows = np.ceil(target.max(axis=0) + edge).astype(int).tolist()
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target.astype(np.float32))
    shown = cv2.warpPerspective(image, matrix, (columns, rows), flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, (columns, rows))
    share = (np.asarray(cover, np.float32) / 255.0)[..., None]
    mixed = shown * share + draw_ground((rows, columns)) * (1.0 - share)
    return np.clip(mixed, 0, 255).astype(np.uint8), move_points(quads, np.asarray(matrix, np.float64), None)


def _plain_paper(image: Pixels) -> Callable[[tuple[int, int]], Floats]:
    """Return a function that draws a plain ground in the color of the paper."""
    color = np.median(image.reshape(-1, 3), axis=0).astype(np.float32)
    return lambda shape: np.broadcast_to(color, (*shape, 3)).astype(np.float32)


def _text_height(quads: Floats) -> float:
    if not len(quads):
        return _DEFAULT_TEXT_HEIGHT_PX
    return max(4.0, float(np.median(np.linalg.norm(quads[:, 3] - quads[:, 0], axis=-1))))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
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
    print(f"Wrote {len(receipts)} receipts to {options.out}")


if __name__ == "__main__":
    main()
