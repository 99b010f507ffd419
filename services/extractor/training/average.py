"""Average weights of trainings with a common start ("model soups", Wortsman et al., 2022, arXiv:2203.05482).

`python -m services.extractor.training.average --data DIR --weights A B --export FOLDER` keeps the scoring of the first
weights. Serving code never imports this module.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.extractor.network.loading import NAME
from services.extractor.predictor import Predictor
from services.extractor.settings import ExtractorSettings
from services.extractor.training.evaluate import evaluate
from shared.inference.weights import Manifest, WeightsError, load_weights, save_weights


def average(folders: Sequence[Path], export: Path, data: Path) -> Manifest:
    """Write the plain mean of several weights, with its measures on the validation split of `data`.

    Args:
        folders: Folders of weights of one architecture.
        export: Output folder.
        data: Dataset in the layout of SROIE.

    Returns:
        The manifest written.

    Raises:
        WeightsError: If weights are missing, damaged or of different architectures.
    """
    manifests, arrays = zip(*(load_weights(folder, name=NAME) for folder in folders), strict=True)
    for folder, manifest in zip(folders, manifests, strict=True):
        if manifest.architecture["network"] != manifests[0].architecture["network"]:
            raise WeightsError(f"{folder} and {folders[0]} have different architectures and cannot be averaged")
    mean = {key: np.mean([one[key].astype(np.float32) for one in arrays], axis=0) for key in arrays[0]}
    measures: dict[str, object] = {}
    # The first pass writes the weights to measure, the second adds the measures to the manifest.
    for _ in range(2):
        written = save_weights(
            export,
            mean,
            name=NAME,
            architecture=manifests[0].architecture,
            alphabet=manifests[0].alphabet,
            training={
                **manifests[-1].training,
                "average_of": [one.version for one in manifests],
                "command": "python -m services.extractor.training.average --data DIR --weights A B --export FOLDER",
                "scoring": manifests[0].training.get("scoring"),
            },
            measures=measures,
        )
        if not measures:
            settings = ExtractorSettings(weights=export).for_measurement()
            measures = {"validation, given text": evaluate(Predictor.load(settings), data)}
    return written


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Average weights of the extractor.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, nargs="+", required=True)
    parser.add_argument("--export", type=Path, required=True)
    options = parser.parse_args()
    manifest = average(options.weights, options.export, options.data)
    print(manifest.version, manifest.measures)


if __name__ == "__main__":
    main()
