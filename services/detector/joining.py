"""Joining proposals to text segments: links along rows, breaks where a segment ends, ends and edges, skew.

Everything is in pixels of the scaled picture; numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from services.detector.acceptance import FEATURES as SEGMENT_FEATURES
from services.detector.acceptance import acceptance_logits, describe_segments
from services.detector.anchors import STRIDE, decode_side
from services.detector.breaks import FEATURES, Links, break_logits, choose_breaks, describe_links
from services.detector.ink import column_ink
from services.detector.proposals import Chains, Proposals
from shared.arrays import Doubles, Flags, Floats, Indices, Pixels


def _plain_break_weights() -> tuple[float, ...]:
    """A break where the side ramps fall by much, less if there is a gap too; good enough without fitting."""
    weights = dict.fromkeys(FEATURES, 0.0) | {"fall": 4.0, "gap": 2.0, "columns_missing": 1.0}
    return (*weights.values(), -5.0)


#: Ink belongs to a segment up to this far (heights) beyond its ends; labels leave this margin (heights) beside ink.
_INK_REACH, _INK_MARGIN = 0.3, 0.1
#: Ends that lie farther (heights) outside of the ink than this stay: the ink may be too faint to see.
_INK_INWARD = 1.0
#: A segment this narrow (width in heights, before it grows) grows as a short one, one this wide as a long one.
_SHORT_ASPECT, _LONG_ASPECT = 0.8, 1.8


@dataclass(frozen=True)
class JoiningSettings:
    """How proposals become segments; what was fitted on training receipts comes with the weights.

    Attributes:
        least_probability: Probability of text from which proposals are used.
        suppression: Vertical intersection over union from which the weaker proposal of a column goes.
        reach: Columns over which two proposals may be linked (1: neighbors only).
        overlap: Least vertical intersection over the lower of both heights for a link.
        ratio: Least ratio of both heights for a link.
        break_weights: Of the logistic model of breaks, a weight for each feature and a constant.
        break_threshold: Logit from which a link is a break.
        end_side: Least absolute side ramp of a proposal that takes part in locating an end.
        ink_weight: How far an end moves from where the side ramps put it to where the ink ends, 0 to 1.
        least_score: Least mean score of a segment that is considered.
        short_score: The same of a segment of a single proposal.
        accept_weights: Of the logistic model of segments, a weight for each feature and a constant; empty for none:
            all that are considered are text then.
        accept_threshold: Logit from which a segment is text.
        covered: Share of a segment from which it goes if a surer one covers it.
        grow: Growth at top, bottom, left and right in segment heights.
        grow_short: The same of segments of one or two characters, of which a margin is a larger share.
        skew: Least rise over a segment, in segment heights, at which it is a slanted quad.
    """

    least_probability: float = 0.5
    suppression: float = 0.3
    reach: int = 3
    overlap: float = 0.6
    ratio: float = 0.55
    break_weights: tuple[float, ...] = _plain_break_weights()
    break_threshold: float = 0.0
    end_side: float = 0.3
    ink_weight: float = 0.65
    least_score: float = 0.6
    short_score: float = 0.7
    accept_weights: tuple[float, ...] = ()
    accept_threshold: float = 0.0
    covered: float = 0.6
    grow: tuple[float, ...] = (0.1, 0.1, 0.1, 0.1)
    grow_short: tuple[float, ...] = (0.05, 0.05, 0.0, 0.0)
    skew: float = 0.5

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON values, for a manifest."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> JoiningSettings:
        """Rebuild the settings from a manifest.

        Raises:
            TypeError: If a key is unknown.
            ValueError: If the numbers of weights or of sides are wrong.
        """
        plain: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        settings = cls(**plain)
        if "grow_short" not in values:  # of weights from before there was a difference
            settings = replace(settings, grow_short=settings.grow)
        sides = len(settings.grow), len(settings.grow_short)
        if len(settings.break_weights) != len(FEATURES) + 1 or sides != (4, 4):
            raise ValueError(f"{len(FEATURES) + 1} break weights and 4 sides of growth are needed")
        if len(settings.accept_weights) not in (0, len(SEGMENT_FEATURES) + 1):
            raise ValueError(f"{len(SEGMENT_FEATURES) + 1} weights of acceptance (or none) are needed")
        return settings


@dataclass(frozen=True)
class Segments:
    """N segments: quads (N x 4 x 2, clockwise from the top left) and scores (N)."""

    quads: Floats
    scores: Floats

    @classmethod
    def none(cls) -> Segments:
        """No segments."""
        return cls(np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32))

    def __getitem__(self, index: npt.NDArray[Any]) -> Segments:
        """A selection of them."""
        return Segments(self.quads[index], self.scores[index])


def join(proposals: Proposals, strength: Pixels, settings: JoiningSettings) -> Segments:
    """Join proposals to segments.

    Args:
        proposals: After suppression, sorted by column.
        strength: Ink of the page, H x W, see :func:`services.detector.ink.ink_strength`.
        settings: How.
    """
    segments, chains = candidates(proposals, strength, settings)
    if settings.accept_weights and len(chains):
        features = describe_segments(chains, segments.quads, strength)
        logits = acceptance_logits(features, np.asarray(settings.accept_weights, np.float64))
        segments = segments[logits >= settings.accept_threshold]
    return drop_covered(segments, settings.covered)


def candidates(proposals: Proposals, strength: Pixels, settings: JoiningSettings) -> tuple[Segments, Chains]:
    """All that may be segments, some of them over one another, and the proposals of each; arguments as for `join`."""
    following = link(proposals, settings)
    links = describe_links(proposals, following, label_chains(following), strength)
    logits = break_logits(links.features, np.asarray(settings.break_weights, np.float64))
    broken = choose_breaks(logits, links, settings.break_threshold)
    following[links.left[broken]] = -1
    chains, order = Chains.of(proposals, label_chains(following))
    bounds = _bounds(len(proposals), links, broken)[order]
    within = np.stack([bounds[chains.start, 0], bounds[chains.last, 1]], axis=1)
    scores = chains.mean(chains.members.score)
    kept = scores >= np.where(chains.count > 1, settings.least_score, settings.short_score)
    chains = chains[kept]
    quads = _quads(chains, within[kept], strength, settings)
    return Segments(quads, scores[kept].astype(np.float32)), chains


def _bounds(count: int, links: Links, broken: Flags) -> Floats:
    """For each proposal the least left end and the largest right end (px) that a gap beside it allows, count x 2."""
    bounds = np.tile(np.array([-np.inf, np.inf], np.float32), (count, 1))
    with_gap = broken & (links.gap_stop > links.gap_start)
    bounds[links.left[with_gap], 1] = links.gap_stop[with_gap]
    bounds[links.right[with_gap], 0] = links.gap_start[with_gap]
    return bounds


def link(proposals: Proposals, settings: JoiningSettings) -> Indices:
    """For each proposal the index of the one that continues it to the right, or -1.

    A link holds only if both are each other's best; a nearer column goes before a better overlap.
    """
    count = len(proposals)
    following = np.full(count, -1, np.intp)
    taken = np.zeros(count, bool)
    for step in range(1, settings.reach + 1):
        left, right, overlap = _pairs(proposals, step)
        fits = (overlap >= settings.overlap) & (_height_ratio(proposals, left, right) >= settings.ratio)
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
    """The chain (0, 1, ...) of each proposal, given what follows it; links only lead to later indices."""
    head = np.arange(len(following))
    head[following[following >= 0]] = np.flatnonzero(following >= 0)
    while (farther := head[head]).tolist() != head.tolist():  # the way to the first one halves each time
        head = farther
    return np.unique(head, return_inverse=True)[1].astype(np.intp)


def _pairs(proposals: Proposals, step: int) -> tuple[Indices, Indices, Floats]:
    """Pairs of proposals `step` columns apart that overlap vertically, with their overlap over the lower height."""
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


def _height_ratio(proposals: Proposals, left: Indices, right: Indices) -> Floats:
    height = np.maximum(proposals.bottom - proposals.top, 1e-3)
    lower, higher = np.minimum(height[left], height[right]), np.maximum(height[left], height[right])
    return np.asarray(lower / higher, np.float32)


def drop_covered(segments: Segments, share: float) -> Segments:
    """Without the segments of which another, surer and longer one covers a share."""
    if len(segments.scores) < 2:
        return segments
    low, high = segments.quads.min(axis=1), segments.quads.max(axis=1)
    common = np.clip(np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None]), 0, None).prod(axis=2)
    area = (high - low).prod(axis=1)
    worth = segments.scores * (high - low)[:, 0]
    better = (worth[None, :] > worth[:, None]) & (common > share * area[:, None])
    return segments[~better.any(axis=1)]


def _quads(chains: Chains, bounds: Floats, strength: Pixels, settings: JoiningSettings) -> Floats:
    """The quads of N chains, N x 4 x 2; their ends stay within bounds (N x 2, px)."""
    if not len(chains):
        return Segments.none().quads
    part = chains.members
    left, right = _find_ends(chains, settings)
    left, right = np.maximum(left, bounds[:, 0]), np.minimum(right, bounds[:, 1])
    # cells over an end see less of the segment: they count less for its edges
    weight = part.score * np.clip(1.25 - np.abs(part.side) * 0.5, 0.2, 1.0)
    weight = weight / chains.spread(chains.total(weight))
    center, middle = part.center, 0.5 * (part.top + part.bottom)
    at, level = chains.total(weight * center), chains.total(weight * middle)
    height = chains.total(weight * (part.bottom - part.top))
    aside = center - chains.spread(at)
    spread = np.maximum(chains.total(weight * aside**2), 1e-9)
    slope = chains.total(weight * aside * (middle - chains.spread(level))) / spread
    slope[(chains.count < 4) | (np.abs(slope) * (right - left) < settings.skew * height)] = 0.0
    boxes = np.stack([left, level - 0.5 * height, right, level + 0.5 * height], axis=1)
    for index in np.flatnonzero(slope == 0.0):
        left[index], right[index] = draw_to_ink(strength, boxes[index].tolist(), settings.ink_weight)
    top, bottom, before, after = growth((right - left) / height, settings).T * height
    x0, x1 = np.maximum(left - before, bounds[:, 0]), np.minimum(right + after, bounds[:, 1])
    y0, y1 = level + slope * (x0 - at), level + slope * (x1 - at)
    above, below = 0.5 * height + top, 0.5 * height + bottom
    corners = (x0, y0 - above), (x1, y1 - above), (x1, y1 + below), (x0, y0 + below)
    return np.stack([np.stack(corner, axis=1) for corner in corners], axis=1).astype(np.float32)


def growth(aspect: npt.ArrayLike, settings: JoiningSettings) -> Floats:
    """Growth at top, bottom, left and right (..., 4), in heights, of segments (...) so many heights wide."""
    share = np.clip((np.asarray(aspect) - _SHORT_ASPECT) / (_LONG_ASPECT - _SHORT_ASPECT), 0.0, 1.0)[..., None]
    short, long = np.asarray(settings.grow_short), np.asarray(settings.grow)
    return np.asarray(short + share * (long - short), np.float32)


def _find_ends(chains: Chains, settings: JoiningSettings) -> tuple[Doubles, Doubles]:
    """Left and right ends (px) of N chains, from the side ramps of their outer proposals, else the cells' edges."""
    left = _ends(chains, chains.start, 1, settings.end_side)
    right = _ends(chains, chains.last, -1, settings.end_side)
    narrow, center = right - left < STRIDE / 4, chains.members.center
    left[narrow] = center[chains.start[narrow]] - STRIDE / 2
    right[narrow] = center[chains.last[narrow]] + STRIDE / 2
    return left, right


