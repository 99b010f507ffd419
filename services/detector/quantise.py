"""Measures how large the values that the CTPN's convolutions make get, for computing them in int8.

`python -m services.detector.quantise --data DIR [--weights FOLDER]` runs the network over training receipts and writes
the ceilings into the manifest of the weights; their hash and version stay. A ceiling, above which values are cut off,
is the mean over pages of each page's largest. Never imported by code that serves requests.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.detector.openvino_engine import output_maxima
from services.detector.predictor import NAME, Predictor, read_weights
from services.detector.settings import WEIGHTS, DetectorSettings
from shared import graphs
from shared.dataset import load_split
from shared.weights import MANIFEST_FILE, read_manifest

_COUNT = 32
_CONVOLUTIONS = ("trunk.", "window.")


def measure(weights: Path, pages: Sequence[npt.NDArray[np.uint8]]) -> list[float]:
    """The ceiling of what each convolution but the last makes.

    Args:
        weights: Folder of released weights.
        pages: H x W each, prepared for the network.
    """
    arrays = {name: value for name, value in read_weights(weights).arrays.items() if name.startswith(_CONVOLUTIONS)}
    compiled = graphs.compile_network("CTPN", arrays, output_maxima, threads=None, precision="float32")
    request = compiled.create_infer_request()
    largest: list[list[Any]] = []
    for page in pages:
        results = request.infer([page[None]])
        largest.append([float(results[index]) for index in range(len(results))])
    return [round(float(value), 3) for value in np.mean(largest, axis=0)]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure the ceilings that int8 needs; writes them into the manifest.")
    parser.add_argument("--data", type=Path, required=True, help="labelled receipts; the part `train` is used")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--count", type=int, default=_COUNT, help="receipts, spread over the part")
    options = parser.parse_args()
    receipts = load_split(options.data, "train")
    predictor = Predictor.load(DetectorSettings(weights=options.weights, precision="float32"))
    chosen = receipts[:: max(1, len(receipts) // options.count)][: options.count]
    prepared = [predictor.prepare(receipt.image()) for receipt in chosen]
    ceilings = measure(options.weights, [page.grey for page in prepared if page is not None])
    manifest = read_manifest(options.weights, name=NAME)
    manifest = manifest.model_copy(update={"architecture": {**manifest.architecture, "ceilings": ceilings}})
    (options.weights / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    print(ceilings)


if __name__ == "__main__":
    main()
