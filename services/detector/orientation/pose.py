"""Find the orientation of a page and the skew of its lines. numpy and cv2 only.

The direction of lines follows from the positions of characters (`services.detector.orientation.skew`), and so does the
axis along which they run (`services.detector.orientation.neighbors`). Which of its ends is the start follows only from
their shapes: a small network classifies patches of the page. Where characters cannot be told from the texture of a
table, the page is looked at again with less of the texture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.detector.orientation.engine import CHARACTER_PX, PATCH_PX, TURNS, OrientationEngine
from services.detector.orientation.neighbors import Neighbors, compare_axes, find_neighbors
from services.detector.orientation.perspective import Perspective, estimate_perspective
from services.detector.orientation.skew import MAX_DEGREES, USUAL_DEGREES, Skew, estimate_skew
from services.detector.scale import Characters, Ink, InkSettings, find_characters, find_ink
from shared.arrays import Doubles, Floats, Pixels

# Maximum number of patches per page.
_MAX_PATCHES = 8
# Margin around the part of a page from which a patch is sampled.
_PART_MARGIN_PX = 8
# Minimum number of characters of a patch after the first one.
_MIN_CHARACTERS = 8
# Minimum contrast of the profile along the lines at which their skew is reliable.
_CLEAR_CONTRAST = 1.6
# Maximum log ratio of neighbors that counts for an axis, and its weight next to the log probabilities of the network.
_MAX_NEIGHBORS, _NEIGHBORS_WEIGHT = 4.0, 0.5
# Minimum advantage of a turn over upright at which a page is turned, as mean log probability per patch.
_MARGIN = 0.5
# Advantage of the best turn over the next one from which it is certain, and no further look is needed.
_CERTAIN = 2.0
# Further looks: what counts as ink, and the maximum skew in degrees.
_FURTHER_LOOKS = (
    (InkSettings(), MAX_DEGREES),
    (InkSettings(contrast=30), MAX_DEGREES),
    (InkSettings(contrast=20, blur=1.5), MAX_DEGREES),
)


@dataclass(frozen=True)
class Pose:
    """Orientation of the text of a page.

    Attributes:
        rotation: Degrees clockwise by which the text is turned: 0, 90, 180 or 270.
        skew: Further degrees clockwise by which the lines are skewed, at the center of the text.
        perspective: How the page is foreshortened; None if it is not, or hardly.
        center: x and y of the center of the text on the page as sent in pixels; of no use without a perspective.
    """

    rotation: int = 0
    skew: float = 0.0
    perspective: Perspective | None = None
    center: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Look:
    """What one look at a page tells of its orientation.

    Attributes:
        scores: `(4,)` log evidence for each of `TURNS`.
        skews: Skews of lines along x and along y.
        ink: Ink of the page.
        settings: What counted as ink.
        characters: Characters of the page.
        neighbors: The nearest neighbor of each.
    """

    scores: Doubles
    skews: tuple[Skew, Skew]
    ink: Ink
    settings: InkSettings
    characters: Characters
    neighbors: Neighbors

    @property
    def margin(self) -> float:
        """Advantage of the best turn over the next one."""
        ordered = np.sort(self.scores)
        return float(ordered[-1] - ordered[-2])

    def find_pose(self, rotation: int | None = None) -> Pose:
        """Return the orientation of the page; not turned unless by a clear margin, or as given."""
        rotation = choose_turn(self.scores) if rotation is None else rotation
        skew = self.skews[rotation // 90 % 2]
        degrees = skew.degrees if skew.contrast >= _CLEAR_CONTRAST else 0.0
        return self._find_perspective(rotation, degrees)

    def _find_perspective(self, rotation: int, degrees: float) -> Pose:
        """Return the orientation of a page, with its perspective, if the rotation and about the skew are known."""
        center = np.median(self.characters.centers, axis=0)
        turn = build_turn(-rotation - degrees).T
        level = (self.characters.centers - center) @ turn
        neighbors = Neighbors(self.neighbors.start, self.neighbors.way @ turn)
        found = estimate_perspective(level, self.characters.sizes, neighbors, self.characters.height)
        if found is None:
            return Pose(rotation, degrees)
        perspective, further = found
        x, y = (center / self.ink.scale).tolist()
        return Pose(rotation, degrees + further, perspective.enlarge(1 / self.ink.scale), (x, y))


def find_pose(gray: Pixels, engine: OrientationEngine, rotation: int | None = None) -> tuple[Pose, Ink, InkSettings]:
    """Find the orientation of the text of a page. A page with hardly any text counts as upright.

    Args:
        gray: `(H, W)` page.
        engine: Recognizes the four turns.
        rotation: Degrees clockwise by which the text is turned, if they are known; then only the skew is found.

    Returns:
        The orientation, the ink of the page, and what counts as ink where the text was seen best.
    """
    ink = find_ink(gray)
    first = look_at(ink, InkSettings(), engine, USUAL_DEGREES)
    if first is None:
        return Pose(rotation or 0), ink, InkSettings()
    best = first
    for settings, max_degrees in _FURTHER_LOOKS:
        if best.margin >= _CERTAIN:
            break
        look = look_at(ink if settings == InkSettings() else find_ink(gray, settings), settings, engine, max_degrees)
        if look is not None and look.margin >= _CERTAIN:
            best = look
    return best.find_pose(rotation), best.ink, best.settings


def look_at(ink: Ink, settings: InkSettings, engine: OrientationEngine, max_degrees: float) -> Look | None:
    """Collect the evidence for each turn of a page. Return None if there is hardly any text.

    Args:
        ink: Ink of the page.
        settings: What counted as ink.
        engine: Recognizes the four turns.
        max_degrees: Maximum skew.
    """
    characters = find_characters(ink)
    if characters is None:
        return None
    along_x, along_y = (estimate_skew(characters.centers, characters.height, axis, max_degrees) for axis in (0, 1))
    clearer = along_x if along_x.contrast >= along_y.contrast else along_y
    degrees = clearer.degrees if clearer.contrast >= _CLEAR_CONTRAST else 0.0
    log_probabilities = engine(cut_patches(ink.measured, characters, degrees))
    neighbors = find_neighbors(characters.centers, characters.height)
    scores = combine_evidence(log_probabilities, compare_axes(neighbors.way @ build_turn(-degrees).T))
    return Look(scores, (along_x, along_y), ink, settings, characters, neighbors)


def combine_evidence(log_probabilities: Floats, neighbors: float) -> Doubles:
    """Return the log evidence for each turn, `(4,)`.

    Args:
        log_probabilities: `(N, 4)` of N patches.
        neighbors: Log ratio of characters with their nearest neighbor along x and along y.
    """
    for_x = _NEIGHBORS_WEIGHT * float(np.clip(neighbors, -_MAX_NEIGHBORS, _MAX_NEIGHBORS))
    for_turns = np.where(np.array(TURNS) % 180 == 0, for_x, -for_x)
    return np.asarray(log_probabilities.mean(axis=0, dtype=np.float64) + for_turns, np.float64)


def choose_turn(scores: Doubles) -> int:
    """Choose the turn of a page by the evidence `(4,)` for each: 0, 90, 180 or 270; not 0 only by a clear margin."""
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
    turn = build_turn(-degrees)
    origins = _choose_origins(characters.centers * scale @ turn.T)
    if scale >= 1.0:
        return np.stack([cut_patch(measured, np.hstack([turn * scale, -origin[:, None]])) for origin in origins])
    return np.stack([_cut_reduced_patch(measured, scale, turn, origin) for origin in origins])


def cut_patch(image: Pixels, matrix: Doubles) -> Pixels:
    """Cut one patch; `matrix` `(2, 3)` maps pixels of the image to pixels of the patch."""
    patch = cv2.warpAffine(image, matrix, (PATCH_PX, PATCH_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(patch, dtype=np.uint8)


def _cut_reduced_patch(measured: Pixels, scale: float, turn: Doubles, origin: Doubles) -> Pixels:
    """Cut one patch out of a page that is too large: sampling alone would skip pixels, so its part is reduced first."""
    corners = (np.array([[0, 0], [PATCH_PX, 0], [PATCH_PX, PATCH_PX], [0, PATCH_PX]]) + origin) @ turn / scale
    limits = measured.shape[1], measured.shape[0]
    low = np.clip(np.floor(corners.min(axis=0) - _PART_MARGIN_PX), 0, np.array(limits) - 1).astype(np.intp)
    high = np.clip(np.ceil(corners.max(axis=0) + _PART_MARGIN_PX), low + 1, limits).astype(np.intp)
    part = measured[low[1] : high[1], low[0] : high[0]]
    reduced = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cut_patch(np.asarray(reduced, np.uint8), np.column_stack([turn, turn @ (low * scale) - origin]))


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
