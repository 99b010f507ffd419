"""RapidOCR with the models of its wheel and its defaults, except for the engine and the number of threads."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from rapidocr import EngineType, RapidOCR

# Distribution and name of each engine, and RapidOCR's setting for its threads.
_ENGINES = {
    "onnxruntime": ("onnxruntime", "ONNX Runtime", "intra_op_num_threads"),
    "openvino": ("openvino", "OpenVINO", "inference_num_threads"),
}


class Reader:
    """Finds and reads text.

    Args:
        cores: Threads per network.
        engine: Engine of the networks, `onnxruntime` or `openvino`.
    """

    def __init__(self, cores: int, engine: str = "onnxruntime") -> None:
        distribution, name, threads = _ENGINES[engine]
        settings: dict[str, Any] = {f"EngineConfig.{engine}.{threads}": cores, "Global.log_level": "error"}
        settings |= {f"{network}.engine_type": EngineType(engine) for network in ("Det", "Cls", "Rec")}
        self._engine = RapidOCR(params=settings)
        self.version = f"RapidOCR {version('rapidocr')}, {name} {version(distribution).split('-')[0]}"

    def read(self, picture: bytes) -> list[Any]:
        """Return the quads and texts of a picture."""
        found = self._engine(picture)
        if found.boxes is None:
            return []
        return [[box.tolist(), text] for box, text in zip(found.boxes, found.txts, strict=True)]

    def close(self) -> None:
        """Do nothing."""
