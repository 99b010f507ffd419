"""The detector without HTTP: pages in, text segments out."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from services.detector.ink import compute_ink_strength
from services.detector.joining import JoiningSettings, Segments, join_proposals
from services.detector.network.architecture import Architecture
from services.detector.network.engine import Activations, Engine
from services.detector.network.loading import load_engine, read_weights
from services.detector.orientation.engine import PATCH_PX, OrientationEngine
from services.detector.orientation.loading import load_orientation
from services.detector.orientation.straighten import clip_to_page
from services.detector.preparation import PreparationSettings, PreparedPage, prepare_area, prepare_page, rescale_page
from services.detector.proposals import decode_proposals, suppress_overlaps
from services.detector.quality import Scores, measure_page, score_empty_page, score_measures
from services.detector.separation import find_areas
from services.detector.settings import DetectorSettings
from shared.arrays import Floats, Pixels
from shared.contracts import Orientation, Rotation
from shared.inference.engines import describe_arithmetic
from shared.inference.processor import share_memory_arena

# Rows and columns of prepared pages, most common first: three fifths of the receipts of SROIE have one of these sizes.
COMMON_SIZES = tuple(product((896, 1024, 768), (448, 512, 384)))

# A page is scaled again if its text is larger or smaller than the working height by more than this factor.
_SCALE_TOLERANCE = 1.45
# Number of segments from which the height of the text is known.
_MIN_SEGMENTS = 3
# No further size is warmed up after this time.
_WARM_UP_S = 0.8
# Segments with a shorter side, in pixels of the page, are dropped.
_MIN_SIDE_PX = 2.0


@dataclass(frozen=True)
class Detection:
    """Text segments of a page.

    Attributes:
        quads: `(N, 4, 2)`, clockwise from the top left of the text, in pixels of the page as sent. They are on the
            page, except that slanted ones may reach over its edge by up to half their height.
        scores: `(N,)` probabilities of text.
        rotation: Degrees clockwise by which the text on the page is turned.
        areas: Outlines `(4, 2)` of separate receipts in pixels of the page as sent, and the probability of each; empty
            if there is only one.
        quality: What makes the page hard to read; None if that was not measured.
    """

    quads: Floats
    scores: Floats
    rotation: int = 0
    areas: tuple[tuple[Floats, float], ...] = ()
    quality: Scores | None = None

    @classmethod
    def empty(cls) -> Detection:
        """Return a detection without text."""
        return cls(np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32))


class Predictor:
    """Pre-processing, network and post-processing of the detector. Call `detect` and `predict` from one thread.

    Args:
        engine: Runs the network.
        architecture: Shape of the network, for its anchors.
        version: Version of the weights and of the settings that change answers.
        settings: Working height, limits and thresholds.
        joining: Settings of the joining of proposals, from the weights.
        orientation: Finds which way up a page is; without it, pages are assumed to be upright and straight.
    """

    def __init__(
        self,
        engine: Engine,
        architecture: Architecture,
        *,
        version: str,
        settings: DetectorSettings,
        joining: JoiningSettings | None = None,
        orientation: OrientationEngine | None = None,
    ) -> None:
        self._orientation = orientation
        self._default_orientation: Orientation = settings.orientation
        self._engine = engine
        self._anchor_heights = np.asarray(architecture.anchor_heights, np.float32)
        self._preparation = PreparationSettings(settings.text_height, settings.max_prepared_pixels)
        self._max_batch = settings.max_batch
        self._joining = joining or JoiningSettings()
        self.version = version

    @classmethod
    def load(cls, settings: DetectorSettings | None = None) -> Predictor:
        """Load the weights.

        Args:
            settings: Read from the environment by default.

        Raises:
            WeightsError: If weights are missing, damaged or not for this version.
            EngineError: If the requested library is not installed.
            DeviceError: If the device is unknown or missing.
        """
        settings = settings or DetectorSettings.from_environment()
        share_memory_arena()
        weights = read_weights(settings.weights)
        engine = load_engine(weights, settings)
        orientation, orientation_version = load_orientation(settings)
        # Everything that changes answers is part of the version, so that caches do not mix them.
        version = weights.version
        if settings.orientation == "auto":
            version += f"+{orientation_version}"
        is_quantized = weights.ceilings is not None
        version += f"+{describe_arithmetic(settings.engine, settings.device, settings.precision, is_quantized)}"
        return cls(
            engine,
            weights.architecture,
            version=version,
            settings=settings,
            joining=weights.joining,
            orientation=orientation,
        )

    def warm_up(self) -> None:
        """Run the networks once, so that the first requests do not pay for their setup.

        Each size of page needs its own setup, so the common sizes are run for up to a second.
        """
        start = time.perf_counter()
        for size in ((64, 64), *COMMON_SIZES):
            list(self._engine([np.full(size, 255, np.uint8)]))
            if time.perf_counter() - start > _WARM_UP_S:
                break
        if self._orientation is not None:
            self._orientation(np.full((1, PATCH_PX, PATCH_PX), 255, np.uint8))

    def prepare(
        self,
        image: npt.NDArray[Any],
        orientation: Orientation | None = None,
        rotation: Rotation | None = None,
        area: Floats | None = None,
    ) -> PreparedPage | None:
        """Straighten a page and scale it for the network. Thread-safe.

        Args:
            image: `(H, W)` gray or `(H, W, 3)` BGR, uint8.
            orientation: `auto`, or `upright` to leave the page as it is; the setting by default.
            rotation: Degrees clockwise by which the text is turned, if they are known.
            area: `(4, 2)` corners of the only part of the page to look at, which is one receipt; None for all of it.

        Returns:
            The page; None if nothing on it looks like text.
        """
        is_auto = (orientation or self._default_orientation) == "auto"
        engine = self._orientation if is_auto else None
        if area is None:
            return prepare_page(image, self._preparation, engine, rotation)
        return prepare_area(image, area, self._preparation, engine, rotation)

    def group(self, page: PreparedPage) -> Hashable:
        """Return the key that the pages of one batch share."""
        return page.size if self._engine.batches_by_size else None

    def detect(self, pages: Sequence[PreparedPage]) -> list[Detection]:
        """Find the text of prepared pages; a page whose text is far from the working height is run a second time."""
        by_index = dict(enumerate(pages))
        segments = dict(self._find_segments(by_index))
        rescaled = {
            index: rescale_page(page, factor, self._preparation)
            for index, page in by_index.items()
            if (factor := self._compute_rescale_factor(segments[index])) is not None
        }
        by_index |= rescaled
        segments |= self._find_segments(rescaled)
        return [self._place_on_page(by_index[index], segments[index]) for index in range(len(pages))]

    def predict(self, images: Sequence[npt.NDArray[Any]]) -> list[Detection]:
        """Find the text of pages.

        Args:
            images: `(H, W)` gray or `(H, W, 3)` BGR each, uint8.

        Returns:
            One detection per page, in order; a blank page has no segments.
        """
        prepared = [self.prepare(image) for image in images]
        detections = iter(self.detect([page for page in prepared if page is not None]))
        return [Detection.empty() if page is None else next(detections) for page in prepared]

    def _find_segments(self, pages: Mapping[int, PreparedPage]) -> Iterator[tuple[int, Segments]]:
        """Yield the segments of pages in their own pixels; one page is joined while the next is computed."""
        order = sorted(pages, key=lambda index: pages[index].size)
        for start in range(0, len(order), self._max_batch):
            batch = order[start : start + self._max_batch]
            activations = self._engine([pages[index].gray for index in batch])
            for index, activation in zip(batch, activations, strict=True):
                yield index, find_segments(pages[index].gray, activation, self._anchor_heights, self._joining)

    def _compute_rescale_factor(self, segments: Segments) -> float | None:
        """Return the factor by which to scale a page again; None if its text is near the working height."""
        if len(segments.scores) < _MIN_SEGMENTS:
            return None
        height = float(np.median(segments.quads[:, 3, 1] - segments.quads[:, 0, 1]))
        factor = self._preparation.text_height / max(height, 1.0)
        return None if 1 / _SCALE_TOLERANCE < factor < _SCALE_TOLERANCE else factor

    @staticmethod
    def _place_on_page(page: PreparedPage, segments: Segments) -> Detection:
        quads = page.map_to_page(segments.quads)
        measures = measure_page(page.gray, segments.quads, page.scale[1], quads, page.page_size)
        quality = score_empty_page(page.gray) if measures is None else score_measures(measures, page.rotation)
        areas = find_areas(page.gray, segments.quads) if page.may_separate else []
        limits = np.array(page.page_size, np.float32)
        outlines = tuple((page.map_to_page(one.outline).clip(0, limits), one.score) for one in areas)
        detection = Detection(quads, segments.scores, page.rotation, outlines, quality)
        return clip_detection(detection, page.page_size)


def clip_detection(detection: Detection, size: tuple[int, int]) -> Detection:
    """Clip a detection to a page of width x height pixels and drop segments without an area on it."""
    quads = clip_to_page(detection.quads, size)
    extent = quads.max(axis=1) - quads.min(axis=1)
    is_visible = (extent >= _MIN_SIDE_PX).all(axis=1)
    return replace(detection, quads=quads[is_visible], scores=detection.scores[is_visible])


def find_segments(gray: Pixels, activations: Activations, anchor_heights: Floats, joining: JoiningSettings) -> Segments:
    """Turn the activations of one page into segments.

    Args:
        gray: `(H, W)` pixels of the page.
        activations: Output of the network for the page.
        anchor_heights: `(k,)` heights of the anchors in pixels.
        joining: Settings of the joining of proposals.

    Returns:
        The segments in pixels of `gray`.
    """
    proposals = decode_proposals(*activations, anchor_heights, joining.min_probability)
    return join_proposals(suppress_overlaps(proposals, joining.suppression), compute_ink_strength(gray), joining)
