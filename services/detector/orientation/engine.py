"""What runs the network that tells which way up a page is, and which library does."""

from __future__ import annotations

from services.detector.orientation.architecture import OrientationArchitecture
from services.detector.orientation.pose import OrientationEngine
from services.detector.settings import DetectorSettings
from shared.inference.engines import choose_engine
from shared.inference.weights import parse_weights

NAME = "orientation"


def load_orientation(settings: DetectorSettings) -> tuple[OrientationEngine, str]:
    """The engine that suits the settings and this machine, and the version of its weights.

    It runs on the processor, whatever the device: it takes a few milliseconds, and does not wait for a batch on the
    accelerator.

    Raises:
        WeightsError: If they are missing, damaged or do not fit this code.
        EngineError: If the library asked for is not there.
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
