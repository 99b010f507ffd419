"""Estimate the skew of lines of text from the positions of characters. numpy only.

The method is projection profiles (Postl, "Detection of linear oblique structures and skew scan in digitized documents",
ICPR 1986): across the direction of the lines, the profile of characters is the most uneven.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.arrays import Doubles

# Maximum skew in degrees; beyond it, lines are nearer to the other axis.
MAX_DEGREES = 45.0
# Range in degrees in which the skew of most pages is.
USUAL_DEGREES = 16.0
# Degrees between the first angles tried, and the resolution of the final one.
_COARSE, _FINE = 0.5, 0.05
# Width of a bin of a profile in heights of a character.
_BIN = 0.22
# Number of characters for the first guess; all of them refine it.
_GUESS_CHARACTERS = 700


@dataclass(frozen=True)
class Skew:
    """Skew of text.

    Attributes:
        degrees: Clockwise from the x axis (or from the y axis for columns) to the lines, with y downward.
        contrast: Unevenness of the profile along the lines over that along other directions, at least 1.
    """

    degrees: float
    contrast: float


def estimate_skew(centers: Doubles, height: float, axis: int, max_degrees: float = USUAL_DEGREES) -> Skew:
    """Estimate the direction along which characters line up.

    Args:
        centers: `(N, 2)` centers of characters, x and y in pixels.
        height: Height of a character in pixels.
        axis: 0 for lines roughly along x, 1 for lines roughly along y.
        max_degrees: Maximum skew.

    Returns:
        The skew within `max_degrees`; 0 degrees if there are fewer than two characters.
    """
    if len(centers) < 2:
        return Skew(0.0, 1.0)
    along, across = (centers - centers.mean(axis=0))[:, [axis, 1 - axis]].T / height
    if axis == 1:
        # A clockwise turn leads from y to -x.
        along = -along
    step = max(1, len(centers) // _GUESS_CHARACTERS)
    angles = np.arange(-max_degrees, max_degrees + _COARSE / 2, _COARSE)
    scores = _measure_unevenness(along[::step], across[::step], angles)
    best = float(angles[np.argmax(scores)])
    contrast = float(scores.max() / max(np.median(scores), 1e-9))
    for reach, spacing in ((_COARSE, 0.125), (0.125, _FINE)):
        near = np.arange(best - reach, best + reach + spacing / 2, spacing)
        best = float(near[np.argmax(_measure_unevenness(along, across, near))])
    return Skew(float(np.clip(best, -max_degrees, max_degrees)), contrast)


def _measure_unevenness(along: Doubles, across: Doubles, degrees: Doubles) -> Doubles:
    """Return the mean square of the profile across each of K directions, `(K,)`, for N points."""
    angles = np.deg2rad(degrees)[:, None]
    return measure_unevenness(across * np.cos(angles) - along * np.sin(angles))


def measure_unevenness(heights: Doubles) -> Doubles:
    """Return the mean square of each of K profiles, `(K,)`.

    Args:
        heights: `(K, N)` places of N points across the lines, in heights of a character.
    """
    places = heights / _BIN
    places -= places.min()
    whole = np.floor(places).astype(np.int64)
    part = places - whole
    count, bins = len(places), int(whole.max()) + 2
    index = whole + bins * np.arange(count)[:, None]
    # Each point is shared between the two nearest bins, so that the profile changes smoothly with the angle.
    profile = np.bincount(index.ravel(), (1 - part).ravel(), bins * count + 1)
    profile += np.bincount(index.ravel() + 1, part.ravel(), bins * count + 1)
    result: Doubles = np.square(profile[:-1].reshape(count, bins)).sum(axis=1)
    return result
