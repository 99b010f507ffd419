"""Decide where neighbors on one row are separate by a logistic model of links between proposals. numpy only.

The model sees the side ramps around the link, the scores, and the widest gap in the ink.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.detector.ink import find_gaps, find_inked_columns
from services.detector.network.architecture import STRIDE
from services.detector.proposals import Chains, Proposals
from shared.arrays import Flags, Floats, Indices, Pixels

FEATURES = (
    "side_left",
    "side_right",
    "fall",
    "end_and_start",
    "side_before",
    "side_after",
    "fall_before",
    "fall_after",
    "columns_missing",
    "score_left",
    "score_right",
    "gap",
    "gap_times_fall",
    "gap_to_one",
    "gap_over_045",
    "gap_over_070",
    "gap_over_other",
    "height_differs",
)
# Gaps are searched up to this far (px) beyond the centers of the linked cells.
_BESIDE = 6.0
# Gaps are clipped at this width in heights.
_MAX_GAP = 3.0


@dataclass(frozen=True)
class Links:
    """E links between proposals of one page.

    Attributes:
        left: Index of the left proposal of each link.
        right: Index of the right proposal.
        features: `(E, F)`, in the order of `FEATURES`.
        gap_start: Left end (px) of the widest gap at the link; equal to `gap_stop` if there is none.
        gap_stop: Right end (px) of the gap.
    """

    left: Indices
    right: Indices
    features: Floats
    gap_start: Floats
    gap_stop: Floats


def describe_links(proposals: Proposals, following: Indices, chain: Indices, strength: Pixels) -> Links:
    """Compute the features of all links.

    Args:
        proposals: Proposals of the page.
        following: Index of the next proposal after each one, or -1.
        chain: Index of the chain of each proposal.
        strength: Ink of the page, `(H, W)`; see `services.detector.ink.compute_ink_strength`.
    """
    left = np.flatnonzero(following >= 0)
    right = following[left]
    count = len(proposals)
    before = np.full(count, -1, np.intp)
    before[right] = left
    start, stop, share, other = _find_link_gaps(proposals, left, right, chain, strength)
    side, score = proposals.side, proposals.score
    height = np.maximum(proposals.bottom - proposals.top, 1.0)
    side_left, side_right = side[left], side[right]
    side_before = np.where(before[left] >= 0, side[before[left]], 0.0)
    side_after = np.where(following[right] >= 0, side[following[right]], 0.0)
    fall = side_left - side_right
    features = [
        side_left,
        side_right,
        fall,
        np.maximum(side_left, 0) * np.maximum(-side_right, 0),
        side_before,
        side_after,
        np.maximum(side_before - side_right, 0),
        np.maximum(side_left - side_after, 0),
        proposals.column[right] - proposals.column[left] - 1,
        score[left],
        score[right],
        share,
        share * fall,
        np.minimum(share, 1.0),
        share > 0.45,
        share > 0.70,
        np.clip(share - other, -1.0, 2.0),
        np.abs(height[left] - height[right]) / np.minimum(height[left], height[right]),
    ]
    matrix = np.stack([np.asarray(feature, np.float32) for feature in features], axis=1)
    return Links(left, right, matrix.reshape(-1, len(FEATURES)), start, stop)


def _find_link_gaps(
    proposals: Proposals, left: Indices, right: Indices, chain: Indices, strength: Pixels
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return start and stop of the widest gap of each link, its width and the typical one of the chain in heights."""
    links = len(left)
    center = proposals.center
    middle = 0.5 * (center[left] + center[right])
    start, stop = middle.copy(), middle.copy()
    share, other = np.zeros(links, np.float32), np.zeros(links, np.float32)
    chains, _ = Chains.group(proposals, chain)
    tops, bottoms = (chains.median(edge).tolist() for edge in (chains.members.top, chains.members.bottom))
    first, last = ((chains.members.column[ends] + 0.5) * STRIDE for ends in (chains.start, chains.last))
    lefts, rights = (first - STRIDE).tolist(), (last + STRIDE).tolist()
    order = np.argsort(chain[left], kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(chain[left][order])) + 1):
        if not len(group):
            continue
        one = chain[left[group[0]]]
        top, bottom, x0 = tops[one], bottoms[one], lefts[one]
        height = max(bottom - top, 1.0)
        ink = find_inked_columns(strength, (x0, top, rights[one], bottom))
        gaps = find_gaps(ink, round(x0))
        # Text that is too faint has no visible ink.
        if not len(gaps.start) or not ink.any():
            continue
        from_x, to_x = center[left[group]][:, None] - _BESIDE, center[right[group]][:, None] + _BESIDE
        inside = np.minimum(gaps.stop[None], to_x) - np.maximum(gaps.start[None], from_x)
        about = 0.5 * (gaps.start + gaps.stop)[None]
        inside = np.where((inside > 0) & (about > from_x) & (about < to_x), gaps.width[None], 0.0)
        best = inside.argmax(axis=1)
        found = inside[np.arange(len(group)), best] > 0
        start[group[found]], stop[group[found]] = gaps.start[best[found]], gaps.stop[best[found]]
        share[group] = np.where(found, np.minimum(gaps.width[best] / height, _MAX_GAP), 0.0)
        words = np.sort(gaps.width[gaps.width > 0.2 * height] / height)
        other[group] = 0.5 * (words[(len(words) - 1) // 2] + words[len(words) // 2]) if len(words) else 0.0
    return start.astype(np.float32), stop.astype(np.float32), share, other


def choose_breaks(logits: Floats, links: Links, threshold: float) -> Flags:
    """Return which links are breaks: those above a threshold, and only the most certain one per gap."""
    chosen = logits > threshold
    at = np.full(int(max(links.right.max(initial=-1), links.left.max(initial=-1))) + 1, -1, np.intp)
    at[links.left] = np.arange(len(links.left))
    for index in np.flatnonzero(chosen):
        after = at[links.right[index]]
        if after < 0 or not chosen[after] or not chosen[index]:
            continue
        same = links.gap_stop[index] > links.gap_start[index] and links.gap_start[index] == links.gap_start[after]
        if same:
            chosen[index if logits[index] < logits[after] else after] = False
    return chosen
