"""Locate the gaps between the words of a segment: from the frames in which they were read to the paper between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.recognizer.alphabet import BLANK
from services.recognizer.letter_case import find_runs
from shared.arrays import Integers, Pixels

Gaps = tuple[tuple[float, float], ...]

# Share of the way from the darkest to the lightest column from which a column has no ink.
_BLANK_SHADE = 0.55
# Minimum contrast (gray levels) between these columns; with less, the gaps stay where they were read.
_MIN_CONTRAST = 24
# Share of the height at top and bottom that may show ink of other lines.
_EDGE = 0.1
_DECIMALS = 4


def locate_gaps(paths: Integers, lengths: Sequence[int], texts: Sequence[str]) -> list[Gaps]:
    """Find the frames in which gaps were read.

    Args:
        paths: `(N, T)` class of each frame of N segments.
        lengths: Frames of each segment.
        texts: What the paths say, a character per run that is not blank.

    Returns:
        For each segment the start and stop of each gap between words as shares of its frames. The network says a
        character in a few frames at its middle, so that a gap is narrower than that.
    """
    starts, labels = find_runs(paths)
    stops = np.append(starts[1:], paths.size)
    said = np.flatnonzero(labels != BLANK)
    begin, end = starts[said].tolist(), stops[said].tolist()
    gaps: list[Gaps] = []
    offset = 0
    for row, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        first = row * paths.shape[1]
        found: list[tuple[float, float]] = []
        before = -1
        # Several spaces are one gap, and those at the ends of the text are none.
        for index, character in enumerate(text, start=offset) if " " in text else ():
            if character == " ":
                continue
            if 0 <= before < index - 1:
                found.append(((end[before] - first) / length, (begin[index] - first) / length))
            before = index
        gaps.append(tuple(found))
        offset += len(text)
    return gaps


def move_to_ink(crop: Pixels, gaps: Gaps) -> Gaps:
    """Move the ends of gaps to the ends of the ink beside them.

    Args:
        crop: `(h, w)` gray pixels of the segment, not empty.
        gaps: Start and stop of each as shares of the width, in order.

    Returns:
        The gaps, each as wide as the widest run of columns without ink that touches it; where there is none, the middle
        of the gap twice. No gap begins before another one ends.
    """
    height, width = crop.shape
    edge = int(height * _EDGE)
    shades = crop[edge : height - edge].min(axis=0)
    low, high = int(shades.min()), int(shades.max())
    if high - low < _MIN_CONTRAST:
        return gaps
    is_blank = (shades > low + _BLANK_SHADE * (high - low)).tobytes()
    moved = []
    after = 0.0
    for start, stop in gaps:
        left, right = _find_blank(is_blank, start * width, stop * width)
        left = max(left / width, after)
        after = max(right / width, left)
        moved.append((round(left, _DECIMALS), round(min(after, 1.0), _DECIMALS)))
    return tuple(moved)


def _find_blank(is_blank: bytes, start: float, stop: float) -> tuple[float, float]:
    """Return the widest run of ones that touches an interval, or the middle of the interval twice."""
    best = 0.5 * (start + stop), 0.5 * (start + stop)
    column, end = int(start), max(int(stop + 0.999), int(start) + 1)
    while (column := is_blank.find(1, column, end)) >= 0:
        left = is_blank.rfind(0, 0, column) + 1
        right = is_blank.find(0, column)
        right = len(is_blank) if right < 0 else right
        if right - left > best[1] - best[0]:
            best = float(left), float(right)
        column = right
    return best
