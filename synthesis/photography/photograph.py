"""Turn the ink of a strip into a picture: paper, wear, and a scan or photograph."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shared.arrays import Floats, Pixels
from synthesis.photography import wear
from synthesis.photography.warp import Warp, build_homography, build_zero_field, draw_field
from synthesis.printing.rendering import Strip

_MAX_WIDTH = 1500


@dataclass(frozen=True)
class PictureStyle:
    """How a picture is made.

    Attributes:
        kind: `scan` (the receipt fills the picture), `a4` (a small receipt on a white page) or `photo` (on a table).
        wear: 0 (fresh) to 1 (barely legible).
        pitch: Distance between two lines in pixels of the picture.
        max_height: Maximum height of the paper in the picture in pixels; smaller text makes it fit.
    """

    kind: str
    wear: float
    pitch: float
    max_height: int = 3200


def draw_style(rng: np.random.Generator) -> PictureStyle:
    """Draw a style with the frequencies of SROIE, and some photographs."""
    kind = ("scan", "a4", "photo")[int(rng.choice(3, p=(0.7, 0.13, 0.17)))]
    worn = float(rng.beta(1.4, 3.2))
    pitch = {"scan": rng.uniform(22, 50), "a4": rng.uniform(16, 42), "photo": rng.uniform(18, 44)}[kind]
    return PictureStyle(kind, worn, float(pitch))


def take_picture(rng: np.random.Generator, strip: Strip, style: PictureStyle) -> tuple[Pixels, Warp]:
    """Make the picture of a strip.

    Returns:
        The picture, `(H, W, 3)` uint8 BGR, and the mapping from pixels of the strip to the picture.
    """
    dark, bright = _render_ink_and_paper(rng, strip, style)
    height, width = strip.ink.shape
    scale = min(style.pitch / strip.pitch, style.max_height / height, _MAX_WIDTH / width)
    warp = _place_paper(rng, (width, height), scale, style.kind)
    maps = warp.build_inverse_maps()
    # Shrinking by remap alone would alias.
    if scale < 0.8:
        dark = np.asarray(cv2.GaussianBlur(dark, (0, 0), 0.42 / scale), np.float32)
    interpolation = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    page = cv2.remap(bright * (1 - dark), *maps, interpolation, borderMode=cv2.BORDER_REPLICATE)
    x, y = maps
    edge = np.minimum(np.minimum(x, width - x), np.minimum(y, height - y))
    if style.kind == "photo":
        return _photograph(rng, np.asarray(page, np.float32), edge), warp
    return _scan(rng, np.asarray(page, np.float32), edge, style), warp


def _render_ink_and_paper(rng: np.random.Generator, strip: Strip, style: PictureStyle) -> tuple[Floats, Floats]:
    """Render the darkness of the ink and the brightness of the paper, `(H, W)` each, 0 to about 1."""
    ink = wear.wear_ink(rng, strip.ink, style.wear)
    spread = rng.uniform(0.45, 0.75) + 0.25 * style.wear
    dark = np.asarray(cv2.GaussianBlur(ink, (0, 0), spread), np.float32)
    strongest = rng.uniform(0.72, 0.98) - 0.3 * style.wear * rng.random()
    dark = (dark * np.float32(rng.uniform(1.0, 1.45))).clip(0, 1) * np.float32(strongest)
    bright = wear.draw_paper_tone(rng, strip.ink.shape, style.wear)
    if rng.random() < 0.12:
        bright -= wear.render_show_through(strip.ink, rng.uniform(0.03, 0.09))
    if rng.random() < 0.2 and style.kind != "photo":
        pen = wear.draw_handwriting(rng, strip.ink.shape, strip.pitch * rng.uniform(0.9, 1.8), strip.ink)
        dark = np.maximum(dark, pen * np.float32(rng.uniform(0.5, 0.9)))
    return dark, bright.astype(np.float32)


def _place_paper(rng: np.random.Generator, paper: tuple[int, int], scale: float, kind: str) -> Warp:
    """Draw where the paper is on the page, and how it is turned and crumpled."""
    perspective = np.zeros((4, 2))
    if kind == "photo":
        perspective = rng.normal(0, 0.025, (4, 2))
    angle = float(rng.normal(0, 3.5 if kind == "photo" else 0.35 if rng.random() < 0.8 else 1.5))
    low, high = {
        "scan": (np.zeros(4), np.full(4, 0.05)),
        "a4": (np.array([0.3, 0.05, 0.3, 0.2]), np.array([1.1, 0.4, 1.1, 0.8])),
        "photo": (np.zeros(4), np.full(4, 0.2)),
    }[kind]
    left, top, right, bottom = (rng.uniform(low, high) * paper[0] * scale).tolist()
    matrix, (across, down) = build_homography(paper, scale, angle, perspective, (left, top))
    page = (round(across + left + right), round(down + top + bottom))
    if kind == "a4":
        page = (page[0], max(page[1], round(page[0] * 1.41)))
    field = build_zero_field()
    if rng.random() < {"scan": 0.45, "a4": 0.3, "photo": 0.8}[kind]:
        amplitude = {"scan": 0.0022, "a4": 0.0018, "photo": 0.006}[kind] * paper[0] * rng.uniform(0.3, 1.3)
        field = draw_field(rng, paper, amplitude, paper[0] * rng.uniform(0.45, 1.2))
    return Warp(matrix, field, paper, page)


def _photograph(rng: np.random.Generator, page: Floats, edge: Floats) -> Pixels:
    """Photograph a page on a table. `edge` is the distance to the edge of the paper, positive on the paper."""
    cover = (edge + 0.5).clip(0, 1)
    shape = (page.shape[0], page.shape[1])
    background = wear.draw_table(rng, shape)
    shadow = cv2.GaussianBlur(cover, (0, 0), rng.uniform(3, 12))
    background *= (1 - rng.uniform(0.1, 0.5) * shadow)[..., None]
    green = rng.uniform(0.93, 1.0)
    tint = np.array([green * rng.uniform(0.84, 1.02), green, 1.0], np.float32)
    paper = (page * cover * rng.uniform(165, 250))[..., None] * tint
    image = background * (1 - cover)[..., None] + paper
    image *= wear.draw_lighting(rng, shape, rng.uniform(0.1, 0.7))[..., None]
    blur, noise, quality = rng.uniform(0.2, 0.9), rng.uniform(1, 6), int(rng.integers(55, 96))
    return wear.apply_camera(rng, image.astype(np.float32), blur=blur, noise=noise, quality=quality)


def _scan(rng: np.random.Generator, page: Floats, edge: Floats, style: PictureStyle) -> Pixels:
    """Scan a page: mostly white, with the edge of the paper, dust and higher contrast."""
    cover = (edge + 0.5).clip(0, 1)
    white = rng.uniform(238, 272) if rng.random() < 0.7 else rng.uniform(200, 240)
    around = rng.uniform(240, 268) if style.kind == "a4" or rng.random() < 0.8 else rng.uniform(10, 90)
    if style.kind == "a4" and rng.random() < 0.6:
        # The scanner overexposed the paper, so its edge is invisible.
        white = around + 6
    rim = np.exp(-np.abs(edge) / 2.5) * rng.uniform(0, 0.25) * (rng.random() < 0.5)
    flat = (page * white * cover + around * (1 - cover)) * (1 - rim)
    if rng.random() < 0.5:
        flat = flat * wear.draw_lighting(rng, (page.shape[0], page.shape[1]), 0.12 * style.wear + 0.03)
    flat = wear.add_dust(rng, flat.astype(np.float32))
    # Scanners raise the contrast.
    if rng.random() < 0.3:
        flat = (flat - 128) * rng.uniform(1.0, 1.35) + 128 + rng.uniform(0, 30)
    tint = np.ones(3, np.float32)
    if rng.random() < 0.4:
        tint = np.array([rng.uniform(0.95, 1), rng.uniform(0.97, 1), rng.uniform(0.97, 1)], np.float32)
    image = (flat[..., None] * tint).astype(np.float32)
    noise, quality = rng.uniform(0, 4) * (0.3 + style.wear), int(rng.integers(70, 101))
    return wear.apply_camera(rng, image, blur=rng.uniform(0.0, 0.7), noise=noise, quality=quality)
