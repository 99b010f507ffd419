"""Load the released weights of the CTPN: as arrays, or into an engine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from services.detector.joining import JoiningSettings
from services.detector.network.architecture import Architecture
from services.detector.network.engine import Engine
from services.detector.settings import DetectorSettings
from shared.arrays import NamedArrays
from shared.inference.engines import choose_engine
from shared.inference.weights import Manifest, parse_weights

NAME = "ctpn"


class Weights(NamedTuple):
    """Released weights.

    Attributes:
        arrays: Arrays of the network by name.
        architecture: Shape of the network.
        joining: Joining of proposals, fitted to the network.
        version: Version of the weights.
        ceilings: Largest output of each convolution, for int8; None if not measured.
    """

    arrays: NamedArrays
    architecture: Architecture
    joining: JoiningSettings
    version: str
    ceilings: tuple[float, ...] | None = None


def read_weights(folder: Path) -> Weights:
    """Read released weights.

    Raises:
        WeightsError: If they are missing, damaged or not for this version.
    """
    return parse_weights(folder, NAME, _parse)


def _parse(manifest: Manifest, arrays: NamedArrays) -> Weights:
    shape = {key: value for key, value in manifest.architecture.items() if key not in ("joining", "ceilings")}
    joining = manifest.architecture.get("joining")
    return Weights(
        arrays,
        Architecture.from_dict(shape),
        JoiningSettings() if joining is None else JoiningSettings.from_dict(joining),
        manifest.version,
        manifest.ceilings,
    )


def load_engine(weights: Weights, settings: DetectorSettings) -> Engine:
    """Load weights into the engine that the settings and this machine call for.

    Raises:
        EngineError: If the requested library is not installed.
        WeightsError: If the weights do not fit the network.
        DeviceError: If the device is unknown or missing.
    """
    # Each library takes a second and 100 MB to import: import only the one that runs the network.
    if choose_engine(settings.engine, settings.device) == "openvino":
        from services.detector.network.openvino_engine import OpenVINOEngine

        return OpenVINOEngine(
            weights.arrays,
            weights.architecture,
            weights.ceilings,
            threads=settings.threads,
            precision=settings.precision,
        )
    from services.detector.network.torch_engine import TorchEngine

    return TorchEngine.load(weights.arrays, weights.architecture, settings)
