"""Fit the scoring on all training receipts, each read by a network that was not trained on it.

Run `python -m services.extractor.training.crossfit --data DIR --photographs DIR --runs runs/fold-0 runs/fold-1
runs/fold-2 --weights FOLDER --export FOLDER` after trainings with `--held-out SHARE --fold 0`, `--fold 1` and so on.
With `--folds 3`, fewer of the three runs are enough. The network's weights do not change. The probabilities of each
run are kept in its folder, so fitting again takes minutes. Serving code never imports this module.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from services.extractor.encoding import FEATURES
from services.extractor.network.architecture import Architecture
from services.extractor.network.classes import CLASSES
from services.extractor.network.loading import NAME
from services.extractor.network.network import CharacterLSTM
from services.extractor.network.openvino_engine import OpenVINOEngine
from services.extractor.predictor import Predictor
from services.extractor.settings import ExtractorSettings
from services.extractor.training.evaluate import evaluate
from services.extractor.training.fitting import HeldOut, fit, hold_out
from services.extractor.training.labeling.readings import Reading, load_readings
from services.extractor.training.merchants import build_directory
from services.extractor.training.scoring.kept import KeptProbabilities
from services.extractor.training.train import split_held_out
from shared.inference.device import arrays_of, set_threads
from shared.inference.weights import load_weights, save_weights
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt
from shared.learning.training import ExponentialMovingAverage, TrainingRun


def crossfit(
    data: Path,
    runs: Sequence[Path],
    weights: Path,
    export: Path,
    *,
    photographs: Path | None = None,
    readings: Sequence[Path] = (),
    hidden: int = Architecture.hidden,
    folds: int | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Fit the scoring, write it with the weights, and return the measures on the validation split.

    Args:
        data: Dataset in the layout of SROIE that the runs were trained on.
        runs: Run folder of each fold, from 0 on.
        weights: Folder of the weights that the scoring is for.
        export: Output folder.
        photographs: Dataset in the layout of WildReceipt that they were trained on, or None.
        readings: Files with readings of the receipts (`services.extractor.training.labeling.readings`).
        hidden: Units per LSTM direction in the networks of the runs.
        folds: Number of folds that the receipts were divided into; None if there is a run of each.
        threads: CPU threads; None for all.
    """
    set_threads(threads)
    datasets = [load_split(folder, "train") for folder in (data, photographs) if folder]
    read = [load_readings(path) for path in readings]
    parts = [_held_out(run, fold, folds or len(runs), datasets, read, hidden) for fold, run in enumerate(runs)]
    scoring, trust = fit(parts)
    count = len({receipt.key for part in parts for receipt in part.receipts})
    manifest, tensors = load_weights(weights, name=NAME)
    # The other measures are of the network alone.
    measures = dict(manifest.measures)
    # The first pass writes the weights to measure, the second adds the measures to the manifest.
    for is_measured in (False, True):
        save_weights(
            export,
            tensors,
            name=NAME,
            architecture={**manifest.architecture, "scoring": scoring.model_dump(mode="json")},
            alphabet=manifest.alphabet,
            training={**manifest.training, "scoring": f"fitted on {count} receipts in {len(runs)} folds"},
            measures=measures,
            created=manifest.created,
        )
        if not is_measured:
            settings = ExtractorSettings(weights=export, threads=threads)
            measures |= {
                "validation, given text": evaluate(Predictor.load(settings.for_measurement()), data),
                "trust, companies held out": trust,
            }
    return measures


def _held_out(
    run: Path,
    fold: int,
    folds: int,
    datasets: Sequence[Sequence[LabeledReceipt]],
    readings: Sequence[Mapping[str, Reading]],
    hidden: int,
) -> HeldOut:
    """Run the network of one fold over the receipts held out of it."""
    architecture = Architecture(hidden=hidden, features=len(FEATURES), classes=CLASSES, item_starts=True)
    network = CharacterLSTM(architecture)
    average = ExponentialMovingAverage(network, 0.99)
    optimizer = torch.optim.AdamW(network.parameters())
    if TrainingRun(run, fold).resume(model=network, optimizer=optimizer, average=average) is None:
        raise FileNotFoundError(f"{run} has no checkpoint. Train with --held-out {1 / folds:.4f} --fold {fold} first.")
    network.load_state_dict(average.state_dict())
    arrays = arrays_of(network.state_dict())
    digest = hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()[:12]
    kept = KeptProbabilities(run / "probabilities.npz", digest)
    splits = [split_held_out(receipts, 1 / folds, fold) for receipts in datasets]
    directory = build_directory([receipt.entities for receipt in splits[0][0]])
    held_out = [receipt for _, some in splits for receipt in some]
    # The engine that serves the weights on a CPU.
    part = hold_out(OpenVINOEngine(arrays, architecture), held_out, directory, kept=kept, readings=readings, seed=fold)
    kept.save()
    return part


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Fit confidences and the choice of totals over folds.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--export", type=Path, required=True)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--readings", type=Path, nargs="+", default=[])
    parser.add_argument("--hidden", type=int, default=Architecture.hidden)
    parser.add_argument("--folds", type=int, help="number of folds, if there is not a run of each")
    parser.add_argument("--threads", type=int)
    print(crossfit(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
