"""Join proposals into text segments: links along rows, breaks between segments, ends and edges, slant.

This extends the text line construction of CTPN (arXiv:1609.03605, section 3.2). Coordinates are pixels of the scaled
page. numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.detector.acceptance import FEATURES as SEGMENT_FEATURES
from services.detector.acceptance import describe_segments
from services.detector.anchors import decode_side
from services.detector.breaks import FEATURES as LINK_FEATURES
from services.detector.breaks import Links, choose_breaks, describe_links
from services.detector.ink import find_inked_columns
from services.detector.logistic import compute_logits
from services.detector.network.architecture import STRIDE
from services.detector.proposals import Chains, Proposals
from shared.arrays import Doubles, Flags, Floats, Indices, Pixels


def _build_default_break_weights() -> tuple[float, ...]:
    """Return weights that break where the side ramps fall, and more so at a gap; usable without fitting."""
    weights = dict.fromkeys(LINK_FEATURES, 0.0) | {"fall": 4.0, "gap": 2.0, "columns_missing": 1.0}
    return (*weights.values(), -5.0)


# Ink belongs to a segment up to this far (heights) beyond its ends; labels leave this margin (heights) beside ink.
_INK_REACH, _INK_MARGIN = 0.3, 0.1
# An end that is farther (heights) outside of the ink stays: the ink may be too faint to be visible.
_INK_INWARD = 1.0
# Width in heights, before growth, up to which a segment grows as a short one and from which it grows as a long one.
_SHORT_ASPECT, _LONG_ASPECT = 0.8, 1.8


# Fields whose keys in manifests differ; a change of keys would change the version of released weights.
_MANIFEST_KEYS = {"min_probability": "least_probability", "min_score": "least_score"}


@dataclass(frozen=True)
class JoiningSettings:
    """How proposals become segments. The values fitted on training receipts are stored with the weights.

    Attributes:
        min_probability: Minimum probability of text of a proposal.
        suppression: Vertical intersection over union at which the weaker proposal of a column is dropped.
        reach: Maximum number of columns between linked proposals (1: neighbors only).
        overlap: Minimum vertical intersection over the smaller height of a link.
        ratio: Minimum ratio of both heights of a link.
        break_weights: Weights of the logistic model of breaks, one per feature and a constant.
        break_threshold: Logit above which a link is a break.
        end_side: Minimum absolute side ramp of a proposal that helps to locate an end.
        ink_weight: Share of the way that an end moves from its position by the side ramps to the end of the ink, 0 to
            1.
        min_score: Minimum mean score of a segment.
        short_score: Minimum score of a segment of a single proposal.
        accept_weights: Weights of the logistic model of segments, one per feature and a constant; empty to accept all.
        accept_threshold: Logit from which a segment is text.
        covered: Share of a segment at which it is dropped if a more certain one covers it.
        grow: Growth at top, bottom, left and right in heights of the segment.
        grow_short: Growth of segments of one or two characters, whose margin is a larger share.
        skew: Minimum rise over a segment, in heights, at which its quad is slanted.
    """

    min_probability: float = 0.5
    suppression: float = 0.3
    reach: int = 3
    overlap: float = 0.6
    ratio: float = 0.55
    break_weights: tuple[float, ...] = _build_default_break_weights()
    break_threshold: float = 0.0
    end_side: float = 0.3
    ink_weight: float = 0.65
    min_score: float = 0.6
    short_score: float = 0.7
    accept_weights: tuple[float, ...] = ()
    accept_threshold: float = 0.0
    covered: float = 0.6
    grow: tuple[float, ...] = (0.1, 0.1, 0.1, 0.1)
    grow_short: tuple[float, ...] = (0.05, 0.05, 0.0, 0.0)
    skew: float = 0.5

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values for a manifest."""
        values = asdict(self).items()
        return {_MANIFEST_KEYS.get(key, key): list(v) if isinstance(v, tuple) else v for key, v in values}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> JoiningSettings:
        """Read the settings from a manifest.

        Raises:
            TypeError: If a key is unknown.
            ValueError: If a list has the wrong length.
        """
        names = {key: name for name, key in _MANIFEST_KEYS.items()}
        named: dict[str, Any] = {
            names.get(key, key): tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        settings = cls(**named)
        # Older weights grow all segments alike.
        if "grow_short" not in values:
            settings = replace(settings, grow_short=settings.grow)
        sides = len(settings.grow), len(settings.grow_short)
        if len(settings.break_weights) != len(LINK_FEATURES) + 1 or sides != (4, 4):
            raise ValueError(f"expected {len(LINK_FEATURES) + 1} `break_weights` and 4 values of `grow`")
        if len(settings.accept_weights) not in (0, len(SEGMENT_FEATURES) + 1):
            raise ValueError(f"expected {len(SEGMENT_FEATURES) + 1} `accept_weights` or none")
        return settings


@dataclass(frozen=True)
class Segments:
    """N segments: quads `(N, 4, 2)`, clockwise from the top left, and scores `(N,)`."""

    quads: Floats
    scores: Floats

    @classmethod
    def empty(cls) -> Segments:
        """Return no segments."""
        return cls(np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32))

    def __getitem__(self, index: NDArray[Any]) -> Segments:
        """Select some of the segments."""
        return Segments(self.quads[index], self.scores[index])


