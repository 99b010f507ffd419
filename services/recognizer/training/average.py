"""Average the weights of trainings that began alike, as if they were one network ("model soups", arXiv:2203.05482).

`python -m services.recognizer.training.average --data DIR --photographs DIR --weights A B --export FOLDER`. The last
of the
weights says how shades are prepared; the statistics of the batch normalizations are measured anew. Never imported by
code that serves requests.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from services.recognizer.network.loading import NAME, read_weights
from services.recognizer.network.network import CRNN
from services.recognizer.network.torch_engine import build_network
from services.recognizer.settings import RecognizerSettings
from services.recognizer.training.evaluate import evaluate
from services.recognizer.training.samples import Sample, load_samples, make_batch, plan_batches
from shared.inference.device import arrays_of, autocast
from shared.inference.weights import Manifest, load_weights, save_weights
from shared.learning.dataset import load_split

_BATCHES, _COLUMNS = 100, 8192
_EVERY = 8
"""Every so many receipts are enough for the statistics."""


def average(folders: Sequence[Path], samples: Sequence[Sample], seed: int = 1) -> CRNN:
    """The mean of several released networks.

    Args:
        folders: their weights, of one architecture and alphabet.
        samples: training segments, for the statistics of the batch normalizations.
        seed: of the order and the wear of the samples.
    """
    weights = [read_weights(folder) for folder in folders]
    networks = [build_network(one.arrays, one.architecture) for one in weights]
    states = [network.state_dict() for network in networks]
    mean = networks[-1]
    mean.load_state_dict(
        {
            name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
            for name, value in states[-1].items()
        }
    )
    return _measured_anew(mean, samples, np.random.default_rng(seed))


def _measured_anew(network: CRNN, samples: Sequence[Sample], rng: np.random.Generator) -> CRNN:
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over all batches
    network.train()
    sizes = network.architecture
    plan = plan_batches(samples, columns=_COLUMNS, height=sizes.height, stretch=sizes.width_stretch, rng=rng)
    with torch.no_grad(), autocast(torch.device("cpu")):
        for indices in plan[:_BATCHES]:
            chosen = [samples[i] for i in indices]
            batch = make_batch(chosen, height=sizes.height, stretch=sizes.width_stretch, rng=rng, leveled=sizes.leveled)
            if batch is not None:
                network(torch.from_numpy(batch.images))
    return network.eval()


def export(network: CRNN, folders: Sequence[Path], folder: Path, data: Path) -> Manifest:
    """Write an average with what it is made of and its measures on the validation split of `data`."""
    manifests = [load_weights(one, name=NAME)[0] for one in folders]
    measures: dict[str, float] = {}
    for _ in range(2):  # once to have something to measure, once more with the measures in the manifest
        manifest = save_weights(
            folder,
            arrays_of(network.state_dict()),
            name=NAME,
            architecture=network.architecture.to_dict(),
            alphabet=manifests[-1].alphabet,
            training={
                "average_of": [one.version for one in manifests],
                "command": "python -m services.recognizer.training.average --data DIR --photographs DIR --weights A B",
                "last": manifests[-1].training,
            },
            measures=measures,
        )
        if not measures:
            found = evaluate(data, settings=RecognizerSettings(weights=folder))
            measures = {f"given_boxes.{name}": round(found[name], 4) for name in ("precision", "recall", "f1", "cer")}
    return manifest


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Average released weights of the recognizer.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--weights", type=Path, nargs="+", required=True)
    parser.add_argument("--export", type=Path, required=True)
    options = parser.parse_args()
    alphabet = read_weights(options.weights[-1]).alphabet
    samples = load_samples(load_split(options.data, "train")[::_EVERY], alphabet, cased=False)
    if options.photographs is not None:
        samples += load_samples(load_split(options.photographs, "train")[::_EVERY], alphabet, cased=True)
    manifest = export(average(options.weights, samples), options.weights, options.export, options.data)
    print(manifest.version, manifest.measures)


if __name__ == "__main__":
    main()
