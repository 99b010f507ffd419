"""The detector without HTTP: pages in, text segments out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from services.detector.ink import ink_strength
from services.detector.joining import JoiningSettings, Segments, join
from services.detector.network import CTPN, Architecture, normalise
from services.detector.orientation.network import TorchOrientationEngine
from services.detector.orientation.pose import PATCH, OrientationEngine
from services.detector.orientation.straighten import cut_to_page
from services.detector.preparation import PreparationSettings, PreparedPage, prepare, scale_again
from services.detector.proposals import decode_proposals, suppress
from services.detector.settings import DetectorSettings
from shared.contracts import Orientation
from shared.device import autocast, inference_dtype, select_device, set_threads, share_memory_arena
from shared.weights import WeightsError, load_into, load_weights

NAME = "ctpn"
Floats = npt.NDArray[np.float32]

#: A page is scaled anew if the text found is larger or smaller than the working height by more than this factor.
_SCALE_TOLERANCE = 1.45
#: Segments that tell enough of the text's height to scale a page anew.
_ENOUGH_SEGMENTS = 3
#: Segments with a shorter side, in pixels of the page, are none.
_LEAST_SIDE = 2.0


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


class Activations(NamedTuple):
    """What the network says of one page of R x C cells with k anchors, float32.

    Attributes:
        probability: R x C x k probabilities of text.
        vertical: R x C x k x 2 vertical coordinates.
        side: R x C x k side ramps.
    """

    probability: Floats
    vertical: Floats
    side: Floats


class Engine(Protocol):
    """What runs the network: N x H x W grey pages (uint8) to N activations."""

    def __call__(self, pages: npt.NDArray[np.uint8]) -> list[Activations]:
        """Run one batch."""


class TorchEngine:
    """Runs the network with torch, in bfloat16 where the hardware multiplies it.

    Args:
        network: Moved to the device.
        device: Where to run.
    """

    def __init__(self, network: CTPN, device: torch.device) -> None:
        """Put the network on the device, channels last."""
        self._device = device
        self._network = network.eval().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        dtype = inference_dtype(device)  # kept in it, the weights are not cast at every run
        network.trunk.to(dtype)
        network.window.to(dtype)

    @torch.inference_mode()
    def __call__(self, pages: npt.NDArray[np.uint8]) -> list[Activations]:
        """Run one batch."""
        with autocast(self._device):
            output = self._network(normalise(torch.from_numpy(pages).to(self._device)))
        probability = torch.softmax(output.scores, dim=-1)[..., 1]
        parts = (value.float().cpu().numpy() for value in (probability, output.vertical, output.side))
        return [Activations(*page) for page in zip(*parts, strict=True)]


class Predictor:
    """Pre-processing, network and post-processing of the detector. Call `detect` and `predict` from one thread.

    Args:
        engine: Runs the network.
        architecture: Of the network, for its anchors.
        version: Of the weights.
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
        self._preparation = PreparationSettings(settings.text_height, settings.size_step, settings.max_prepared_pixels)
        self._max_batch = settings.max_batch
        self._joining = joining or JoiningSettings()
        self.version = version

    @classmethod
    def load(cls, settings: DetectorSettings | None = None) -> Predictor:
        """Load the weights.

        Raises:
            WeightsError: If they are missing, damaged or do not fit this code.
        """
        settings = settings or DetectorSettings.from_environment()
        set_threads(settings.threads)
        share_memory_arena()
        network, joining, version = load_network(settings.weights)
        engine = TorchEngine(network, select_device(settings.device))
        orientation = TorchOrientationEngine.load(settings.orientation_weights)
        if settings.orientation == "auto":  # other answers, so another version: caches must not mix them
            version = f"{version}+{orientation.version}"
        return cls(
            engine,
            network.architecture,
            version=version,
            settings=settings,
            joining=joining,
            orientation=orientation,
        )

    def warm_up(self) -> None:
        """Run the network once, so that the first request does not pay for its set-up."""
        side = max(64, self._preparation.size_step)
        self._engine(np.full((1, side, side), 255, np.uint8))
        if self._orientation is not None:
            self._orientation(np.full((1, PATCH, PATCH), 255, np.uint8))

    def prepare(self, image: npt.NDArray[Any], orientation: Orientation | None = None) -> PreparedPage | None:
        """Set a page straight and scale it for the network; None if nothing on it looks like text.

        Safe in any thread.

        Args:
            image: H x W x 3, BGR, uint8.
            orientation: `auto`, or `upright` to take the page as it is; as the settings say if left out.
        """
        turned = (orientation or self._default_orientation) == "auto"
        return prepare(image, self._preparation, self._orientation if turned else None)

    def detect(self, pages: Sequence[PreparedPage]) -> list[Detection]:
        """Find the text of prepared pages; pages of one padded size are computed together."""
        results = [Detection.empty()] * len(pages)
        sizes: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, page in enumerate(pages):
            sizes[page.size].append(index)
        for indices in sizes.values():
            for start in range(0, len(indices), self._max_batch):
                chosen = indices[start : start + self._max_batch]
                activations = self._engine(np.stack([pages[index].grey for index in chosen]))
                for index, activation in zip(chosen, activations, strict=True):
                    results[index] = self._finish(pages[index], activation)
        return results

    def predict(self, images: Sequence[npt.NDArray[Any]]) -> list[Detection]:
        """Find the text of pages.

        Args:
            images: H x W x 3 each, BGR, uint8.

        Returns:
            One detection a page, in order; a blank page has no segments.
        """
        prepared = [self.prepare(image) for image in images]
        found = iter(self.detect([page for page in prepared if page is not None]))
        return [Detection.empty() if page is None else next(found) for page in prepared]

    def _finish(self, page: PreparedPage, activations: Activations) -> Detection:
        """Post-processing; a page whose text turns out far from the working height is scaled and computed once more."""
        segments = self._segments(page, activations)
        if len(segments.scores) >= _ENOUGH_SEGMENTS:
            height = float(np.median(segments.quads[:, 3, 1] - segments.quads[:, 0, 1]))
            factor = self._preparation.text_height / max(height, 1.0)
            if not 1 / _SCALE_TOLERANCE < factor < _SCALE_TOLERANCE:
                page = scale_again(page, factor, self._preparation)
                segments = self._segments(page, self._engine(page.grey[None])[0])
        return on_page(Detection(page.to_page(segments.quads), segments.scores, page.rotation), page.page_size)

    def _segments(self, page: PreparedPage, activations: Activations) -> Segments:
        return find_segments(page.grey, activations, self._heights, self._joining)


