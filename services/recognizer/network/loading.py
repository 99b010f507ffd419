"""Load the released weights of the CRNN: as arrays, or into an engine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from services.recognizer.alphabet import Alphabet
from services.recognizer.network.architecture import Architecture
from services.recognizer.network.engine import Engine
from services.recognizer.settings import RecognizerSettings
from shared.arrays import NamedArrays
from shared.inference.engines import choose_engine
from shared.inference.weights import Manifest, parse_weights

NAME = "crnn"


class Weights(NamedTuple):
    """Released weights.

    Attributes:
        arrays: Arrays of the network by name.
        architecture: Shape of the network.
        alphabet: Characters of the network's classes.
        version: Version of the weights.
        ceilings: Largest output of each convolution, for int8; None if not measured.
    """

    arrays: NamedArrays
    architecture: Architecture
    alphabet: Alphabet
    version: str
    ceilings: tuple[float, ...] | None = None


def read_weights(folder: Path) -> Weights:
    """Read released weights.

    Raises:
        WeightsError: If they are missing, damaged or not for this version.
    """
    return parse_weights(folder, NAME, _parse)


def _parse(manifest: Manifest, arrays: NamedArrays) -> Weights:
    shape = {key: value for key, value in manifest.architecture.items() if key != "ceilings"}
    architecture = Architecture.from_dict(shape)
    alphabet = Alphabet(manifest.alphabet or "")
    if alphabet.classes != architecture.classes:
        raise ValueError(
            f"the alphabet has {alphabet.classes} classes, but the network has {architecture.classes}. "
            "The manifest contradicts itself."
        )
    return Weights(arrays, architecture, alphabet, manifest.version, manifest.ceilings)


def load_engine(weights: Weights, settings: RecognizerSettings) -> Engine:
    """Load weights into the engine that the settings and this machine call for.

    Raises:
        EngineError: If the requested library is not installed.
        WeightsError: If the weights do not fit the network.
        DeviceError: If the device is unknown or missing.
    """
    # Each library takes a second and 100 MB to import: import only the one that runs the network.
    if choose_engine(settings.engine, settings.device) == "openvino":
        from services.recognizer.network.openvino_engine import OpenVINOEngine

        return OpenVINOEngine(
            weights.arrays,
            weights.architecture,
            weights.ceilings,
            threads=settings.threads,
            precision=settings.precision,
        )
    from services.recognizer.network.torch_engine import TorchEngine

    return TorchEngine.load(weights.arrays, weights.architecture, settings)
