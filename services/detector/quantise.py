"""Measures how large the values that the CTPN's convolutions make get, for computing them in int8.

`python -m services.detector.quantise --data DIR [--weights FOLDER]` runs the network over training receipts and writes
the ceilings into the manifest of the weights; their hash and version stay. A ceiling, above which values are cut off,
is the mean over pages of each page's largest. Never imported by code that serves requests.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from services.detector.openvino_engine import output_maxima
from services.detector.predictor import NAME, Predictor, read_weights
from services.detector.settings import WEIGHTS, DetectorSettings
from shared.dataset import load_split
from shared.quantisation import keep_ceilings, measure_ceilings

_COUNT = 32
_CONVOLUTIONS = ("trunk.", "window.")


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
    arrays = read_weights(options.weights).arrays
    ceilings = measure_ceilings(
        "CTPN",
        {name: value for name, value in arrays.items() if name.startswith(_CONVOLUTIONS)},
        output_maxima,
        ([page.grey[None]] for page in prepared if page is not None),
    )
    keep_ceilings(options.weights, ceilings, name=NAME)
    print(ceilings)


if __name__ == "__main__":
    main()
