"""Receipts as rows of text."""

from __future__ import annotations

import numpy as np

from services.extractor.encoding import TextSegment

_HEIGHT_PX = 20


def lay_out_rows(*rows: str, column_px: int = 250, row_px: int = 30, character_px: int = 10) -> list[TextSegment]:
    """Return the segments of rows, which "|" divides into columns of equal width."""
    segments = []
    for number, row in enumerate(rows):
        for column, text in enumerate(row.split("|")):
            left, top = 10 + column_px * column, row_px * number
            right, bottom = left + character_px * len(text), top + _HEIGHT_PX
            quad = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
            segments.append(TextSegment(quad, text))
    return segments
