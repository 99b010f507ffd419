"""Load the released weights of the character LSTM: as arrays, or into an engine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from services.extractor.encoding import ALPHABET
from services.extractor.network.architecture import Architecture
from services.extractor.network.engine import Engine
from services.extractor.scoring import Scoring
from services.extractor.settings import ExtractorSettings
from shared.arrays import NamedArrays
from shared.inference.engines import choose_engine
from shared.inference.weights import Manifest, parse_weights

NAME = "charlstm"


class Weights(NamedTuple):
    """Released weights.

    Attributes:
        arrays: Arrays of the network by name.
        architecture: Shape of the network.
        scoring: Scoring of fields, fitted to the network.
        version: Version of the weights.
    """

    arrays: NamedArrays
    architecture: Architecture
    scoring: Scoring
    version: str


def read_weights(folder: Path) -> Weights:
    """Read released weights.

    Raises:
        WeightsError: If they are missing, damaged or not for this version.
    """
    return parse_weights(folder, NAME, _parse)


def _parse(manifest: Manifest, arrays: NamedArrays) -> Weights:
    if manifest.alphabet != ALPHABET:
        raise ValueError("they use another alphabet. Train and export them again.")
    architecture = Architecture.from_dict(manifest.architecture["network"])
    scoring = Scoring.model_validate(manifest.architecture["scoring"])
    return Weights(arrays, architecture, scoring, manifest.version)


def load_engine(weights: Weights, settings: ExtractorSettings) -> Engine:
    """Load weights into the engine that the settings and this machine call for.

    Raises:
        EngineError: If the requested library is not installed.
        WeightsError: If the weights do not fit the network.
        DeviceError: If the device is unknown or missing.
    """
    # Each library takes a second and 100 MB to import: import only the one that runs the network.
    if choose_engine(settings.engine, settings.device) == "openvino":
        from services.extractor.network.openvino_engine import OpenVINOEngine

        return OpenVINOEngine(
            weights.arrays, weights.architecture, threads=settings.threads, precision=settings.precision
        )
    from services.extractor.network.torch_engine import TorchEngine

    return TorchEngine.load(weights.arrays, weights.architecture, settings)
