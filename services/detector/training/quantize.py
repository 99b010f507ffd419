"""Measure the ranges of the convolutions of the CTPN for int8.

Run `python -m services.detector.training.quantize --data DIR [--weights FOLDER]` to run the network over training
receipts and write the ceilings into the manifest; see `shared.learning.quantization`. The hash of the tensors stays.
"""

from __future__ import annotations

from services.detector.network.loading import NAME, read_weights
from services.detector.network.openvino_engine import build_maxima
from services.detector.predictor import Predictor
from services.detector.settings import WEIGHTS, DetectorSettings
from shared.learning.quantization import measure_ceilings, parse_options
from shared.learning.release import update_manifest

_CONVOLUTIONS = ("trunk.", "window.")


def main() -> None:
    """Run the command line."""
    weights, receipts = parse_options(WEIGHTS)
    predictor = Predictor.load(DetectorSettings(weights=weights, precision="float32"))
    prepared = [predictor.prepare(receipt.read_image()) for receipt in receipts]
    arrays = read_weights(weights).arrays
    ceilings = measure_ceilings(
        "CTPN",
        {name: value for name, value in arrays.items() if name.startswith(_CONVOLUTIONS)},
        build_maxima,
        ([page.gray[None]] for page in prepared if page is not None),
    )
    update_manifest(weights, name=NAME, architecture={"ceilings": ceilings})
    print(ceilings)


if __name__ == "__main__":
    main()
