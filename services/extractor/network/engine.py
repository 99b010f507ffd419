"""What runs the character LSTM below the predictor, and which library does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from services.extractor.encoding import Document
from services.extractor.network.architecture import CLASSES, Architecture
from services.extractor.settings import ExtractorSettings
from shared.arrays import Floats
from shared.inference.engines import choose_engine


class Engine(Protocol):
    """What runs the network: documents, none of them empty, to one (T, 5) array of probabilities each."""

    def __call__(self, documents: Sequence[Document]) -> list[Floats]:
        """Run one batch."""


def load_engine(
    arrays: Mapping[str, npt.NDArray[Any]], architecture: Architecture, settings: ExtractorSettings
) -> Engine:
    """The engine that suits the settings and this machine, with the weights.

    Raises:
        EngineError: If the library asked for is not there.
        WeightsError: If the weights do not fit.
        DeviceError: If the device is unknown or not there.
    """
    # Libraries are imported when they are needed: each takes a second and a hundred megabytes.
    if choose_engine(settings.engine, settings.device) == "openvino":
        from services.extractor.network.openvino_engine import OpenVINOEngine

        return OpenVINOEngine(arrays, architecture, precision=settings.precision)
    from services.extractor.network.torch_engine import TorchEngine

    return TorchEngine.load(arrays, architecture, settings)


def probabilities(engine: Engine, documents: Sequence[Document]) -> list[Floats]:
    """The probability of each class for each character: one (T, 5) array a document, rows sum to 1; T may be 0."""
    filled = [document for document in documents if len(document.text)]
    found = iter(engine(filled) if filled else [])
    empty = np.zeros((0, len(CLASSES)), np.float32)
    return [next(found) if len(document.text) else empty for document in documents]
