"""Measure the ranges of the convolutions of the CRNN for int8.

Run `python -m services.recognizer.training.quantize --data DIR [--weights FOLDER]` to run the network over segments of
training receipts and write the ceilings into the manifest; see `shared.learning.quantization`. The hash of the tensors
stays.
"""

from __future__ import annotations

from services.recognizer.crops import cut_segments
from services.recognizer.network.loading import NAME, read_weights
from services.recognizer.network.openvino_engine import CONVOLUTIONS, build_maxima
from services.recognizer.predictor import Predictor
from services.recognizer.settings import WEIGHTS, RecognizerSettings
from shared.learning.quantization import measure_ceilings, parse_options
from shared.learning.release import update_manifest


def main() -> None:
    """Run the command line."""
    weights, receipts = parse_options(WEIGHTS)
    predictor = Predictor.load(RecognizerSettings(weights=weights, precision="float32", language="off"))
    arrays = read_weights(weights).arrays
    crops = (cut_segments(receipt.read_image(), receipt.quads) for receipt in receipts)
    ceilings = measure_ceilings(
        "CRNN",
        {name: value for name, value in arrays.items() if name.startswith(CONVOLUTIONS)},
        build_maxima,
        ((batch.pictures for batch in predictor.prepare_batches(of_receipt)) for of_receipt in crops),
    )
    update_manifest(weights, name=NAME, architecture={"ceilings": ceilings})
    print(ceilings)


if __name__ == "__main__":
    main()
