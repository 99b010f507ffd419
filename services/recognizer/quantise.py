"""Measures how large the values that the CRNN's convolutions make get, for computing them in int8.

`python -m services.recognizer.quantise --data DIR [--weights FOLDER]` runs them over the segments of training receipts
and writes the ceilings into the manifest of the weights; their hash and version stay. Never imported by code that
serves requests.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from services.recognizer.crops import cut
from services.recognizer.openvino_engine import CONVOLUTIONS, output_maxima
from services.recognizer.predictor import NAME, Predictor, read_weights
from services.recognizer.settings import WEIGHTS, RecognizerSettings
from shared.dataset import load_split
from shared.quantisation import keep_ceilings, measure_ceilings

_COUNT = 32


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure the ceilings that int8 needs; writes them into the manifest.")
    parser.add_argument("--data", type=Path, required=True, help="labelled receipts; the part `train` is used")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--count", type=int, default=_COUNT, help="receipts, spread over the part")
    options = parser.parse_args()
    receipts = load_split(options.data, "train")
    chosen = receipts[:: max(1, len(receipts) // options.count)][: options.count]
    predictor = Predictor.load(RecognizerSettings(weights=options.weights, precision="float32", language="off"))
    arrays = read_weights(options.weights).arrays
    ceilings = measure_ceilings(
        "CRNN",
        {name: value for name, value in arrays.items() if name.startswith(CONVOLUTIONS)},
        output_maxima,
        ((batch.pictures for batch in predictor.inputs(cut(receipt.image(), receipt.quads()))) for receipt in chosen),
    )
    keep_ceilings(options.weights, ceilings, name=NAME)
    print(ceilings)


if __name__ == "__main__":
    main()
