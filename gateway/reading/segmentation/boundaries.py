"""Describe the boundaries between neighboring words on a row, of one line or of two. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.reading.segmentation.shapes import KINDS, SHAPES, describe_word
from shared.arrays import Doubles, Flags, Floats, Indices
from shared.contracts import Quad, RecognizedText
from shared.reading_order import straighten

# Lines follow each other on a row if their centers differ by less than this share of the smaller height.
_SAME_ROW = 0.5
# Edges of words in rows up to this far above and below (heights) show columns, if they differ by less (heights).
_COLUMN_REACH, _GAP_REACH, _ALIGNED = 8.0, 5.0, 0.3
# Gap (heights) from which words belong to different columns.
_WIDE = 0.8
# Words of other rows that part alike are compared up to this far (heights) to the left and right.
_ALIKE_REACH = 1.5
# Gaps are clipped at these widths (heights).
_MIN_GAP, _MAX_GAP = -0.5, 6.0
# Gap (heights) assumed between the words and the segments of a page that has none.
_WORD_GAP, _SEGMENT_GAP = 0.4, 3.0
# Shapes that tell the structure of a row.
_LETTERS, _CAPITALS = SHAPES.index("letters"), SHAPES.index("capitals")
_TELLING = [SHAPES.index(name) for name in ("all_digits", "all_letters", "all_marks", "amount", "small_number")]


@dataclass(frozen=True)
class Words:
    """W words of a page in reading order.

    Attributes:
        texts: The words.
        line: `(W,)` index of the line of each.
        start: `(W,)` start as share of the width of the line's quad.
        stop: `(W,)` stop.
        left: `(W,)` left end in pixels of the straightened page.
        right: `(W,)` right end.
        middle: `(W,)` vertical center of the line.
        height: `(W,)` height of the line.
        confidence: `(W,)` confidence of the line.
        row: `(W,)` number of the row.
        slope: Mean absolute angle between the lines and the edges of the picture, in radians.
    """

    texts: list[str]
    line: Indices
    start: Doubles
    stop: Doubles
    left: Doubles
    right: Doubles
    middle: Doubles
    height: Doubles
    confidence: Doubles
    row: Indices
    slope: float


@dataclass(frozen=True)
class Boundaries:
    """B boundaries between neighboring words on a row.

    Attributes:
        left: `(B,)` index of the word before each; the next word is behind it.
        between_lines: `(B,)` whether the detector separated the words.
        features: `(B, F)`.
    """

    left: Indices
    between_lines: Flags
    features: Floats


def list_words(quads: Sequence[Quad], texts: Sequence[RecognizedText]) -> Words:
    """List the words of lines in reading order.

    A line counts as one word if the gaps between its words are not known.

    Args:
        quads: In pixels of the page.
        texts: Text of each; none is empty.
    """
    words: list[str] = []
    line: list[int] = []
    starts: list[float] = []
    stops: list[float] = []
    for index, text in enumerate(texts):
        parts, gaps = text.text.split(), text.gaps
        if len(parts) != len(gaps) + 1:
            parts, gaps = [text.text], []
        words += parts
        starts.append(0.0)
        for start, stop in gaps:
            stops.append(start)
            starts.append(stop)
        stops.append(1.0)
        line += [index] * len(parts)
    corners = np.asarray(quads, np.float32).reshape(-1, 4, 2)
    boxes = straighten(corners).astype(np.float64)
    owner = np.array(line, np.intp)
    x0, y0, x1, y1 = boxes[owner].T
    begin, end = np.array(starts), np.array(stops)
    return Words(
        texts=words,
        line=owner,
        start=begin,
        stop=end,
        left=x0 + begin * (x1 - x0),
        right=x0 + end * (x1 - x0),
        middle=0.5 * (y0 + y1),
        height=np.maximum(y1 - y0, 1.0),
        confidence=np.array([text.confidence for text in texts])[owner],
        row=_number_rows(boxes)[owner],
        slope=_measure_slope(corners),
    )


def _measure_slope(quads: Floats) -> float:
    """Return how much lines `(N, 4, 2)` differ from the axes of the picture, in radians; 0 for upright scans."""
    along = quads[:, 1] - quads[:, 0]
    quarter = np.pi / 2
    angles = np.arctan2(along[:, 1], along[:, 0])
    return float(np.abs((angles + quarter / 2) % quarter - quarter / 2).mean())


def _number_rows(boxes: Doubles) -> Indices:
    """Return the row of each box `(N, 4)`; the boxes are in reading order."""
    middle, height = 0.5 * (boxes[:, 1] + boxes[:, 3]), np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
    is_new = np.abs(np.diff(middle)) >= _SAME_ROW * np.minimum(height[1:], height[:-1])
    is_new |= np.diff(boxes[:, 0]) <= 0
    return np.concatenate([[0], np.cumsum(is_new)]).astype(np.intp)


def describe_boundaries(words: Words) -> Boundaries:
    """Find and describe the boundaries of a page with at least one word."""
    left = np.flatnonzero(words.row[1:] == words.row[:-1])
    between = words.line[left] != words.line[left + 1]
    described = np.array([describe_word(word) for word in words.texts], np.float32)
    shapes = described[:, : len(SHAPES)]
    features = [
        *_describe_gaps(words, left, between),
        *_describe_columns(words, left, between),
        *_describe_places(words, left, between),
        *_describe_rows_alike(words, left, between, shapes),
        *_describe_page(words, len(left), shapes),
    ]
    row = words.row[left]
    follows = np.concatenate([[False], row[1:] == row[:-1]])[: len(left)]
    farther = np.zeros((2, len(left), len(SHAPES)), np.float32)
    farther[0, follows] = shapes[left[follows] - 1]
    before = np.flatnonzero(follows) - 1
    farther[1, before] = shapes[left[before] + 2]
    kinds = np.eye(len(KINDS), dtype=np.float32)[described[:, len(SHAPES) :].astype(np.intp)].reshape(len(shapes), -1)
    matrix = [np.array(features, np.float32).T]
    matrix += [shapes[left], kinds[left], shapes[left + 1], kinds[left + 1], *farther]
    return Boundaries(left, between, np.concatenate(matrix, axis=1))


def _describe_gaps(words: Words, left: Indices, between: Flags) -> list[Doubles | Flags]:
    """Describe the widths of gaps: in heights, in characters, and next to the other gaps of row and page."""
    px, height = _measure_gaps(words, left)
    gap = _clip(px / height, _MIN_GAP, _MAX_GAP)
    narrow, within = np.minimum(gap, 1.0), ~between
    pitch = _measure_pitch(words)
    least = np.minimum(pitch[left], pitch[left + 1])
    usual = _find_median(gap[within], _WORD_GAP)
    apart = _find_median(gap[between], _SEGMENT_GAP)
    row = words.row[left]
    follows = row[1:] == row[:-1]
    before, behind = np.full((2, len(gap)), -1.0)
    before[1:][follows], behind[:-1][follows] = gap[:-1][follows], gap[1:][follows]
    parted_before, parted_behind = np.zeros((2, len(gap)), bool)
    parted_before[1:][follows], parted_behind[:-1][follows] = between[:-1][follows], between[1:][follows]
    others = np.bincount(row, within)[row] - within if len(row) else gap
    total = np.bincount(row, gap * within)[row] - gap * within if len(row) else gap
    mean = np.where(others > 0, total / np.maximum(others, 1), -1.0)
    first, last = np.concatenate([[True], ~follows])[: len(gap)], np.concatenate([~follows, [True]])[: len(gap)]
    return [
        between, gap, gap * between, narrow, narrow * between, _clip(px / least, -1, 8),
        _clip(gap - usual, -1, 3), np.where(others > 0, _clip(gap - mean, -1, 3), 0.0), others == 0,
        _clip(gap - _find_widest_other(gap, row), -3, 3), np.full(len(gap), usual), np.full(len(gap), apart),
        before, behind, parted_before, parted_behind, first, last,
        _clip(least / height, 0, 2),
        np.full(len(gap), between.mean() if len(gap) else 0.0),
    ]  # fmt: skip


def _measure_gaps(words: Words, left: Indices) -> tuple[Doubles, Doubles]:
    """Return the width of each gap and the mean height of the words beside it, in pixels."""
    height = 0.5 * (words.height[left] + words.height[left + 1])
    return words.left[left + 1] - words.right[left], height


def _measure_pitch(words: Words) -> Doubles:
    """Return the mean width of the characters of the line of each word, in pixels."""
    length = np.array([len(word) for word in words.texts], np.float64)
    width = np.bincount(words.line, words.right - words.left) / np.bincount(words.line, length)
    return np.asarray(np.maximum(width, 1.0)[words.line])


def _clip(values: Doubles, low: float, high: float) -> Doubles:
    """Return `np.clip` of values, which takes several times as long for so few numbers."""
    return np.asarray(np.minimum(np.maximum(values, low), high))


def _find_median(values: Doubles, default: float) -> float:
    """Return the upper median; `np.median` takes several times as long for so few numbers."""
    return sorted(values.tolist())[len(values) // 2] if len(values) else default


def _find_widest_other(gap: Doubles, row: Indices) -> Doubles:
    """Return the widest other gap of each gap's row; the gap itself if it is the only one."""
    if not len(gap):
        return gap
    order = np.lexsort((-gap, row))
    start = np.flatnonzero(np.concatenate([[True], np.diff(row[order]) != 0]))
    count = np.diff(np.append(start, len(gap)))
    widest, second = gap[order[start]], gap[order[start + (count > 1)]]
    place = np.repeat(np.arange(len(start)), count)
    result = np.empty(len(gap))
    result[order] = widest[place]
    result[order[start]] = second
    return result


