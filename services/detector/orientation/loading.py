"""Load the released weights of the orientation network into an engine."""

from __future__ import annotations

from services.detector.orientation.architecture import OrientationArchitecture
from services.detector.orientation.engine import OrientationEngine
from services.detector.settings import DetectorSettings
from shared.inference.engines import choose_engine
from shared.inference.weights import parse_weights

NAME = "orientation"


def load_orientation(settings: DetectorSettings) -> tuple[OrientationEngine, str]:
    """Load the weights into the engine that the settings and this machine call for.

    The network runs on the CPU, whatever the device: it takes a few milliseconds, and does not wait for a batch on the
    accelerator.

    Returns:
        The engine, and the version of the weights.

    Raises:
        WeightsError: If the weights are missing, damaged or not for this version.
        EngineError: If the requested library is not installed.
    """
    architecture, arrays, version = parse_weights(
        settings.orientation_weights,
        NAME,
        lambda manifest, arrays: (OrientationArchitecture.from_dict(manifest.architecture), arrays, manifest.version),
    )
    if choose_engine(settings.engine, settings.device) == "openvino":
        from services.detector.orientation.openvino_engine import OpenVINOOrientationEngine

        engine = OpenVINOOrientationEngine(arrays, architecture, threads=settings.threads, precision=settings.precision)
        return engine, version
    from services.detector.orientation.torch_engine import TorchOrientationEngine

    return TorchOrientationEngine.load(arrays, architecture, settings.precision), version
