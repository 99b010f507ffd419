"""Which way up a page is, and by how much its lines lean. numpy and cv2 only.

The lines' direction comes from where characters stand (`services.detector.orientation.skew`); which of its two ends is
the start only their shapes tell: a small network looks at patches of the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from services.detector.orientation.skew import Lean, estimate_lean
from services.detector.scale import Characters, Ink, find_characters
from shared.arrays import Doubles, Floats, Pixels

#: The turns that are told apart, degrees clockwise.
TURNS = (0, 90, 180, 270)
#: Side of a patch and height of the characters on it, in pixels.
PATCH, CHARACTER = 128, 11.0
#: Most patches of a page that are looked at.
_MOST_PATCHES = 8
#: Characters that make a further patch worth looking at.
_ENOUGH_ON_PATCH = 8
#: How much more uneven the profile along the lines is where they can be told to lean.
_CLEAR_CONTRAST = 1.6
#: Lines run along the one axis and not the other if their contrasts differ by this factor.
_CLEAR_AXIS = 1.4
#: A page is turned if that is likelier than that it stands upright by this much, as mean log probability of a patch.
_MARGIN = 0.5


class OrientationEngine(Protocol):
    """What runs the network: N x `PATCH` x `PATCH` gray patches to N x 4 log probabilities of `TURNS`."""

    def __call__(self, patches: Pixels) -> Floats:
        """Run one batch."""


@dataclass(frozen=True)
class Pose:
    """How the text of a page stands.

    Attributes:
        rotation: Degrees clockwise that the text is turned by: 0, 90, 180 or 270.
        lean: Further degrees clockwise that the lines lean by.
    """

    rotation: int = 0
    lean: float = 0.0


def find_pose(ink: Ink, engine: OrientationEngine) -> Pose:
    """Find how the text of a page stands; a page that hardly has any is taken to be upright.

    Args:
        ink: Of the page.
        engine: Tells the four turns apart.
    """
    characters = find_characters(ink)
    if characters is None:
        return Pose()
    leans = [estimate_lean(characters.centers, characters.height, axis) for axis in (0, 1)]
    clearer = leans[0] if leans[0].contrast >= leans[1].contrast else leans[1]
    degrees = clearer.degrees if clearer.contrast >= _CLEAR_CONTRAST else 0.0
    rotation = decide(engine(cut_patches(ink.measured, characters, degrees)), leans)
    lean = leans[rotation // 90 % 2]
    return Pose(rotation, lean.degrees if lean.contrast >= _CLEAR_CONTRAST else 0.0)


def decide(log_probabilities: Floats, leans: list[Lean]) -> int:
    """Choose the turn of a page.

    Args:
        log_probabilities: N x 4 of N patches.
        leans: Of lines that run along x and of lines that run along y; where one is much the clearer, only the turns
            that fit it are chosen from.

    Returns:
        0, 90, 180 or 270; not 0 only by a clear margin.
    """
    scores = log_probabilities.mean(axis=0).astype(np.float64)
    possible = np.ones(len(TURNS), bool)
    for axis in (0, 1):
        if leans[axis].contrast > _CLEAR_AXIS * leans[1 - axis].contrast:
            possible[[1 - axis, 3 - axis]] = False
    scores[~possible] = -np.inf
    best = int(np.argmax(scores))
    return TURNS[best] if scores[best] > scores[0] + _MARGIN else 0


def cut_patches(measured: Pixels, characters: Characters, degrees: float) -> Pixels:
    """Cut the patches with the most characters, which do not overlap, out of a page.

    Args:
        measured: H x W gray page.
        characters: Found on it.
        degrees: Lean of the lines, clockwise; on the patches it is undone.

    Returns:
        N x `PATCH` x `PATCH` pixels, N from 1.
    """
    scale = CHARACTER / characters.height
    if scale < 1.0:  # sampling alone would skip pixels
        measured = np.asarray(
            cv2.resize(measured, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8
        )
    turn = turning(-degrees)
    origins = _origins(characters.centers * scale @ turn.T)
    linear = turn if scale < 1.0 else turn * scale
    return np.stack([cut_patch(measured, np.hstack([linear, -origin[:, None]])) for origin in origins])


def cut_patch(image: Pixels, matrix: Doubles) -> Pixels:
    """Cut one patch: `matrix` (2 x 3) leads from pixels of the image to those of the patch."""
    patch = cv2.warpAffine(image, matrix, (PATCH, PATCH), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(patch, dtype=np.uint8)


def turning(degrees: float) -> Doubles:
    """The 2 x 2 matrix that turns points clockwise, with y downwards."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def _origins(places: Doubles) -> list[Doubles]:
    """Upper left corners of the patches with the most of N characters (N x 2, in pixels of patches)."""
    low = places.min(axis=0) - CHARACTER
    cells = np.floor((places - low) / (PATCH / 2)).astype(np.int64)
    counts = np.zeros(cells.max(axis=0) + 2)  # patches begin at every cell and are two wide and high
    np.add.at(counts, (cells[:, 0], cells[:, 1]), 1)
    origins: list[Doubles] = []
    while len(origins) < _MOST_PATCHES:
        windows = counts[:-1, :-1] + counts[1:, :-1] + counts[:-1, 1:] + counts[1:, 1:]
        column, row = np.unravel_index(np.argmax(windows), windows.shape)
        if origins and windows[column, row] < _ENOUGH_ON_PATCH:
            break
        origins.append(low + np.array([column, row]) * (PATCH / 2))
        counts[column : column + 2, row : row + 2] = 0
    return origins
