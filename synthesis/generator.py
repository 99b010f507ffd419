"""Render synthetic receipts: one at a time, or a folder in the layout of SROIE."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from shared.arrays import Floats, Pixels
from shared.learning.dataset import write_receipt, write_split
from shared.learning.labels import LabeledSegment
from synthesis.content.receipt import draw_content
from synthesis.photography.photograph import PictureStyle, draw_style, take_picture
from synthesis.printing.layout import Printed, draw_layout
from synthesis.printing.rendering import render_strip
from synthesis.printing.signs import load_sign_faces


@dataclass(frozen=True)
class SyntheticReceipt:
    """A picture with its labels.

    Attributes:
        image: `(H, W, 3)` uint8, BGR.
        segments: Every run of text from top to bottom, with its quad in pixels of `image`.
        entities: Company, date, address and total as printed; empty if the receipt has none.
        tight: `(N, 4, 2)` quads around the ink of `segments`, without the margin that labels leave.
        labels: Everything else that is known of the receipt, as JSON types; empty if nothing is.
    """

    image: Pixels
    segments: tuple[LabeledSegment, ...]
    entities: dict[str, str]
    tight: Floats
    labels: dict[str, Any] = field(default_factory=dict)


def render_receipt(
    seed: int | str, *, style: PictureStyle | None = None, country: str | None = None, fonts: Path | None = None
) -> SyntheticReceipt:
    """Render one receipt. The same seed gives the same receipt.

    Args:
        seed: Any number or text.
        style: Wear and kind of picture; drawn if None.
        country: MY, US, UK or EU; drawn if None.
        fonts: Folder of further fonts, mainly for shop names; None uses only the fonts of receipt printers.

    Raises:
        FontError: If the folder has no usable font.
    """
    chance = random.Random(f"receipt {seed}")
    signs = load_sign_faces(fonts) if fonts else ()
    return photograph(chance, draw_layout(chance, draw_content(chance, country), signs), style)


def photograph(chance: random.Random, printed: Printed, style: PictureStyle | None) -> SyntheticReceipt:
    """Make the picture of a printed strip, and map its labels into it.

    Args:
        chance: Source of random choices.
        printed: The strip.
        style: Wear and kind of picture; drawn if None.
    """
    strip = render_strip(chance, printed)
    pixels = np.random.default_rng(chance.getrandbits(64))
    image, warp = take_picture(pixels, strip, style or draw_style(pixels))
    limit = np.array([image.shape[1] - 1, image.shape[0] - 1], np.float32)
    quads = warp.map_boxes(strip.boxes).clip(0, limit)
    segments = tuple(LabeledSegment(quad, text) for quad, text in zip(quads, strip.texts, strict=True))
    return SyntheticReceipt(image, segments, printed.entities, warp.map_boxes(strip.tight))


def generate(
    out: Path,
    count: int,
    seed: int,
    validation_share: float = 0.05,
    workers: int = 1,
    *,
    fonts: Path | None = None,
) -> None:
    """Write `count` receipts and a `split.json` into a folder.

    Args:
        out: Folder; created if it is missing. Files with the same keys are replaced.
        count: Number of receipts.
        seed: Receipt i of a seed is always the same, whatever `count` and `workers` are.
        validation_share: Share of the receipts in the split `validation`; the rest is `train`.
        workers: Number of processes.
        fonts: See `render_receipt`.

    Raises:
        ValueError: If a number is out of range.
        FontError: If the folder has no usable font.
    """
    render = partial(render_receipt, fonts=fonts)
    write_receipts(render, out, [f"S{seed:04d}-{index:06d}" for index in range(count)], validation_share, workers)


def write_receipts(
    render: Callable[[str], SyntheticReceipt], out: Path, keys: Sequence[str], validation_share: float, workers: int
) -> None:
    """Render a receipt per key, and write them and a `split.json` into a folder.

    Further labels of a receipt are in `labels/KEY.json`.

    Raises:
        ValueError: If a number is out of range.
    """
    count = len(keys)
    if count < 1 or workers < 1 or not 0 <= validation_share < 1:
        raise ValueError("count and workers must be at least 1; validation_share must be at least 0 and below 1")
    if workers == 1:
        for key in keys:
            _write(render, out, key)
    else:
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(partial(_write, render, out), keys, chunksize=8))
    held_out = round(count * validation_share)
    write_split(out, {"train": keys[: count - held_out], "validation": keys[count - held_out :]})


def _write(render: Callable[[str], SyntheticReceipt], out: Path, key: str) -> None:
    cv2.setNumThreads(1)
    receipt = render(key)
    write_receipt(out, key, receipt.image, receipt.segments, receipt.entities)
    if receipt.labels:
        (out / "labels").mkdir(exist_ok=True)
        text = json.dumps(receipt.labels, indent=1, ensure_ascii=False)
        (out / "labels" / f"{key}.json").write_text(text + "\n", encoding="utf-8")
