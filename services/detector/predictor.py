"""The detector without HTTP: pages in, text segments out."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from services.detector.preparation import PreparationSettings, PreparedPage, prepare_page, rescale_page
from services.detector.proposals import decode_proposals, suppress_overlaps
from services.detector.settings import DetectorSettings
from shared.arrays import Floats, Pixels
from shared.contracts import Orientation
from shared.inference.engines import arithmetic
from shared.inference.processor import share_memory_arena

#: A page is scaled anew if the text found is larger or smaller than the working height by more than this factor.
_SCALE_TOLERANCE = 1.45
#: Segments that tell enough of the text's height to scale a page anew.
_ENOUGH_SEGMENTS = 3
#: Rows and columns of prepared pages, the commonest first: three fifths of the receipts of SROIE have one of these.
COMMON_SIZES = tuple(product((896, 1024, 768), (448, 512, 384)))
#: Seconds after which no further size is run to warm up.
_WARM_UP_S = 0.8
#: Segments with a shorter side, in pixels of the page, are none.
_MIN_SIDE_PX = 2.0


@dataclass(frozen=True)
class Detection:
    """The text segments of a page.

    Attributes:
        quads: N x 4 x 2, clockwise from the top left of the text, in pixels of the page as it was sent. They lie on
            it; slanted ones may stand over its edge by up to half their height.
        scores: N probabilities of text.
        rotation: Degrees clockwise that the text was found turned by.
    """

    quads: Floats
    scores: Floats
    rotation: int = 0

    @classmethod
    def empty(cls) -> Detection:
        """No text."""
        return cls(np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32))


class Predictor:
    """Pre-processing, network and post-processing of the detector. Call `detect` and `predict` from one thread.

    Args:
        engine: Runs the network.
        architecture: Of the network, for its anchors.
        version: Of the weights, and what they are computed with.
        settings: Working height, limits and thresholds.
        joining: How proposals become segments; comes with the weights.
        orientation: Tells which way up a page is; without it pages are taken to be upright and straight.
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
        """Keep the parts."""
        self._orientation = orientation
        self._default_orientation: Orientation = settings.orientation
        self._engine = engine
        self._heights = np.asarray(architecture.anchor_heights, np.float32)
        self._preparation = PreparationSettings(settings.text_height, settings.max_prepared_pixels)
        self._max_batch = settings.max_batch
        self._joining = joining or JoiningSettings()
        self.version = version

    @classmethod
    def load(cls, settings: DetectorSettings | None = None) -> Predictor:
        """Load the weights.

        Raises:
            WeightsError: If they are missing, damaged or do not fit this code.
            EngineError: If the library that is to run the networks is not there.
        """
        settings = settings or DetectorSettings.from_environment()
        share_memory_arena()
        weights = read_weights(settings.weights)
        engine = load_engine(weights, settings)
        orientation, orientation_version = load_orientation(settings)
        version = weights.version
        if settings.orientation == "auto":  # other answers, so another version: caches must not mix them
            version = f"{version}+{orientation_version}"
        quantized = weights.ceilings is not None
        version += f"+{arithmetic(settings.engine, settings.device, settings.precision, quantized=quantized)}"
        return cls(
            engine,
            weights.architecture,
            version=version,
            settings=settings,
            joining=weights.joining,
            orientation=orientation,
        )

    def warm_up(self) -> None:
        """Run the networks, so that the first requests do not pay for their set-up.

        The common sizes are run in turn for up to a second, as each has its own.
        """
        begun = time.perf_counter()
        for size in ((64, 64), *COMMON_SIZES):
            list(self._engine([np.full(size, 255, np.uint8)]))
            if time.perf_counter() - begun > _WARM_UP_S:
                break
        if self._orientation is not None:
            self._orientation(np.full((1, PATCH_PX, PATCH_PX), 255, np.uint8))

    def prepare(self, image: npt.NDArray[Any], orientation: Orientation | None = None) -> PreparedPage | None:
        """Set a page straight and scale it for the network; None if nothing on it looks like text.

        Safe in any thread.

        Args:
            image: H x W, or H x W x 3 BGR, uint8.
            orientation: `auto`, or `upright` to take the page as it is; as the settings say if left out.
        """
        turned = (orientation or self._default_orientation) == "auto"
        return prepare_page(image, self._preparation, self._orientation if turned else None)

    def group(self, page: PreparedPage) -> Hashable:
        """What pages of one batch must have in common for this engine."""
        return page.size if self._engine.by_size else None

    def detect(self, pages: Sequence[PreparedPage]) -> list[Detection]:
        """Find the text of prepared pages; a page whose text is far from the working height is computed once more."""
        shown = dict(enumerate(pages))
        found = dict(self._find_segments(shown))
        again = {
            index: rescale_page(page, factor, self._preparation)
            for index, page in shown.items()
            if (factor := self._compute_rescale_factor(found[index])) is not None
        }
        shown |= again
        found |= self._find_segments(again)
        return [self._place_on_page(shown[index], found[index]) for index in range(len(pages))]

    def predict(self, images: Sequence[npt.NDArray[Any]]) -> list[Detection]:
        """Find the text of pages.

        Args:
            images: H x W, or H x W x 3 BGR, each, uint8.

        Returns:
            One detection a page, in order; a blank page has no segments.
        """
        prepared = [self.prepare(image) for image in images]
        found = iter(self.detect([page for page in prepared if page is not None]))
        return [Detection.empty() if page is None else next(found) for page in prepared]

    def _find_segments(self, pages: Mapping[int, PreparedPage]) -> Iterator[tuple[int, Segments]]:
        """The segments of pages in their own pixels; one page's are joined while the next page is computed."""
        order = sorted(pages, key=lambda index: pages[index].size)
        for start in range(0, len(order), self._max_batch):
            chosen = order[start : start + self._max_batch]
            activations = self._engine([pages[index].gray for index in chosen])
            for index, activation in zip(chosen, activations, strict=True):
                yield index, find_segments(pages[index].gray, activation, self._heights, self._joining)

    def _compute_rescale_factor(self, segments: Segments) -> float | None:
        """By what to scale a page anew whose text turned out far from the working height; None if it did not."""
        if len(segments.scores) < _ENOUGH_SEGMENTS:
            return None
        height = float(np.median(segments.quads[:, 3, 1] - segments.quads[:, 0, 1]))
        factor = self._preparation.text_height / max(height, 1.0)
        return None if 1 / _SCALE_TOLERANCE < factor < _SCALE_TOLERANCE else factor

    @staticmethod
    def _place_on_page(page: PreparedPage, segments: Segments) -> Detection:
        detection = Detection(page.map_to_page(segments.quads), segments.scores, page.rotation)
        return clip_detection(detection, page.page_size)


def clip_detection(detection: Detection, size: tuple[int, int]) -> Detection:
    """A detection cut to a page of width x height pixels; what has no area left there is dropped."""
    quads = clip_to_page(detection.quads, size)
    extent = quads.max(axis=1) - quads.min(axis=1)
    kept = (extent >= _MIN_SIDE_PX).all(axis=1)
    return Detection(quads[kept], detection.scores[kept], detection.rotation)


def find_segments(gray: Pixels, activations: Activations, anchor_heights: Floats, joining: JoiningSettings) -> Segments:
    """Post-processing of one page: what the network says of it, and its pixels, to segments in these pixels."""
    proposals = decode_proposals(*activations, anchor_heights, joining.min_probability)
    return join_proposals(suppress_overlaps(proposals, joining.suppression), compute_ink_strength(gray), joining)
