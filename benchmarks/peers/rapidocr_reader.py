"""RapidOCR with ONNX Runtime, with the models of its wheel and its own defaults but for the number of threads."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from rapidocr import RapidOCR


class Reader:
    """Finds and reads text.

    Args:
        cores: Threads of a network.
    """

    def __init__(self, cores: int) -> None:
        threads = {"EngineConfig.onnxruntime.intra_op_num_threads": cores, "Global.log_level": "error"}
        self._engine = RapidOCR(params=threads)
        self.version = f"RapidOCR {version('rapidocr')}, ONNX Runtime {version('onnxruntime')}"

    def read(self, picture: bytes) -> list[Any]:
        """The lines of a picture."""
        found = self._engine(picture)
        if found.boxes is None:
            return []
        return [[box.tolist(), text] for box, text in zip(found.boxes, found.txts, strict=True)]

    def close(self) -> None:
        """Nothing to end."""