def _describe_columns(words: Words, left: Indices, between: Flags) -> list[Floats | Flags]:
    """Count edges of words in other rows that are aligned with those beside a gap, and words across it."""
    # Single precision, because matrices of words and boundaries take most of the time.
    begin, end = words.left.astype(np.float32), words.right.astype(np.float32)
    middle, ones = words.middle.astype(np.float32), np.ones(len(begin), np.float32)
    right = left + 1
    px, height = (size.astype(np.float32) for size in _measure_gaps(words, left))
    is_wide = (px > _WIDE * height) | between
    starts, stops = np.ones((2, len(begin)), bool)
    starts[right], stops[left] = is_wide, is_wide
    distance = np.abs(middle - middle[right][:, None])
    other_row = words.row != words.row[right][:, None]
    near = other_row & (distance < (_COLUMN_REACH * height)[:, None])
    reach = (_ALIGNED * height)[:, None]

    def align(edges: Floats, place: Floats) -> Flags:
        return np.asarray(near & (np.abs(edges - place[:, None]) < reach), bool)

    def count(aligned: Flags) -> Floats:
        return np.asarray(np.minimum(aligned @ ones, 5), np.float32)

    opened = align(begin, begin[right])
    opening, closing = count(opened & starts), count(align(end, end[left]) & stops)
    place = (0.5 * (begin[right] + end[left]))[:, None]
    close = other_row & (distance < (_GAP_REACH * height)[:, None])
    across = (close & (begin < place) & (end > place)) @ ones
    rows = (close & np.concatenate([[True], np.diff(words.row) != 0])) @ ones
    return [
        opening, count(opened), closing, count(align(end, end[right]) & stops),
        count(align(begin, begin[left]) & starts), opening > 0, closing > 0,
        across / np.maximum(rows, 1), across == 0, rows, np.minimum(px / height, 1.0) * (opening > 0),
    ]  # fmt: skip