def draw_to_ink(strength: Pixels, box: Sequence[float], weight: float) -> tuple[float, float]:
    """Move the ends of a box toward where its ink ends.

    Args:
        strength: Ink of the page, see :func:`services.detector.ink.ink_strength`.
        box: x0, y0, x1, y1 in pixels.
        weight: 0 leaves the ends, 1 puts them a margin from the ink; an end far outside of ink stays in any case.

    Returns:
        Left and right end in pixels.
    """
    left, top, right, bottom = box
    height = bottom - top
    reach = _INK_REACH * height
    start = round(left - reach)
    columns = np.flatnonzero(column_ink(strength, (left - reach, top, right + reach, bottom))) + start
    if weight == 0.0 or not len(columns):
        return left, right
    ink_left, ink_right = float(columns[0]) - _INK_MARGIN * height, float(columns[-1]) + 1 + _INK_MARGIN * height
    most = _INK_INWARD * height
    if ink_left - left < most:
        left += weight * (ink_left - left)
    if right - ink_right < most:
        right += weight * (ink_right - right)
    return left, right


def _ends(chains: Chains, outer: Indices, inwards: int, least: float) -> Doubles:
    """The ends (px) of N chains beyond their outermost members, of which the next one lies 1 or -1 further."""
    edge = chains.members.center[outer] - inwards * STRIDE / 2
    pair = np.stack([outer, np.where(chains.count > 1, outer + inwards, outer)], axis=1)
    side, center = chains.members.side[pair], chains.members.center[pair]
    tells = side * -inwards >= least
    tells[:, 1] &= chains.count > 1
    weight = np.abs(side, dtype=np.float64) * tells
    total = weight.sum(axis=1)
    ends = (weight * decode_side(side, center)).sum(axis=1) / np.where(total > 0, total, 1.0)
    # an end lies at most one cell beyond the outermost cell
    return np.asarray(np.where(total > 0, np.clip(ends, edge - STRIDE, edge + STRIDE), edge), np.float64)
