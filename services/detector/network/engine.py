"""What runs the CTPN below the predictor, and which library does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from services.detector.network.architecture import Architecture
from services.detector.settings import DetectorSettings
from shared.arrays import Floats, Pixels
from shared.inference.engines import choose_engine


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
    """What runs the network.

    Attributes:
        by_size: Whether pages of one size are computed together, so that a batch should hold no others.
    """

    by_size: bool

    def __call__(self, pages: Sequence[Pixels]) -> Iterator[Activations]:
        """Run pages, H x W gray (uint8) each; what is said of them comes in their order.

        One run has to end, or to be closed, before the next begins.
        """


def load_engine(
    arrays: Mapping[str, npt.NDArray[Any]],
    architecture: Architecture,
    settings: DetectorSettings,
    ceilings: Sequence[float] | None = None,
) -> Engine:
    """The engine that suits the settings and this machine, with the weights.

    Args:
        arrays: The weights.
        architecture: Of the network.
        settings: Library, device, precision and threads.
        ceilings: Of what the convolutions make, for int8; see `services.detector.training.quantize`.

    Raises:
        EngineError: If the library asked for is not there.
        WeightsError: If the weights do not fit.
        DeviceError: If the device is unknown or not there.
    """
    # Libraries are imported when they are needed: each takes a second and a hundred megabytes.
    if choose_engine(settings.engine, settings.device) == "openvino":
        from services.detector.network.openvino_engine import OpenVINOEngine

        return OpenVINOEngine(arrays, architecture, ceilings, threads=settings.threads, precision=settings.precision)
    from services.detector.network.torch_engine import TorchEngine

    return TorchEngine.load(arrays, architecture, settings)
