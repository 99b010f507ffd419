"""Average the weights of trainings with a common start ("model soups", Wortsman et al., arXiv:2203.05482).

Run `python -m services.recognizer.training.average --data DIR --photographs DIR --synthetic DIR --weights A B --export
FOLDER`. The preparation of shades is that of the last weights. The statistics of the batch normalizations are measured
again. `--reserve` makes rare characters as rare as they are in print, since synthetic receipts have many.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from services.recognizer.alphabet import FIRST_CHARACTERS, Alphabet
from services.recognizer.network.loading import NAME, read_weights
from services.recognizer.network.network import CRNN
from services.recognizer.network.torch_engine import build_network
from services.recognizer.settings import RecognizerSettings
from services.recognizer.training.evaluate import evaluate, select_measures
from services.recognizer.training.samples import Sample, build_batch, load_samples, plan_batches
from shared.inference.device import arrays_of, autocast
from shared.inference.weights import Manifest, read_manifest
from shared.learning.dataset import load_split
from shared.learning.release import save_measured_weights

# Batches for the statistics of the batch normalizations, and columns of each.
_BATCHES, _COLUMNS = 100, 8192
# Every eighth receipt is enough for the statistics, and fewer synthetic ones.
_RECEIPT_STEP, _SYNTHETIC_STEP = 8, 60


def average_weights(folders: Sequence[Path], samples: Sequence[Sample], *, reserve: float = 0.0, seed: int = 1) -> CRNN:
    """Average several released networks.

    Args:
        folders: Weights of the same architecture and alphabet.
        samples: Training segments for the statistics of the batch normalizations.
        reserve: Subtracted from the biases of the characters after `FIRST_CHARACTERS`; at 1.0, a network that is unsure
            prefers a plain letter unless an accent is 2.7 times as likely.
        seed: Random seed of order and wear of the samples.
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
    mean.classifier.bias.data[Alphabet(FIRST_CHARACTERS).classes :] -= reserve
    return _remeasure_batch_norm(mean, samples, np.random.default_rng(seed))


def _remeasure_batch_norm(network: CRNN, samples: Sequence[Sample], rng: np.random.Generator) -> CRNN:
    """Measure the statistics of the batch normalizations again, in place; return the network."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            # Plain mean over all batches.
            module.momentum = None
    network.train()
    plan = plan_batches(samples, network.architecture, columns=_COLUMNS, rng=rng)
    with torch.no_grad(), autocast(torch.device("cpu")):
        for indices in plan[:_BATCHES]:
            batch = build_batch([samples[i] for i in indices], network.architecture, rng=rng)
            if batch is not None:
                network(torch.from_numpy(batch.images))
    return network.eval()


def export(network: CRNN, folders: Sequence[Path], folder: Path, data: Path, *, reserve: float = 0.0) -> Manifest:
    """Write an average with its origin and its measures on the validation split of `data`."""
    manifests = [read_manifest(one, name=NAME) for one in folders]
    return save_measured_weights(
        folder,
        arrays_of(network.state_dict()),
        lambda: select_measures(evaluate(data, settings=RecognizerSettings(weights=folder))),
        name=NAME,
        architecture=network.architecture.to_dict(),
        alphabet=manifests[-1].alphabet,
        training={
            "average_of": [one.version for one in manifests],
            "command": "python -m services.recognizer.training.average --data DIR --photographs DIR --synthetic DIR"
            f" --weights A B --reserve {reserve:g}",
            "trainings": [one.training for one in manifests],
        },
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Average released weights of the recognizer.")
    parser.add_argument("--data", type=Path, required=True, help="data set in the layout of SROIE")
    parser.add_argument("--photographs", type=Path, help="data set in the layout of WildReceipt")
    parser.add_argument("--synthetic", type=Path, help="data set of synthetic receipts in the layout of SROIE")
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help="folders of the weights to average")
    parser.add_argument("--reserve", type=float, default=0.0, help="lowers the biases of further characters")
    parser.add_argument("--export", type=Path, required=True, help="folder for the average")
    options = parser.parse_args()
    alphabet = read_weights(options.weights[-1]).alphabet
    samples = load_samples(load_split(options.data, "train")[::_RECEIPT_STEP], alphabet, cased=False)
    for folder, step in ((options.photographs, _RECEIPT_STEP), (options.synthetic, _SYNTHETIC_STEP)):
        if folder is not None:
            samples += load_samples(load_split(folder, "train")[::step], alphabet, cased=True)
    network = average_weights(options.weights, samples, reserve=options.reserve)
    manifest = export(network, options.weights, options.export, options.data, reserve=options.reserve)
    print(manifest.version, manifest.measures)


if __name__ == "__main__":
    main()
