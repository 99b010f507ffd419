"""By how much the lines of text on a page lean, from the places of its characters, without a network.

Projection profiles (Postl, "Detection of linear oblique structures and skew scan in digitized documents", ICPR 1986):
seen along the lines, the characters gather in few places, so the profile across them is the most uneven. numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.arrays import Doubles

#: Lines that lean by at most this many degrees are set straight.
MOST_DEGREES = 16.0
#: Degrees between the angles tried at first, and how finely the best is told in the end.
_COARSE, _FINE = 0.5, 0.05
#: Width of a bin of a profile in heights of a character.
_BIN = 0.22
#: More characters than this tell nothing new of a first guess; all of them serve to refine it.
_GUESSED_FROM = 700


@dataclass(frozen=True)
class Lean:
    """How text leans.

    Attributes:
        degrees: Clockwise from the x axis (or from the y axis for columns) to the lines, on a picture with y downwards.
        contrast: How much more uneven the profile is along the lines than along other directions, from 1.
    """

    degrees: float
    contrast: float


def estimate_lean(centers: Doubles, height: float, axis: int) -> Lean:
    """Find the direction along which characters line up.

    Args:
        centers: N x 2 centers of characters, x and y in pixels.
        height: Height of a character in pixels.
        axis: 0 for lines that run about along x, 1 for lines that run about along y.

    Returns:
        The lean within `MOST_DEGREES`; 0 degrees if there are too few characters to tell.
    """
    if len(centers) < 2:
        return Lean(0.0, 1.0)
    along, across = (centers - centers.mean(axis=0))[:, [axis, 1 - axis]].T / height
    if axis == 1:
        along = -along  # a clockwise turn leads from y to -x
    step = max(1, len(centers) // _GUESSED_FROM)
    angles = np.arange(-MOST_DEGREES, MOST_DEGREES + _COARSE / 2, _COARSE)
    scores = _unevenness(along[::step], across[::step], angles)
    best = float(angles[np.argmax(scores)])
    contrast = float(scores.max() / max(np.median(scores), 1e-9))
    for reach, spacing in ((_COARSE, 0.125), (0.125, _FINE)):
        near = np.arange(best - reach, best + reach + spacing / 2, spacing)
        best = float(near[np.argmax(_unevenness(along, across, near))])
    return Lean(float(np.clip(best, -MOST_DEGREES, MOST_DEGREES)), contrast)


def _unevenness(along: Doubles, across: Doubles, degrees: Doubles) -> Doubles:
    """Mean square of the profile across each of K directions, for N points: K."""
    angles = np.deg2rad(degrees)[:, None]
    places = (across * np.cos(angles) - along * np.sin(angles)) / _BIN
    places -= places.min()
    whole = np.floor(places).astype(np.int64)
    part = places - whole
    bins = int(whole.max()) + 2
    index = whole + bins * np.arange(len(degrees))[:, None]
    # Each point is shared between the two nearest bins, so that the profile does not jump as the angle changes.
    profile = np.bincount(index.ravel(), (1 - part).ravel(), bins * len(degrees) + 1)
    profile += np.bincount(index.ravel() + 1, part.ravel(), bins * len(degrees) + 1)
    result: Doubles = np.square(profile[:-1].reshape(len(degrees), bins)).sum(axis=1)
    return result