def join_proposals(proposals: Proposals, strength: Pixels, settings: JoiningSettings) -> Segments:
    """Join proposals into segments.

    Args:
        proposals: Proposals after suppression, sorted by column.
        strength: Ink of the page, `(H, W)`; see `services.detector.ink.compute_ink_strength`.
        settings: How to join.
    """
    segments, chains = find_candidates(proposals, strength, settings)
    if settings.accept_weights and len(chains):
        features = describe_segments(chains, segments.quads, strength)
        logits = compute_logits(features, np.asarray(settings.accept_weights, np.float64))
        segments = segments[logits >= settings.accept_threshold]
    return drop_covered(segments, settings.covered)


def find_candidates(proposals: Proposals, strength: Pixels, settings: JoiningSettings) -> tuple[Segments, Chains]:
    """Find all candidates for segments, which may overlap.

    Args:
        proposals: See `join_proposals`.
        strength: See `join_proposals`.
        settings: See `join_proposals`.

    Returns:
        The candidates, and the proposals of each.
    """
    following = link_proposals(proposals, settings)
    links = describe_links(proposals, following, label_chains(following), strength)
    logits = compute_logits(links.features, np.asarray(settings.break_weights, np.float64))
    broken = choose_breaks(logits, links, settings.break_threshold)
    following[links.left[broken]] = -1
    chains, order = Chains.group(proposals, label_chains(following))
    bounds = _compute_bounds(len(proposals), links, broken)[order]
    within = np.stack([bounds[chains.start, 0], bounds[chains.last, 1]], axis=1)
    scores = chains.mean(chains.members.score)
    kept = scores >= np.where(chains.count > 1, settings.min_score, settings.short_score)
    chains = chains[kept]
    quads = _build_quads(chains, within[kept], strength, settings)
    return Segments(quads, scores[kept].astype(np.float32)), chains


def _compute_bounds(count: int, links: Links, broken: Flags) -> Floats:
    """Return the minimum left and maximum right end (px) of each proposal that a gap allows, `(count, 2)`."""
    bounds = np.tile(np.array([-np.inf, np.inf], np.float32), (count, 1))
    with_gap = broken & (links.gap_stop > links.gap_start)
    bounds[links.left[with_gap], 1] = links.gap_stop[with_gap]
    bounds[links.right[with_gap], 0] = links.gap_start[with_gap]
    return bounds


