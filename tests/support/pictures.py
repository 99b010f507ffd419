"""Small pictures for tests that send many."""

from __future__ import annotations

import io

from PIL import Image


def make_distinct_pictures(count: int) -> list[bytes]:
    """Encode small pictures that all differ."""
    pictures = []
    for number in range(count):
        buffer = io.BytesIO()
        Image.new("RGB", (100, 200), (number % 256, number // 256, 7)).save(buffer, "PNG")
        pictures.append(buffer.getvalue())
    return pictures