def _describe_places(words: Words, left: Indices, between: Flags) -> list[Doubles | Flags]:
    """Describe where a boundary is on the page, and the lines beside it."""
    right = left + 1
    height = 0.5 * (words.height[left] + words.height[right])
    origin = words.left.min()
    width = max(words.right.max() - origin, 1.0)
    sizes = np.bincount(words.line)[words.line]
    return [
        *((edge - origin) / width for edge in (words.left[left], words.right[left], words.left[right])),
        (words.right[right] - origin) / width, words.confidence[left], words.confidence[right],
        np.log(words.height[left] / words.height[right]),
        np.abs(words.middle[left] - words.middle[right]) / height * between,
        height / _find_median(words.height, 1.0), np.log(sizes[left]), np.log(sizes[right]),
    ]  # fmt: skip


def _describe_page(words: Words, count: int, shapes: Floats) -> list[Doubles]:
    """Describe the page, the same for each of its boundaries: photographs and scans are set and labeled unlike."""
    height = _find_median(words.height, 1.0)
    lengths = np.exp(shapes[:, 0])
    letters = float((shapes[:, _LETTERS] * lengths).sum())
    values = (
        words.confidence.mean(),
        np.log((words.right.max() - words.left.min()) / height + 1),
        np.log(words.row[-1] + 1),
        float((shapes[:, _CAPITALS] * lengths).sum()) / max(letters, 1.0),
        np.log(height),
        words.slope,
    )
    return [np.full(count, float(value)) for value in values]


def _describe_rows_alike(words: Words, left: Indices, between: Flags, shapes: Floats) -> list[Doubles | Flags]:
    """Describe the boundaries between words of the same shapes at the same place of other rows."""
    px, height = _measure_gaps(words, left)
    codes = (shapes[:, _TELLING] @ (2.0 ** np.arange(len(_TELLING)))).astype(np.intp)
    pair = codes[left] * 2 ** len(_TELLING) + codes[left + 1]
    middle, row = 0.5 * (words.right[left] + words.left[left + 1]), words.row[left]
    middle, ones = middle.astype(np.float32), np.ones(len(left), np.float32)
    alike = (pair == pair[:, None]) & (row != row[:, None])
    alike &= np.abs(middle - middle[:, None]) < (_ALIKE_REACH * height).astype(np.float32)[:, None]
    count = alike @ ones
    mean = (alike @ _clip(px / height, _MIN_GAP, _MAX_GAP).astype(np.float32)) / np.maximum(count, 1)
    parted = alike @ between.astype(np.float32)
    return [np.minimum(count, 6), np.minimum(parted, 6), np.where(count > 0, mean, -1.0)]
