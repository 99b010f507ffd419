"""Age and light a receipt. All effects are photometric; nothing moves."""

from __future__ import annotations

import cv2
import numpy as np

from shared.arrays import Floats, Pixels


def draw_clouds(rng: np.random.Generator, shape: tuple[int, int], cells: float) -> Floats:
    """Draw smooth noise `(H, W)` of mean 0 and standard deviation about 1, with `cells` blobs across the width."""
    rows = max(2, round(cells * shape[0] / shape[1])) + 1
    coarse = rng.normal(0, 1, (rows, max(2, round(cells)) + 1)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def wear_ink(rng: np.random.Generator, ink: Floats, wear: float) -> Floats:
    """Wear thermal print: uneven, streaked, faint. `wear` is from 0 (fresh) to 1 (barely legible)."""
    height, width = ink.shape
    worn = ink * (1 - 0.22 * wear * (1 + draw_clouds(rng, ink.shape, 3)).clip(0, 2))
    # Less pressure on one side of the paper.
    if rng.random() < 0.7 * wear:
        ramp = np.linspace(0, rng.uniform(-0.6, 0.6) * wear, width, dtype=np.float32)
        worn *= 1 - np.abs(ramp - ramp.min())
    # Dead dots of the head leave white columns.
    if rng.random() < 0.55 * wear:
        for x in rng.integers(0, width, rng.integers(1, 5)):
            worn[:, x : x + rng.integers(1, 3)] *= rng.uniform(0.1, 0.6)
    # A stuttering motor leaves faint rows.
    if rng.random() < 0.5 * wear:
        for y in rng.integers(0, height, rng.integers(1, max(2, height // 150))):
            worn[y : y + rng.integers(1, 3)] *= rng.uniform(0.1, 0.6)
    # Abrasion, after which letters stay legible.
    if rng.random() < 0.3 * wear:
        worn *= (draw_clouds(rng, ink.shape, 90) - rng.uniform(-2.8, -2.0)).clip(0.25, 1)
    grain = rng.random((height // 2 + 1, width // 2 + 1), dtype=np.float32)
    worn *= 1 - 0.35 * wear * cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)
    return worn.clip(0, 1).astype(np.float32)


def draw_paper_tone(rng: np.random.Generator, shape: tuple[int, int], wear: float) -> Floats:
    """Draw the brightness of blank paper, `(H, W)`, 1 is white: mottling, creases, stains."""
    mottling = 0.012 * draw_clouds(rng, shape, 6) + 0.006 * draw_clouds(rng, shape, 40)
    tone = (1 + wear * mottling).astype(np.float32)
    for _ in range(rng.poisson(1.2 * wear)):
        _add_crease(rng, tone, wear)
    if rng.random() < 0.25 * wear:
        _add_stain(rng, tone)
    return tone


def _add_crease(rng: np.random.Generator, tone: Floats, wear: float) -> None:
    """Add a fold, in place: one side bright, the other in shade, a thin line between."""
    height, width = tone.shape
    angle = rng.normal(0, 0.05) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    distance = (x - rng.uniform(0, width)) * np.sin(angle) + (y - rng.uniform(0, height)) * np.cos(angle)
    reach = rng.uniform(0.02, 0.12) * width
    strength = rng.uniform(0.02, 0.13) * wear
    tone *= 1 - strength * np.sign(distance) * np.exp(-np.abs(distance) / reach)
    tone *= 1 - 1.5 * strength * np.exp(-((distance / 1.5) ** 2))


def _add_stain(rng: np.random.Generator, tone: Floats) -> None:
    """Add a drop or the ring of a cup, in place."""
    height, width = tone.shape
    center = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
    radius = int(width * rng.uniform(0.05, 0.3))
    spot = np.zeros(tone.shape, np.float32)
    cv2.circle(spot, center, radius, 1.0, -1 if rng.random() < 0.5 else max(2, radius // 8), cv2.LINE_AA)
    tone *= 1 - rng.uniform(0.04, 0.15) * cv2.GaussianBlur(spot, (0, 0), 2 + radius * 0.06)


def draw_handwriting(rng: np.random.Generator, shape: tuple[int, int], size: float, clear: Floats) -> Floats:
    """Draw pen strokes like numbers or a tick, `(H, W)`, 0 to 1, where `clear` has little ink."""
    strokes = np.zeros(shape, np.float32)
    height, width = shape
    place = None
    for _ in range(8):
        x, y = rng.uniform(0.05, 0.6) * width, rng.uniform(0.01, 0.97) * height
        region = clear[max(0, int(y - size)) : int(y + size), int(x) : int(x + 4 * size)]
        if region.size and region.mean() < 0.004:
            place = (x, y)
            break
    if place is None:
        return strokes
    x, y = place
    for _ in range(int(rng.integers(1, 7))):
        t = np.linspace(0, 1, 24)
        knots = rng.normal(0, 0.35, (2, 4)) * size
        basis = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
        points = (knots @ basis).T + np.array((x, y))
        cv2.polylines(strokes, [points.astype(np.int32)], False, 1.0, max(1, round(size / 14)), cv2.LINE_AA)
        x += size * rng.uniform(0.5, 0.9)
    return strokes


def render_show_through(ink: Floats, strength: float) -> Floats:
    """Render the print of the other side, mirrored and blurred, `(H, W)`, to be subtracted from the tone."""
    return cv2.GaussianBlur(ink[:, ::-1], (0, 0), 2.5).astype(np.float32) * strength


def draw_lighting(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> Floats:
    """Draw uneven light around 1, `(H, W)`: a gradient, sometimes the soft shadow of a hand or a phone."""
    height, width = shape
    small = (max(2, height // 8), max(2, width // 8))
    x = np.linspace(-1, 1, small[1], dtype=np.float32)
    y = np.linspace(-1, 1, small[0], dtype=np.float32)[:, None]
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + 0.5 * strength * (np.cos(angle) * x + np.sin(angle) * y) - 0.15 * strength * (x**2 + y**2)
    if rng.random() < 0.6 * strength:
        edge = x * np.cos(angle + 1) + y * np.sin(angle + 1) - rng.uniform(-0.6, 0.6)
        light *= 1 - rng.uniform(0.1, 0.4) / (1 + np.exp(-edge / rng.uniform(0.02, 0.3)))
    return np.asarray(cv2.resize(light.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def draw_table(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Draw a background `(H, W, 3)`, 0 to 255: wood, cloth, stone or plain."""
    green = rng.uniform(0.78, 1.0)
    base = rng.uniform(20, 200) * np.array([green * rng.uniform(0.6, 1.05), green, 1.0])
    kind = ("wood", "cloth", "stone", "plain")[rng.integers(0, 4)]
    if kind == "wood":
        # Noise stretched along one direction.
        grain = draw_clouds(rng, (shape[0] // 2 + 1, max(8, shape[1] // 40)), 6)
        pattern = cv2.resize(grain, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC) * 14
        pattern = pattern if rng.random() < 0.5 else cv2.resize(pattern.T, (shape[1], shape[0]))
    elif kind == "cloth":
        pattern = rng.normal(0, 9, shape) + 6 * np.sin(np.arange(shape[1]) * 1.1)
    elif kind == "stone":
        pattern = 10 * draw_clouds(rng, shape, 12) + 7 * draw_clouds(rng, shape, 70)
    else:
        pattern = 4 * draw_clouds(rng, shape, 2)
    return (base[None, None] + np.asarray(pattern, np.float32)[..., None]).clip(0, 255).astype(np.float32)


def apply_camera(rng: np.random.Generator, image: Floats, *, blur: float, noise: float, quality: int) -> Pixels:
    """Apply lens, sensor and JPEG effects to a picture.

    Args:
        rng: Random generator.
        image: `(H, W, 3)` float32, 0 to 255.
        blur: Standard deviation of the blur in pixels; none below 0.2.
        noise: Standard deviation of the sensor noise in gray levels.
        quality: JPEG quality of a compression before the one of the file; 100 skips it.

    Returns:
        `(H, W, 3)` uint8.
    """
    if blur >= 0.2:
        image = cv2.GaussianBlur(image, (0, 0), blur).astype(np.float32)
    if noise > 0:
        image = image + rng.standard_normal(image.shape[:2], np.float32)[..., None] * noise
    pixels = image.clip(0, 255).astype(np.uint8)
    if quality < 100:
        encoded, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not encoded:
            raise RuntimeError("OpenCV could not encode a picture as JPEG")
        pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return pixels


def add_dust(rng: np.random.Generator, gray: Floats) -> Floats:
    """Add a few dark specks to a picture `(H, W)`, 0 to 255, in place, and return it."""
    for _ in range(int(rng.poisson(4))):
        x, y = int(rng.integers(0, gray.shape[1])), int(rng.integers(0, gray.shape[0]))
        cv2.circle(gray, (x, y), int(rng.integers(1, 3)), float(rng.uniform(60, 200)), -1, cv2.LINE_AA)
    return gray