def on_page(detection: Detection, size: tuple[int, int]) -> Detection:
    """A detection cut to a page of width x height pixels; what has no area left there is dropped."""
    quads = cut_to_page(detection.quads, size)
    extent = quads.max(axis=1) - quads.min(axis=1)
    kept = (extent >= _LEAST_SIDE).all(axis=1)
    return Detection(quads[kept], detection.scores[kept], detection.rotation)


def find_segments(
    grey: npt.NDArray[np.uint8], activations: Activations, anchor_heights: Floats, joining: JoiningSettings
) -> Segments:
    """Post-processing of one page: what the network says of it, and its pixels, to segments in these pixels."""
    proposals = decode_proposals(*activations, anchor_heights, joining.least_probability)
    return join(suppress(proposals, joining.suppression), ink_strength(grey), joining)


def load_network(folder: Path) -> tuple[CTPN, JoiningSettings, str]:
    """Build the network from its weights; returns it with the joining fitted to it and the weights' version.

    Raises:
        WeightsError: If the weights are missing, damaged or do not fit this code.
    """
    manifest, tensors = load_weights(folder, name=NAME)
    try:
        shape = dict(manifest.architecture)
        fitted = shape.pop("joining", None)
        architecture = Architecture.from_dict(shape)
        joining = JoiningSettings() if fitted is None else JoiningSettings.from_dict(fitted)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"The manifest in {folder} does not describe a network known here: {error}") from error
    network = CTPN(architecture)
    load_into(network, tensors)
    return network, joining, manifest.version
