"""Gives pictures of receipts the flaws that `pages[].quality` reports, one at a time."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from shared.arrays import Floats, Pixels
from synthesis.photography.wear import draw_clouds, draw_lighting, draw_table

Flaw = Callable[[Pixels, Floats, np.random.Generator], Pixels]

# Standard deviations of a blur, in heights of the text: what is hard to read, and what cannot be read.
_BLURS, _UNREADABLE_BLURS = (0.13, 0.2), (0.3, 0.6)
# Gray level to which paper is darkened.
_DARK_PAPER = (28.0, 50.0)
# Share of the area of the text that glare covers, its ratio of height to width, and the gray level of paper beside it.
_GLARE_SHARES, _GLARE_RATIOS, _GLARE_PAPER = (0.08, 0.2), (0.3, 1.0), (140.0, 200.0)
_SMALL_TEXT_PX = (5.5, 7.5)
# Share of the width of the text that is cut off at a side.
_CUT_SHARES = (0.12, 0.3)
_NOISE = 2.5


def blur(image: Pixels, quads: Floats, rng: np.random.Generator) -> Pixels:
    """Blur text so that it is hard to read."""
    return _blur(image, measure_text(quads) * rng.uniform(*_BLURS))


def blur_beyond_reading(image: Pixels, quads: Floats, rng: np.random.Generator) -> Pixels:
    """Blur text so that it cannot be read."""
    return _blur(image, measure_text(quads) * rng.uniform(*_UNREADABLE_BLURS))


def darken(image: Pixels, quads: Floats, rng: np.random.Generator) -> Pixels:
    """Take the picture in the dark: little light, and noise."""
    factor = rng.uniform(*_DARK_PAPER) / _measure_paper(image, quads)
    return _add_noise(image * min(1.0, factor), rng)


def add_glare(image: Pixels, quads: Floats, rng: np.random.Generator) -> Pixels:
    """Let a lamp be reflected in the paper, on the text."""
    dimmed = image * min(1.0, rng.uniform(*_GLARE_PAPER) / _measure_paper(image, quads))
    low, high = quads.min(axis=(0, 1)), quads.max(axis=(0, 1))
    ratio = rng.uniform(*_GLARE_RATIOS)
    half = np.sqrt(rng.uniform(*_GLARE_SHARES) * np.prod(high - low) / np.pi * np.array([1 / ratio, ratio]))
    half = np.minimum(half, (high - low) / 2)
    center = rng.uniform(low + half, high - half + 1e-3)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    away = np.sqrt(((x - center[0]) / half[0]) ** 2 + ((y - center[1]) / half[1]) ** 2)
    # Saturated within, and falling off around it.
    light = 400.0 * np.exp(-np.square(np.maximum(away - 1.0, 0.0) / 0.25))[..., None]
    return _add_noise(np.asarray(dimmed + light, np.float32), rng)


def shrink(image: Pixels, quads: Floats, rng: np.random.Generator) -> Pixels:
    """Scale the picture until its text is very small."""
    scale = min(1.0, rng.uniform(*_SMALL_TEXT_PX) / measure_text(quads))
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def cut(side: str) -> Flaw:
    """Return a flaw that cuts through the text at a side: `left`, `top`, `right` or `bottom`."""

    def apply(image: Pixels, quads: Floats, rng: np.random.Generator) -> Pixels:
        low, high = quads.min(axis=(0, 1)), quads.max(axis=(0, 1))
        if side in ("left", "right"):
            share = rng.uniform(*_CUT_SHARES)
            x = int(low[0] + (share if side == "left" else 1 - share) * (high[0] - low[0]))
            return np.ascontiguousarray(image[:, x:] if side == "left" else image[:, :x])
        # Through the middle of a line near the end.
        middles = np.sort(quads[:, :, 1].mean(axis=1))
        y = int(middles[len(middles) // 6] if side == "top" else middles[-1 - len(middles) // 6])
        return np.ascontiguousarray(image[y:] if side == "top" else image[:y])

    return apply


FLAWS: dict[str, tuple[tuple[str, ...], Flaw]] = {
    "blurred": (("blur",), blur),
    # Text that cannot be read need not be found.
    "unreadable": (("unreadable", "blur"), blur_beyond_reading),
    "dark": (("darkness",), darken),
    "glare": (("glare",), add_glare),
    "small": (("low_resolution",), shrink),
    "cut left": (("cut_off.left",), cut("left")),
    "cut top": (("cut_off.top",), cut("top")),
    "cut right": (("cut_off.right",), cut("right")),
    "cut bottom": (("cut_off.bottom",), cut("bottom")),
}
"""By name: the scores of `pages[].quality` of which one should report the flaw, and the flaw."""


def draw_no_receipt(rng: np.random.Generator) -> Pixels:
    """Draw a picture without a receipt, `(H, W, 3)` BGR: a table, a cloth or a wall in some light."""
    shape = (int(rng.integers(700, 1600)), int(rng.integers(500, 1300)))
    if rng.random() < 0.5:
        ground = np.asarray(draw_table(rng, shape), np.float32)
    else:
        ground = rng.uniform(60, 220) + rng.uniform(2, 14) * draw_clouds(rng, shape, rng.uniform(2, 40))[..., None]
    return _add_noise(np.repeat(ground, 3 // ground.shape[2], axis=2) * draw_lighting(rng, shape, 0.5)[..., None], rng)


def measure_text(quads: Floats) -> float:
    """Return the median height of segments `(N, 4, 2)` in pixels."""
    return max(4.0, float(np.median(np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1))))


def _measure_paper(image: Pixels, quads: Floats) -> float:
    """Return the gray level of the paper around text."""
    low = np.maximum(quads.min(axis=(0, 1)), 0).astype(int)
    high = np.ceil(quads.max(axis=(0, 1))).astype(int)
    return max(1.0, float(np.percentile(image[low[1] : high[1], low[0] : high[0]], 80)))


def _blur(image: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _add_noise(image: Floats, rng: np.random.Generator) -> Pixels:
    return np.clip(image + rng.normal(0, _NOISE, (*image.shape[:2], 1)), 0, 255).astype(np.uint8)
