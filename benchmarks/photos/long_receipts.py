"""Renders long receipts: 40 to 400 lines in one fixed-width font, as clean pictures and as photographs.

Their characters form columns as regular as their lines, which short receipts in several sizes and styles do not.
"""

from __future__ import annotations

import random

import cv2
import numpy as np

from shared.arrays import Floats, Pixels
from synthesis.content.receipt import draw_content
from synthesis.photography.photograph import PictureStyle, take_picture
from synthesis.printing.rendering import Strip
from synthesis.printing.typography import FACES, PLAIN, Face, measure_line, measure_text, render_text

_FIXED_WIDTH = tuple(face for face, _ in FACES if not face.regular.startswith(("LiberationSans", "Roboto")))
_MIN_LINES, _MAX_LINES = 40, 400
_MAX_HEIGHT = 14_000


def render_long_receipt(seed: int) -> Pixels:
    """Render a long receipt, `(H, W, 3)` uint8 BGR: a clean picture for even seeds, a photograph for odd ones."""
    chance = random.Random(f"long receipt {seed}")
    columns = chance.choice((32, 38, 42, 48))
    ink, pitch = _print_lines(
        _write_lines(chance, columns), chance.choice(_FIXED_WIDTH), columns, chance.uniform(1, 1.5)
    )
    if seed % 2 == 0:
        paper, black = chance.uniform(235, 255), chance.uniform(0, 60)
        gray = cv2.GaussianBlur(paper - (paper - black) * ink, (0, 0), chance.uniform(0.3, 0.7))
        return cv2.cvtColor(np.clip(gray, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR).astype(np.uint8, copy=False)
    none = np.zeros((0, 4), np.float32)
    style = PictureStyle("photo", wear=chance.uniform(0, 0.4), pitch=chance.uniform(24, 40), max_height=_MAX_HEIGHT)
    return take_picture(np.random.default_rng(seed), Strip(ink, none, none, (), pitch), style)[0]


def _write_lines(chance: random.Random, columns: int) -> list[str]:
    """Write a receipt as lines of at most `columns` characters; half of them only number their items."""
    content = draw_content(chance, chance.choice(("MY", "US", "UK")))
    count = round(np.exp(chance.uniform(np.log(_MIN_LINES), np.log(_MAX_LINES))))
    is_numbered = chance.random() < 0.5
    rows: list[tuple[str, str]] = []
    while len(rows) < count:
        items = draw_content(chance, content.country.name).purchase.items
        rows += [(item.name, content.format_amount(item.amount)) for item in items]
    rows = [(f"ITEM {index:03}", price) if is_numbered else (name, price) for index, (name, price) in enumerate(rows)]
    total = content.format_amount(sum(item.amount for item in content.purchase.items) * count)
    head = [content.merchant.company, *content.merchant.address, "", f"{content.date} {content.time}", ""]
    body = [_align(name, price, columns) for name, price in rows[:count]]
    foot = ["", _align("TOTAL", total, columns), _align(content.purchase.method, total, columns), "", "THANK YOU"]
    return [line[:columns].center(columns).rstrip() for line in head] + body + foot


def _align(left: str, right: str, columns: int) -> str:
    return left[: columns - len(right) - 1].ljust(columns - len(right)) + right


def _print_lines(lines: list[str], face: Face, columns: int, spacing: float) -> tuple[Floats, float]:
    """Print lines; return their ink, `(H, W)` from 0 to 1, and the distance between two lines in pixels."""
    pitch = measure_line(face) * spacing
    margin = round(1.5 * pitch)
    width = round(measure_text(face, PLAIN, "0" * columns))
    ink = np.zeros((round(len(lines) * pitch) + 2 * margin, width + 2 * margin), np.float32)
    for number, line in enumerate(lines):
        drawn = render_text(face, PLAIN, line)
        if drawn is None:
            continue
        top, left = round(margin + number * pitch) + drawn.top, margin + drawn.left
        part = ink[top : top + drawn.mask.shape[0], left : left + drawn.mask.shape[1]]
        np.maximum(part, drawn.mask[: part.shape[0], : part.shape[1]], out=part)
    return ink, pitch