def link_proposals(proposals: Proposals, settings: JoiningSettings) -> Indices:
    """Link each proposal to the one that continues it to the right.

    A link requires that each is the best partner of the other. A closer column takes precedence over a better overlap.

    Returns:
        Index of the next proposal of each one, or -1.
    """
    count = len(proposals)
    following = np.full(count, -1, np.intp)
    taken = np.zeros(count, bool)
    for step in range(1, settings.reach + 1):
        left, right, overlap = _find_pairs(proposals, step)
        fits = (overlap >= settings.overlap) & (_compute_height_ratios(proposals, left, right) >= settings.ratio)
        fits &= (following[left] < 0) & ~taken[right]
        left, right, overlap = left[fits], right[fits], overlap[fits]
        strength = overlap + 0.01 * proposals.score[right]
        best_right = np.full(count, -np.inf)
        best_left = np.full(count, -np.inf)
        np.maximum.at(best_right, left, strength)
        np.maximum.at(best_left, right, strength)
        mutual = (strength >= best_right[left]) & (strength >= best_left[right])
        following[left[mutual]] = right[mutual]
        taken[right[mutual]] = True
    return following


def label_chains(following: Indices) -> Indices:
    """Return the chain (0, 1, ...) of each proposal; links lead to later indices only."""
    head = np.arange(len(following))
    head[following[following >= 0]] = np.flatnonzero(following >= 0)
    # The distance to the head of the chain halves in each round.
    while (farther := head[head]).tolist() != head.tolist():
        head = farther
    return np.unique(head, return_inverse=True)[1].astype(np.intp)


def _find_pairs(proposals: Proposals, step: int) -> tuple[Indices, Indices, Floats]:
    """Find pairs `step` columns apart that overlap vertically, with their overlap over the smaller height."""
    column = proposals.column
    start = np.searchsorted(column, column + step, "left")
    stop = np.searchsorted(column, column + step, "right")
    counts = stop - start
    left = np.repeat(np.arange(len(column)), counts)
    right = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(start, counts)
    shared = np.minimum(proposals.bottom[left], proposals.bottom[right]) - np.maximum(
        proposals.top[left], proposals.top[right]
    )
    lower = np.minimum((proposals.bottom - proposals.top)[left], (proposals.bottom - proposals.top)[right])
    overlap = shared / np.maximum(lower, 1e-3)
    kept = overlap > 0
    return left[kept], right[kept], overlap[kept].astype(np.float32)


def _compute_height_ratios(proposals: Proposals, left: Indices, right: Indices) -> Floats:
    height = np.maximum(proposals.bottom - proposals.top, 1e-3)
    lower, higher = np.minimum(height[left], height[right]), np.maximum(height[left], height[right])
    return np.asarray(lower / higher, np.float32)


def drop_covered(segments: Segments, share: float) -> Segments:
    """Drop the segments of which a more certain and longer one covers a share."""
    if len(segments.scores) < 2:
        return segments
    low, high = segments.quads.min(axis=1), segments.quads.max(axis=1)
    common = np.clip(np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None]), 0, None).prod(axis=2)
    area = (high - low).prod(axis=1)
    worth = segments.scores * (high - low)[:, 0]
    better = (worth[None, :] > worth[:, None]) & (common > share * area[:, None])
    return segments[~better.any(axis=1)]


def _build_quads(chains: Chains, bounds: Floats, strength: Pixels, settings: JoiningSettings) -> Floats:
    """Build the quads of N chains, `(N, 4, 2)`, with ends inside the bounds `(N, 2)` in pixels."""
    if not len(chains):
        return Segments.empty().quads
    part = chains.members
    left, right = _find_ends(chains, settings)
    left, right = np.maximum(left, bounds[:, 0]), np.minimum(right, bounds[:, 1])
    # Cells over an end see less of the segment, so they count less for its edges.
    weight = part.score * np.clip(1.25 - np.abs(part.side) * 0.5, 0.2, 1.0)
    weight = weight / chains.repeat(chains.sum(weight))
    center, middle = part.center, 0.5 * (part.top + part.bottom)
    at, level = chains.sum(weight * center), chains.sum(weight * middle)
    height = chains.sum(weight * (part.bottom - part.top))
    aside = center - chains.repeat(at)
    spread = np.maximum(chains.sum(weight * aside**2), 1e-9)
    slope = chains.sum(weight * aside * (middle - chains.repeat(level))) / spread
    slope[(chains.count < 4) | (np.abs(slope) * (right - left) < settings.skew * height)] = 0.0
    boxes = np.stack([left, level - 0.5 * height, right, level + 0.5 * height], axis=1)
    for index in np.flatnonzero(slope == 0.0):
        left[index], right[index] = move_ends_to_ink(strength, boxes[index].tolist(), settings.ink_weight)
    top, bottom, before, after = compute_growth((right - left) / height, settings).T * height
    x0, x1 = np.maximum(left - before, bounds[:, 0]), np.minimum(right + after, bounds[:, 1])
    y0, y1 = level + slope * (x0 - at), level + slope * (x1 - at)
    above, below = 0.5 * height + top, 0.5 * height + bottom
    corners = (x0, y0 - above), (x1, y1 - above), (x1, y1 + below), (x0, y0 + below)
    return np.stack([np.stack(corner, axis=1) for corner in corners], axis=1).astype(np.float32)


