"""Find separate receipts on a page: gaps between their texts, and edges of paper in these gaps. numpy and cv2 only.

A straight line separates two receipts that are beside or above each other, also if they are tilted or if one covers
the margin of the other. Beside each other, the gap is enough: a column of amounts is not a receipt, and the head of a
receipt spans its columns. Above each other, it is not: a receipt has gaps between its parts too, so an edge must run
through the gap, and the text must confirm that both parts are receipts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from shared.arrays import Doubles, Flags, Floats, Indices, Pixels

# Angles in degrees of the lines that may separate receipts: from the direction across the text, and from the text.
_ANGLES_BESIDE, _ANGLES_ABOVE = tuple(range(-20, 21, 2)), tuple(range(-12, 13, 4))
# Minimum width of a gap between receipts beside and above each other, in heights of the text.
_MIN_BESIDE, _MIN_ABOVE = 1.5, 2.0
# Share of the segments that may cross a gap: dirt, or text joined across the edge.
_MAX_CROSSING = 0.02
# Minimum number of segments of a receipt, length of all of them, and extent, in heights of the text.
_MIN_SEGMENTS, _MIN_LENGTH, _MIN_EXTENT = 4, 30.0, 7.0
# The same of a receipt above or below another, which a part of one receipt must not be taken for.
_MIN_SEGMENTS_ABOVE, _MIN_LENGTH_ABOVE = 8, 60.0
_BINS_PER_HEIGHT = 4
# Maximum number of gaps and of their angles whose pixels are looked at, the widest ones.
_MAX_GAPS, _MAX_VARIANTS = 4, 3
# Distance of the pixels that are looked at to the text, and length along which they are averaged, in heights.
_EDGE_MARGIN, _BLOCK = 0.3, 1.5
# Difference of brightness across an edge of paper in gray levels, and half of the distance across which it is measured.
_EDGE_CONTRAST, _EDGE_HALF_PX = 8.0, 3
# An edge may drift across the gap by this share of its length.
_MAX_DRIFT, _DRIFTS = 0.06, 7
# Share of a gap along which an edge runs from which it separates paper.
_CLEAR_EDGE, _EDGE_ABOVE = 0.6, 0.9
# Scores of receipts beside each other with and without an edge between them, and above each other.
_SCORE_EDGE, _SCORE_GAP, _SCORE_ABOVE = 0.95, 0.7, 0.5
_MAX_RECEIPTS = 20
# Margin around the text of a receipt, in heights of the text; at most half of a gap.
_MARGIN = 1.5


@dataclass(frozen=True)
class Area:
    """What looks like one of several receipts.

    Attributes:
        outline: `(4, 2)` rectangle around its text, clockwise from the top left.
        members: Indices of its segments.
        score: Probability by position and pixels, without the text, that it is a receipt of its own, 0 to 1.
    """

    outline: Floats
    members: Indices
    score: float


@dataclass(frozen=True)
class Gap:
    """A line that may separate two receipts.

    Attributes:
        is_beside: Whether it runs across the text, so that the receipts are beside each other.
        degrees: Angle from the direction across the text, or from the text.
        low: Where the gap begins along the normal of the line, in pixels.
        high: Where it ends.
        sides: `(N,)` whether each segment is behind the gap.
        edges: Share of its length along which an edge runs through it, 0 to 1.
    """

    is_beside: bool
    degrees: float
    low: float
    high: float
    sides: Flags
    edges: float = 0.0

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.high - self.low

    @property
    def score(self) -> float:
        """Probability that it separates receipts."""
        if not self.is_beside:
            return _SCORE_ABOVE
        return _SCORE_EDGE if self.edges >= _CLEAR_EDGE else _SCORE_GAP


def find_areas(gray: Pixels, quads: Floats) -> list[Area]:
    """Find the receipts on a page.

    Args:
        gray: `(H, W)` page, nearly upright.
        quads: `(N, 4, 2)` of its segments.

    Returns:
        One area per receipt, with the neighbors of each next to it; empty if there is only one.
    """
    if len(quads) < 2 * _MIN_SEGMENTS:
        return []
    height = measure_text_height(quads)
    parts = list(_split(gray, quads, np.arange(len(quads)), height, 1.0))
    if not 2 <= len(parts) <= _MAX_RECEIPTS:
        return []
    outlines = [enclose(quads[members], _MARGIN * height) for members, _ in parts]
    return [Area(outline, members, score) for outline, (members, score) in zip(outlines, parts, strict=True)]


def find_gaps(gray: Pixels, quads: Floats, height: float) -> list[Gap]:
    """Find the lines that may separate two receipts, the widest ones first, with the edges in them.

    Args:
        gray: `(H, W)` page.
        quads: `(N, 4, 2)` of segments.
        height: Height of their text in pixels.
    """
    variants: dict[tuple[bool, bytes], list[Gap]] = {}
    for gap in _find_empty_gaps(quads, height):
        variants.setdefault((gap.is_beside, gap.sides.tobytes()), []).append(gap)
    widest = sorted(variants.values(), key=lambda gaps: -max(gap.width for gap in gaps))
    found: list[Gap] = []
    for gaps in widest:
        sides, is_beside = gaps[0].sides, gaps[0].is_beside
        if _is_receipt(quads[~sides], height, is_beside) and _is_receipt(quads[sides], height, is_beside):
            found.append(_choose_variant(gray, quads, gaps, height))
            if len(found) == _MAX_GAPS:
                break
    return found


def measure_text_height(quads: Floats) -> float:
    """Return the median height of segments `(N, 4, 2)` in pixels."""
    return max(1.0, float(np.median(np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1))))


def measure_edges(strip: Floats, height: float) -> float:
    """Return the share of the length of a strip along which one edge runs, 0 to 1.

    Args:
        strip: `(length, width)` brightness; the edge runs along the first axis.
        height: Height of the text in pixels.
    """
    width, half = strip.shape[1], _EDGE_HALF_PX
    blocks = max(1, round(strip.shape[0] / (_BLOCK * height)))
    if width < 2 * half + 1:
        return 0.0
    profile = np.asarray(cv2.resize(strip, (width, blocks), interpolation=cv2.INTER_AREA), np.float64)
    total = np.pad(np.cumsum(profile, axis=1), ((0, 0), (1, 0)))
    mean = (total[:, half:] - total[:, :-half]) / half
    is_edge = (np.abs(mean[:, half:] - mean[:, :-half]) >= _EDGE_CONTRAST).astype(np.uint8)
    # An edge need not be straight or exactly parallel to the gap.
    is_edge = np.asarray(cv2.dilate(is_edge, np.ones((1, 5), np.uint8)), np.uint8)
    along = np.arange(blocks) / max(1, blocks - 1) - 0.5
    drifts = np.linspace(-1, 1, _DRIFTS) * _MAX_DRIFT * strip.shape[0]
    columns = np.arange(is_edge.shape[1]) + np.round(drifts[:, None] * along)[..., None].astype(np.intp)
    is_inside = (columns >= 0) & (columns < is_edge.shape[1])
    rows = np.arange(blocks)[None, :, None]
    picked = is_edge[rows, columns.clip(0, is_edge.shape[1] - 1)] * is_inside
    return float(picked.mean(axis=1).max())


def enclose(quads: Floats, margin: float) -> Floats:
    """Return the rectangle `(4, 2)` around quads `(N, 4, 2)` along their text, with a margin in pixels."""
    along = (quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]).sum(axis=0)
    along = along / max(float(np.linalg.norm(along)), 1e-6)
    down = np.array([-along[1], along[0]])
    points = quads.reshape(-1, 2)
    across, below = points @ along, points @ down
    left, right, top, bottom = across.min(), across.max(), below.min(), below.max()
    x0, x1, y0, y1 = left - margin, right + margin, top - margin, bottom + margin
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return np.asarray(corners[:, :1] * along + corners[:, 1:] * down, np.float32)


def _split(
    gray: Pixels, quads: Floats, members: Indices, height: float, score: float
) -> Iterator[tuple[Indices, float]]:
    """Divide segments at the best gap as long as there is one; yield the members and the score of each part."""
    gap = _choose_gap(find_gaps(gray, quads[members], height)) if len(members) >= 2 * _MIN_SEGMENTS else None
    if gap is None:
        yield members, score
        return
    for is_behind in (False, True):
        yield from _split(gray, quads, members[gap.sides == is_behind], height, min(score, gap.score))


def _choose_gap(gaps: list[Gap]) -> Gap | None:
    """Choose the gap that separates receipts best: beside each other, by an edge, then the widest one."""
    fits = [gap for gap in gaps if gap.is_beside or gap.edges >= _EDGE_ABOVE]
    return max(fits, key=lambda gap: (gap.is_beside, gap.edges >= _CLEAR_EDGE, gap.width), default=None)


def _find_empty_gaps(quads: Floats, height: float) -> Iterator[Gap]:
    """Yield the gaps that hardly any segment crosses and that have enough segments on both sides."""
    for is_beside, angles, width in ((True, _ANGLES_BESIDE, _MIN_BESIDE), (False, _ANGLES_ABOVE, _MIN_ABOVE)):
        normals = np.stack([_build_axes(is_beside, degrees)[0] for degrees in angles])
        across = normals @ quads.reshape(-1, 2).T
        across = across.reshape(len(angles), len(quads), 4)
        middles = across.mean(axis=2)
        for index, low, high in _find_empty(across, height / _BINS_PER_HEIGHT, width * height):
            sides = middles[index] > (low + high) / 2
            if _MIN_SEGMENTS <= np.count_nonzero(sides) <= len(quads) - _MIN_SEGMENTS:
                yield Gap(is_beside, angles[index], low, high, sides)


def _find_empty(across: Doubles, bin_px: float, min_px: float) -> Iterator[tuple[int, float, float]]:
    """Yield the intervals of at least a length that hardly any segment crosses.

    Args:
        across: `(A, N, 4)` corners of N segments along A directions, in pixels.
        bin_px: Resolution in pixels.
        min_px: Minimum length in pixels.

    Yields:
        The index of the direction, and where the interval begins and ends along it.
    """
    directions, segments, _ = across.shape
    first, last = across.min(axis=2), across.max(axis=2)
    origins = first.min(axis=1, keepdims=True)
    first, last = ((ends - origins) // bin_px for ends in (first, last))
    count = int(last.max()) + 2
    offsets = count * np.arange(directions)[:, None]
    begins, ends = (
        np.bincount((bins.astype(np.intp) + offsets).ravel(), minlength=count * directions)
        for bins in (first, last + 1)
    )
    crossing = np.cumsum((begins - ends).reshape(directions, count), axis=1)
    is_empty = np.zeros((directions, count + 1), np.int8)
    is_empty[:, 1:] = (crossing <= int(_MAX_CROSSING * segments)) & (
        np.arange(count) <= last.max(axis=1, keepdims=True)
    )
    change = np.diff(is_empty, axis=1, append=0)
    starts, stops = np.argwhere(change == 1), np.argwhere(change == -1)
    is_wide = (stops - starts)[:, 1] * bin_px >= min_px
    for (index, start), (_, stop) in zip(starts[is_wide].tolist(), stops[is_wide].tolist(), strict=True):
        origin = float(origins[index, 0])
        yield index, origin + start * bin_px, origin + stop * bin_px


def _choose_variant(gray: Pixels, quads: Floats, gaps: list[Gap], height: float) -> Gap:
    """Return the angle of a gap at which the longest edge runs through it."""
    step = max(1, len(gaps) // _MAX_VARIANTS)
    measured = [replace(gap, edges=_measure_gap(gray, quads, gap, height)) for gap in gaps[::step]]
    return max(measured, key=lambda gap: (gap.edges, gap.width))


def _measure_gap(gray: Pixels, quads: Floats, gap: Gap, height: float) -> float:
    normal, along = _build_axes(gap.is_beside, gap.degrees)
    start, stop = _find_common(quads @ along, gap.sides, height)
    margin = _EDGE_MARGIN * height
    strip = _cut_strip(gray, normal, along, (gap.low + margin, gap.high - margin), (start, stop))
    return measure_edges(strip, height)


def _build_axes(is_beside: bool, degrees: float) -> tuple[Doubles, Doubles]:
    """Return the unit vectors across a gap and along it."""
    turn = np.deg2rad(degrees)
    cosine, sine = float(np.cos(turn)), float(np.sin(turn))
    if is_beside:
        return np.array([cosine, sine]), np.array([-sine, cosine])
    return np.array([-sine, cosine]), np.array([cosine, sine])


def _is_receipt(quads: Floats, height: float, is_beside: bool) -> bool:
    """Return whether segments are as many and as wide as those of a receipt beside or above another."""
    min_count = _MIN_SEGMENTS if is_beside else _MIN_SEGMENTS_ABOVE
    min_length = _MIN_LENGTH if is_beside else _MIN_LENGTH_ABOVE
    length = np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1).sum()
    extent = quads.max(axis=(0, 1)) - quads.min(axis=(0, 1))
    return bool(len(quads) >= min_count and length >= min_length * height and extent.min() >= _MIN_EXTENT * height)


def _find_common(down: Doubles, sides: Flags, height: float) -> tuple[float, float]:
    """Return the interval along a gap in which both sides have text; that of all text if they hardly share one."""
    first, second = down[~sides], down[sides]
    start, stop = max(first.min(), second.min()), min(first.max(), second.max())
    if stop - start < _MIN_EXTENT * height:
        start, stop = down.min(), down.max()
    return float(start), float(stop)


def _cut_strip(
    gray: Pixels, normal: Doubles, along: Doubles, across: tuple[float, float], down: tuple[float, float]
) -> Floats:
    """Cut a strip out of a page, `(length, width)`: its first axis is along a gap."""
    width, length = max(1, round(across[1] - across[0])), max(1, round(down[1] - down[0]))
    # Maps pixels of the strip to pixels of the page.
    matrix = np.stack([normal, along, normal * across[0] + along * down[0]], axis=1)
    strip = cv2.warpAffine(
        gray, matrix, (width, length), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(strip, np.float32)
