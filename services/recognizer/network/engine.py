"""What runs the CRNN below the predictor, and which library does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from services.recognizer.network.architecture import Architecture
from services.recognizer.settings import RecognizerSettings
from shared.arrays import Floats
from shared.inference.engines import choose_engine


class Batch(NamedTuple):
    """Pictures of one size.

    Attributes:
        pictures: `(N, 1, H, W)` float32.
        frames: of each picture, how many of its `W / 4` frames hold text; behind them is padding.
    """

    pictures: Floats
    frames: Sequence[int]


class Engine(Protocol):
    """What runs the network: batches to `(N, T, classes)` float32 logits, which mean nothing in frames of padding."""

    def __call__(self, batches: Iterable[Batch]) -> Iterator[Floats]:
        """Run batches; the results come in their order, and some may be computed while others are used."""


def load_engine(
    arrays: Mapping[str, NDArray[Any]],
    architecture: Architecture,
    settings: RecognizerSettings,
    ceilings: Sequence[float] | None = None,
) -> Engine:
    """The engine that suits the settings and this machine, with the weights.

    Args:
        arrays: the weights.
        architecture: of the network.
        settings: library, device, precision and threads.
        ceilings: of what the convolutions make, for int8; see `services.recognizer.training.quantize`.

    Raises:
        EngineError: if the library asked for is not there.
        WeightsError: if the weights do not fit.
        DeviceError: if the device is unknown or not there.
    """
    # Libraries are imported when they are needed: each takes a second and a hundred megabytes.
    if choose_engine(settings.engine, settings.device) == "openvino":
        from services.recognizer.network.openvino_engine import OpenVINOEngine

        return OpenVINOEngine(arrays, architecture, ceilings, threads=settings.threads, precision=settings.precision)
    from services.recognizer.network.torch_engine import TorchEngine

    return TorchEngine.load(arrays, architecture, settings)
