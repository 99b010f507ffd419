"""Group the words of a page into lines: split lines of the detector, and join neighbors on a row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from gateway.reading.segmentation.boundaries import Words, describe_boundaries, list_words
from gateway.reading.segmentation.model import BoundaryModel
from shared.arrays import Flags
from shared.contracts import Quad, RecognizedText
from shared.mirroring import is_mirrored

# A line ends this far (heights) from its ink where it was split, but in the middle of the gap at most.
_MARGIN = 0.1
_QUAD_DECIMALS = 2
# So many lines are looked at together: time and memory grow with the square.
_MAX_LINES = 200


def regroup_words(
    quads: Sequence[Quad], texts: Sequence[RecognizedText], model: BoundaryModel | None = None
) -> tuple[list[Quad], list[RecognizedText]]:
    """Return the lines of a page as they should be.

    Lines without text are left out. If no gaps are known, the other lines stay as they are.

    Args:
        quads: Segments of the detector in reading order, in pixels of the page.
        texts: What was read in them.
        model: Decides; the released one by default.

    Returns:
        Quads and texts of the new lines in reading order. A line has the confidence of the least certain reading.
    """
    printed = [index for index, text in enumerate(texts) if text.text.strip()]
    quads, texts = [quads[index] for index in printed], [texts[index] for index in printed]
    if not any(text.gaps for text in texts):
        return quads, texts
    model = model or _load_model()
    new_quads, new_texts = [], []
    for start in range(0, len(quads), _MAX_LINES):
        some = slice(start, start + _MAX_LINES)
        part = _regroup(quads[some], texts[some], model)
        new_quads += part[0]
        new_texts += part[1]
    return new_quads, new_texts


def _regroup(
    quads: Sequence[Quad], texts: Sequence[RecognizedText], model: BoundaryModel
) -> tuple[list[Quad], list[RecognizedText]]:
    words = list_words(quads, texts)
    boundaries = describe_boundaries(words)
    logits = model.compute_logits(boundaries.features)
    parted = np.ones(len(words.texts), bool)
    parted[boundaries.left] = logits > np.where(boundaries.between_lines, model.join, model.split)
    return cut_lines(quads, texts, words, parted)


def cut_lines(
    quads: Sequence[Quad], texts: Sequence[RecognizedText], words: Words, parted: Flags
) -> tuple[list[Quad], list[RecognizedText]]:
    """Return new lines of words.

    Args:
        quads: Quads of the old lines.
        texts: Their texts.
        words: Their words.
        parted: `(W,)` whether a line ends after each word; True for the last one of a row.
    """
    line, starts, stops = words.line.tolist(), words.start.tolist(), words.stop.tolist()
    new_quads, new_texts = [], []
    first = 0
    for last in np.flatnonzero(parted).tolist():
        begin, end = line[first], line[last]
        # Where the old lines go on before the first word and behind the last one.
        before = stops[first - 1] if first and line[first - 1] == begin else None
        behind = starts[last + 1] if last + 1 < len(line) and line[last + 1] == end else None
        if begin == end and before is None and behind is None:
            new_quads.append(quads[begin])
            new_texts.append(texts[begin])
        else:
            parts = list(quads[begin : end + 1])
            if behind is not None:
                parts[-1] = _cut_quad(parts[-1], 0.0, _find_cut(quads[end], stops[last], behind))
            if before is not None:
                width = 1.0 if behind is None or begin != end else _find_cut(quads[end], stops[last], behind)
                parts[0] = _cut_quad(quads[begin], _find_cut(quads[begin], starts[first], before), width)
            new_quads.append(parts[0] if begin == end else _enclose(parts))
            confidence = min(one.confidence for one in texts[begin : end + 1])
            new_texts.append(RecognizedText(text=" ".join(words.texts[first : last + 1]), confidence=confidence))
        first = last + 1
    return new_quads, new_texts


def _find_cut(quad: Quad, end: float, other: float) -> float:
    """Return where to cut a line between the end of a word and the next word, as shares of the width of its quad."""
    margin = _MARGIN * math.dist(quad[0], quad[3]) / max(math.dist(quad[0], quad[1]), 1.0)
    half = (other - end) / 2
    return end + math.copysign(min(margin, abs(half)), half)


def _cut_quad(quad: Quad, left: float, right: float) -> Quad:
    """Return the part of a quad between two shares of its width."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = quad
    across_above, down_above, across_below, down_below = x1 - x0, y1 - y0, x2 - x3, y2 - y3
    return (
        _round_point(x0 + left * across_above, y0 + left * down_above),
        _round_point(x0 + right * across_above, y0 + right * down_above),
        _round_point(x3 + right * across_below, y3 + right * down_below),
        _round_point(x3 + left * across_below, y3 + left * down_below),
    )


def _enclose(quads: Sequence[Quad]) -> Quad:
    """Return the smallest rectangle around neighboring quads along their mean direction."""
    along_x = sum(quad[1][0] - quad[0][0] + quad[2][0] - quad[3][0] for quad in quads)
    along_y = sum(quad[1][1] - quad[0][1] + quad[2][1] - quad[3][1] for quad in quads)
    length = max(math.hypot(along_x, along_y), 1e-6)
    cosine, sine = along_x / length, along_y / length
    side = -1.0 if is_mirrored(quads) else 1.0
    along = [x * cosine + y * sine for quad in quads for x, y in quad]
    down = [side * (y * cosine - x * sine) for quad in quads for x, y in quad]
    left, right, top, bottom = min(along), max(along), side * min(down), side * max(down)
    return (
        _round_point(left * cosine - top * sine, left * sine + top * cosine),
        _round_point(right * cosine - top * sine, right * sine + top * cosine),
        _round_point(right * cosine - bottom * sine, right * sine + bottom * cosine),
        _round_point(left * cosine - bottom * sine, left * sine + bottom * cosine),
    )


def _round_point(x: float, y: float) -> tuple[float, float]:
    return round(x, _QUAD_DECIMALS), round(y, _QUAD_DECIMALS)


@lru_cache(maxsize=1)
def _load_model() -> BoundaryModel:
    return BoundaryModel.load()
