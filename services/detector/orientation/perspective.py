"""Estimate the perspective of a page from the positions and sizes of its characters. numpy only.

The lines of a page that was photographed at an angle meet in a vanishing point. The slope from each character to its
nearest neighbor tells roughly where it is (see the docstrum in `services.detector.orientation.neighbors`), and the
profile across the lines exactly: it is the most uneven where they are parallel (see
`services.detector.orientation.skew`). Along the other axis, characters become smaller with their distance. Neither
needs the edges of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.detector.orientation.neighbors import Neighbors
from services.detector.orientation.skew import measure_unevenness
from shared.arrays import Doubles, Indices

# Minimum number of characters and of pairs of neighbors.
_MIN_CHARACTERS = 60
# Maximum slope of the way to a neighbor on the same line.
_MAX_SLOPE = 0.7
# Rounds of the robust fit, and the deviation of a slope that counts half.
_ROUNDS, _USUAL_DEVIATION = 8, 0.12
# Extent of text on both sides of its center: the share of characters within it.
_EXTENT_SHARE = 0.9
# The same where it decides what of the page is shown; the rest is texture of a table.
_ALL_SHARE = 0.98
# Minimum distance, in heights of a character, by which a line ends higher or lower than without perspective.
_MIN_BEND = 0.25
# Minimum slope of lines at the ends of the page. The detector reads smaller ones, and pixels that are not resampled
# stay sharp.
_MIN_SLOPE = 0.035
# Minimum ratio of the unevenness of the profile with perspective to that without.
_MIN_GAIN = 1.2
# Search around the first guess: distance in heights at the corners of the text, steps to either side, and rounds, each
# of which looks half as far as the one before.
_SEARCH_REACH, _SEARCH_STEPS, _SEARCH_ROUNDS = 2.4, 4, 4
_SEARCH_CHARACTERS = 900
# Bands across the page in which sizes of characters are compared, and the minimum number of characters of each.
_BANDS, _MIN_PER_BAND = 9, 6
# Minimum change of the size from one end of the page to the other, as a logarithm, and maximum deviation of most bands
# from a steady change: if lines diverge, and if they do not. Then the change may also be that of the print.
_MIN_TAPER, _MIN_TAPER_ALONE = 0.4, 0.5
_STEADY_SHARE, _MAX_UNSTEADY, _MAX_UNSTEADY_ALONE = 0.8, 0.2, 0.07
# Maximum change of the distance from the center of the text to its ends, as a share.
_MAX_DEPTH = 0.45


@dataclass(frozen=True)
class Perspective:
    """Perspective distortion of a page around the center of its text. Distances are in pixels.

    With x and y as distances from the center, along and across the line there, the text is flat and its lines are
    parallel where both are divided by `1 + across * x + down * y`.

    Attributes:
        across: Change of the divisor per pixel along the lines.
        down: Change of the divisor per pixel across the lines.
        half: Half of the width and height of the text; beyond, nothing is known.
    """

    across: float
    down: float
    half: tuple[float, float]

    def enlarge(self, factor: float) -> Perspective:
        """Return the perspective of the same page with so many times as many pixels along each side."""
        return Perspective(self.across / factor, self.down / factor, (self.half[0] * factor, self.half[1] * factor))


def estimate_perspective(
    level: Doubles, sizes: Doubles, neighbors: Neighbors, height: float
) -> tuple[Perspective, float] | None:
    """Estimate the perspective of a page.

    Args:
        level: `(N, 2)` distances of characters from the center of the text along its lines and across them, in pixels.
        sizes: `(N,)` heights of the characters in pixels.
        neighbors: The nearest neighbor of each; its ways are also along the lines and across them.
        height: Median height of a character in pixels.

    Returns:
        The perspective, and the degrees by which lines at the center are skewed clockwise after all; None if there is
        no clear perspective.
    """
    if len(level) < _MIN_CHARACTERS:
        return None
    places = level / height
    guess = _fit_slopes(places, neighbors.start, neighbors.way / height)
    slope, bend = (0.0, 0.0) if guess is None else _search(places, *guess)
    x, y = places.T
    turned = np.stack([x + slope * y, y - slope * x], axis=1) / np.hypot(1.0, slope)
    across = bend / float(np.hypot(1.0, slope))
    down = _fit_taper(turned, sizes / height, across)
    if across == 0.0 and down == 0.0:
        return None
    half = np.quantile(np.abs(turned), _ALL_SHARE, axis=0)
    depth = abs(across) * half[0] + abs(down) * half[1]
    share = min(1.0, _MAX_DEPTH / max(depth, 1e-9)) / height
    perspective = Perspective(across * share, down * share, (float(half[0] * height), float(half[1] * height)))
    return perspective, float(np.degrees(np.arctan(slope)))


def _fit_slopes(level: Doubles, start: Indices, way: Doubles) -> tuple[float, float] | None:
    """Fit how the slope of lines changes from the top to the bottom.

    Args:
        level: `(N, 2)` characters, in heights of a character like all distances.
        start: `(M,)` indices of characters that have a neighbor.
        way: `(M, 2)` way to it.

    Returns:
        The slope at the center, and its change per distance; None if lines do not clearly diverge.
    """
    way = np.where(way[:, :1] < 0, -way, way)
    fits = np.abs(way[:, 1]) < _MAX_SLOPE * way[:, 0]
    if np.count_nonzero(fits) < _MIN_CHARACTERS:
        return None
    x, y = (level[start] + way / 2)[fits].T
    slope = way[fits, 1] / way[fits, 0]
    weight = np.ones(len(y))
    design = np.stack([np.ones(len(y)), y], axis=1)
    for _ in range(_ROUNDS):
        weighted = design * weight[:, None]
        middle, change = np.linalg.solve(weighted.T @ design + np.diag([1e-9, 1e-6]), weighted.T @ slope).tolist()
        weight = 1 / (1 + np.square((slope - middle - change * y) / _USUAL_DEVIATION))
    reach = np.quantile(np.abs(x), _EXTENT_SHARE) * np.quantile(np.abs(y), _EXTENT_SHARE)
    return (middle, change) if abs(change) * reach >= _MIN_BEND else None


def _search(level: Doubles, slope: float, bend: float) -> tuple[float, float]:
    """Find the slope of lines at the center and its change at which their profile is the most uneven.

    Returns:
        The slope and its change per distance; the change is 0 if the profile is not clearly more uneven with it.
    """
    x, y = level[:: max(1, len(level) // _SEARCH_CHARACTERS)].T
    reach_x, reach_y = (float(np.quantile(np.abs(part), _EXTENT_SHARE)) for part in (x, y))
    steps = np.arange(-_SEARCH_STEPS, _SEARCH_STEPS + 1) / _SEARCH_STEPS

    def measure(slopes: Doubles, bends: Doubles) -> Doubles:
        flat = (y - slopes[:, None] * x) / np.maximum(1 + bends[:, None] * x, 0.2)
        return measure_unevenness(flat)

    best, around = (slope, bend), _SEARCH_REACH
    for _ in range(_SEARCH_ROUNDS):
        slopes, bends = np.meshgrid(
            best[0] + steps * around / reach_x, best[1] + steps * around / (reach_x * reach_y), indexing="ij"
        )
        found = int(np.argmax(measure(slopes.ravel(), bends.ravel())))
        best = float(slopes.ravel()[found]), float(bends.ravel()[found])
        around /= 2
    flat_slopes = best[0] + np.linspace(-1, 1, 41) * 2 * _SEARCH_REACH / reach_x
    without = float(measure(flat_slopes, np.zeros(41)).max())
    with_bend = float(measure(np.array([best[0]]), np.array([best[1]]))[0])
    bend = abs(best[1]) * reach_y
    is_clear = with_bend >= _MIN_GAIN * without and bend * reach_x >= _MIN_BEND and bend >= _MIN_SLOPE
    return best if is_clear else (0.0, 0.0)


def _fit_taper(level: Doubles, sizes: Doubles, across: float) -> float:
    """Return the change of the distance per height of a character across the lines; 0 if sizes do not change steadily.

    Args:
        level: `(N, 2)` centers on a page whose lines are level at the center, in heights of a character.
        sizes: `(N,)` heights of characters.
        across: Change of the distance along the lines.
    """
    depth = np.maximum(1 + across * level[:, 0], 0.2)
    place = level[:, 1] / depth
    size = np.log(sizes / depth)
    first, last = np.quantile(place, (0.02, 0.98)).tolist()
    bounds = np.linspace(first, last, _BANDS + 1)
    band = np.digitize(place, bounds) - 1
    parts = [band == number for number in range(_BANDS)]
    parts = [part for part in parts if np.count_nonzero(part) >= _MIN_PER_BAND]
    if len(parts) < _BANDS // 2:
        return 0.0
    middles = np.array([np.median(place[part]) for part in parts])
    medians = np.array([np.median(size[part]) for part in parts])
    one, other = np.triu_indices(len(parts), 1)
    # The median of all slopes (Sen, "Estimates of the regression coefficient based on Kendall's tau", 1968) ignores
    # large print at the top.
    change = float(np.median((medians[other] - medians[one]) / (middles[other] - middles[one])))
    rest = medians - change * middles
    unsteady = float(np.quantile(np.abs(rest - np.median(rest)), _STEADY_SHARE))
    least, most = (_MIN_TAPER, _MAX_UNSTEADY) if across else (_MIN_TAPER_ALONE, _MAX_UNSTEADY_ALONE)
    if abs(change) * (last - first) < least or unsteady > most:
        return 0.0
    # Heights shrink with the square of the distance.
    return change / 2
