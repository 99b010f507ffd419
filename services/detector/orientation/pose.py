"""Find the orientation of a page and the skew of its lines. numpy and cv2 only.

The direction of lines follows from the positions of characters (`services.detector.orientation.skew`). Which of its
ends is the start follows only from their shapes: a small network classifies patches of the page.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.detector.orientation.engine import CHARACTER_PX, PATCH_PX, TURNS, OrientationEngine
from services.detector.orientation.skew import Skew, estimate_skew
from services.detector.scale import Characters, Ink, find_characters
from shared.arrays import Doubles, Floats, Pixels

# Maximum number of patches per page.
_MAX_PATCHES = 8
# Minimum number of characters of a patch after the first one.
_MIN_CHARACTERS = 8
# Minimum contrast of the profile along the lines at which their skew is reliable.
_CLEAR_CONTRAST = 1.6
# Minimum ratio of the contrasts of both axes at which lines certainly run along one of them.
_CLEAR_AXIS = 1.4
# Minimum advantage of a turn over upright at which a page is turned, as mean log probability per patch.
_MARGIN = 0.5


@dataclass(frozen=True)
class Pose:
    """Orientation of the text of a page.

    Attributes:
        rotation: Degrees clockwise by which the text is turned: 0, 90, 180 or 270.
        skew: Further degrees clockwise by which the lines are skewed.
    """

    rotation: int = 0
    skew: float = 0.0


def find_pose(ink: Ink, engine: OrientationEngine) -> Pose:
    """Find the orientation of the text of a page. A page with hardly any text counts as upright.

    Args:
        ink: Ink of the page.
        engine: Recognizes the four turns.
    """
    characters = find_characters(ink)
    if characters is None:
        return Pose()
    skews = [estimate_skew(characters.centers, characters.height, axis) for axis in (0, 1)]
    clearer = skews[0] if skews[0].contrast >= skews[1].contrast else skews[1]
    degrees = clearer.degrees if clearer.contrast >= _CLEAR_CONTRAST else 0.0
    rotation = choose_turn(engine(cut_patches(ink.measured, characters, degrees)), skews)
    skew = skews[rotation // 90 % 2]
    return Pose(rotation, skew.degrees if skew.contrast >= _CLEAR_CONTRAST else 0.0)


def choose_turn(log_probabilities: Floats, skews: list[Skew]) -> int:
    """Choose the turn of a page.

    Args:
        log_probabilities: `(N, 4)` of N patches.
        skews: Skews of lines along x and along y. If one is much clearer, only the turns that fit it are possible.

    Returns:
        0, 90, 180 or 270; other than 0 only by a clear margin.
    """
    scores = log_probabilities.mean(axis=0).astype(np.float64)
    possible = np.ones(len(TURNS), bool)
    for axis in (0, 1):
        if skews[axis].contrast > _CLEAR_AXIS * skews[1 - axis].contrast:
            possible[[1 - axis, 3 - axis]] = False
    scores[~possible] = -np.inf
    best = int(np.argmax(scores))
    return TURNS[best] if scores[best] > scores[0] + _MARGIN else 0


def cut_patches(measured: Pixels, characters: Characters, degrees: float) -> Pixels:
    """Cut non-overlapping patches with the most characters out of a page.

    Args:
        measured: `(H, W)` gray page.
        characters: Characters of the page.
        degrees: Skew of the lines, clockwise; it is undone on the patches.

    Returns:
        `(N, PATCH_PX, PATCH_PX)` pixels, N at least 1.
    """
    scale = CHARACTER_PX / characters.height
    # Sampling alone would skip pixels.
    if scale < 1.0:
        measured = np.asarray(
            cv2.resize(measured, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8
        )
    turn = build_turn(-degrees)
    origins = _choose_origins(characters.centers * scale @ turn.T)
    linear = turn if scale < 1.0 else turn * scale
    return np.stack([cut_patch(measured, np.hstack([linear, -origin[:, None]])) for origin in origins])


def cut_patch(image: Pixels, matrix: Doubles) -> Pixels:
    """Cut one patch; `matrix` `(2, 3)` maps pixels of the image to pixels of the patch."""
    patch = cv2.warpAffine(image, matrix, (PATCH_PX, PATCH_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(patch, dtype=np.uint8)


def build_turn(degrees: float) -> Doubles:
    """Return the `(2, 2)` matrix that turns points clockwise, with y downward."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def _choose_origins(places: Doubles) -> list[Doubles]:
    """Return the top left corners of the patches with the most characters `(N, 2)`, in pixels of patches."""
    low = places.min(axis=0) - CHARACTER_PX
    cells = np.floor((places - low) / (PATCH_PX / 2)).astype(np.int64)
    # Patches start at every cell and are two cells wide and high.
    counts = np.zeros(cells.max(axis=0) + 2)
    np.add.at(counts, (cells[:, 0], cells[:, 1]), 1)
    origins: list[Doubles] = []
    while len(origins) < _MAX_PATCHES:
        windows = counts[:-1, :-1] + counts[1:, :-1] + counts[:-1, 1:] + counts[1:, 1:]
        column, row = np.unravel_index(np.argmax(windows), windows.shape)
        if origins and windows[column, row] < _MIN_CHARACTERS:
            break
        origins.append(low + np.array([column, row]) * (PATCH_PX / 2))
        counts[column : column + 2, row : row + 2] = 0
    return origins