def compute_growth(aspect: ArrayLike, settings: JoiningSettings) -> Floats:
    """Return the growth at top, bottom, left and right, `(..., 4)` heights, of segments of aspect `(...)`."""
    share = np.clip((np.asarray(aspect) - _SHORT_ASPECT) / (_LONG_ASPECT - _SHORT_ASPECT), 0.0, 1.0)[..., None]
    short, long = np.asarray(settings.grow_short), np.asarray(settings.grow)
    return np.asarray(short + share * (long - short), np.float32)


def _find_ends(chains: Chains, settings: JoiningSettings) -> tuple[Doubles, Doubles]:
    """Find the ends (px) of N chains by the side ramps of their outer proposals, or else by the edges of cells."""
    left = _locate_ends(chains, chains.start, 1, settings.end_side)
    right = _locate_ends(chains, chains.last, -1, settings.end_side)
    narrow, center = right - left < STRIDE / 4, chains.members.center
    left[narrow] = center[chains.start[narrow]] - STRIDE / 2
    right[narrow] = center[chains.last[narrow]] + STRIDE / 2
    return left, right


def move_ends_to_ink(strength: Pixels, box: Sequence[float], weight: float) -> tuple[float, float]:
    """Move the ends of a box toward the ends of its ink.

    Args:
        strength: Ink of the page; see `services.detector.ink.compute_ink_strength`.
        box: x0, y0, x1, y1 in pixels.
        weight: 0 keeps the ends, 1 puts them at a margin from the ink. An end far outside of the ink always stays.

    Returns:
        Left and right end in pixels.
    """
    left, top, right, bottom = box
    height = bottom - top
    reach = _INK_REACH * height
    start = round(left - reach)
    columns = np.flatnonzero(find_inked_columns(strength, (left - reach, top, right + reach, bottom))) + start
    if weight == 0.0 or not len(columns):
        return left, right
    ink_left, ink_right = float(columns[0]) - _INK_MARGIN * height, float(columns[-1]) + 1 + _INK_MARGIN * height
    max_move = _INK_INWARD * height
    if ink_left - left < max_move:
        left += weight * (ink_left - left)
    if right - ink_right < max_move:
        right += weight * (ink_right - right)
    return left, right


def _locate_ends(chains: Chains, outer: Indices, inward: int, min_side: float) -> Doubles:
    """Locate the ends (px) of N chains near their outer members; the next inner ones are `inward` (1 or -1) away."""
    edge = chains.members.center[outer] - inward * STRIDE / 2
    pair = np.stack([outer, np.where(chains.count > 1, outer + inward, outer)], axis=1)
    side, center = chains.members.side[pair], chains.members.center[pair]
    used = side * -inward >= min_side
    used[:, 1] &= chains.count > 1
    weight = np.abs(side, dtype=np.float64) * used
    total = weight.sum(axis=1)
    ends = (weight * decode_side(side, center)).sum(axis=1) / np.where(total > 0, total, 1.0)
    # An end is at most one cell beyond the outermost cell.
    return np.asarray(np.where(total > 0, np.clip(ends, edge - STRIDE, edge + STRIDE), edge), np.float64)
