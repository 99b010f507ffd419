"""Train the extractor.

`python -m services.extractor.training.train --data DIR --run DIR` follows a recipe of `recipe.toml`. Serving code never
imports this module.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from services.extractor.encoding import ALPHABET, FEATURES
from services.extractor.merchants import letters
from services.extractor.network.architecture import Architecture
from services.extractor.network.classes import BASIC_CLASSES, CLASSES
from services.extractor.network.engine import compute_probabilities
from services.extractor.network.loading import NAME, load_engine, read_weights
from services.extractor.network.network import CharacterLSTM
from services.extractor.network.torch_engine import TorchEngine
from services.extractor.predictor import Predictor
from services.extractor.scoring import Scoring
from services.extractor.settings import ExtractorSettings
from services.extractor.training.evaluate import evaluate
from services.extractor.training.evaluate_items import measure_items
from services.extractor.training.evaluate_labels import measure_cord, measure_wild
from services.extractor.training.examples import Example, batches, encode_labeled, repeat_rare
from services.extractor.training.fitting import fit, hold_out
from services.extractor.training.labeling.fields import IGNORED, label
from services.extractor.training.labeling.pseudo import load_unlabeled, pseudo_versions
from services.extractor.training.labeling.readings import Reading, load_readings
from services.extractor.training.labeling.receipts import Versions, basic_receipt, cord_receipt, versions_of
from services.extractor.training.labeling.world import WorldReceipts
from services.extractor.training.losses import ExtractorLoss
from services.extractor.training.merchants import build_directory
from services.extractor.training.start import start_from
from shared.contracts import FIELD_NAMES
from shared.inference.device import arrays_of, select_device, set_threads
from shared.learning.cord import load_cord
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt
from shared.learning.recipes import parse_options
from shared.learning.release import save_measured_weights
from shared.learning.training import ExponentialMovingAverage, TrainingRun, schedule_rate_by_step

RECIPES = Path(__file__).parents[1] / "recipe.toml"
_BATCH = 16
_PEAK = 2e-3
_WARMUP = 60
_EVALUATE_EVERY = 100
# Companies with at most this many receipts are held out as a whole.
_MAX_FEW = 3

Readings = Mapping[str, Reading]


@dataclass
class TrainingConfig:
    """Settings of a training.

    Attributes:
        data: Dataset in the layout of SROIE: `split` to train on, `validation` to measure.
        photographs: Dataset in the layout of WildReceipt, whose `split` is trained on, or None.
        items: Dataset in the layout of CORD, whose `split` is trained on, or None.
        split: `train`, or `all` to train on `validation` too: for a release, after its recipe has been measured. The
            measures of such weights say nothing about new receipts.
        readings: Files with readings of `data` and `photographs` (`services.extractor.training.labeling.readings`).
        unlabeled: Files with texts of unlabeled receipts, which the network in `start` labels where it is sure.
        start: Folder of weights to start from, or None for random ones.
        peak: Highest learning rate.
        synthetic: Synthetic receipts in the layout of SROIE, all of which are trained on, or None.
        run: Folder of the checkpoint and log; an interrupted run resumes there.
        steps: Number of batches of 16 receipts.
        seed: Seed of all random choices.
        minutes: Time limit, to which the schedule is shortened; None for none.
        threads: CPU threads; None for all.
        export: Folder to write the weights to at the end, or None.
        held_out: Share of the `train` of `data` and `photographs` held out, 0 to 1; the scoring is fitted on it at the
            end (`scoring.json` in `run`).
        fold: Number of the part of that size to hold out, from 0; see `services.extractor.training.crossfit`.
        scoring: File of a scoring to export, fitted by another run; None for that of this run.
        synthetic_share: Share of `synthetic` in the receipts of a pass, 0 to 1.
        world: Number of made-up receipts of many countries to choose from (`labeling.world`); 0 for none.
        world_share: Their share in the receipts of a pass, 0 to 1.
        repeats: Times that each receipt of `data` and `photographs` comes per pass.
        device: `auto`, `cpu` or `cuda`.
        hidden: Units per LSTM direction.
    """

    data: Path
    run: Path
    synthetic: Path | None = None
    photographs: Path | None = None
    items: Path | None = None
    split: str = "train"
    readings: tuple[Path, ...] = ()
    unlabeled: tuple[Path, ...] = ()
    start: Path | None = None
    peak: float = _PEAK
    steps: int = 1200
    seed: int = 0
    minutes: float | None = None
    threads: int | None = None
    export: Path | None = None
    held_out: float = 0.0
    fold: int = 0
    scoring: Path | None = None
    synthetic_share: float = 0.15
    world: int = 0
    world_share: float = 0.3
    repeats: int = 1
    device: str = "auto"
    hidden: int = Architecture.hidden


def split_held_out(
    receipts: Sequence[LabeledReceipt], share: float, fold: int = 0
) -> tuple[list[LabeledReceipt], list[LabeledReceipt]]:
    """Split receipts into those to train on and those held out, always in the same way.

    The receipts of a company with few stay together, so that two of five held-out receipts are from companies that the
    network has not seen, as on validation (42 of 100).
    """
    groups: dict[str, list[int]] = {}
    for i, receipt in enumerate(receipts):
        groups.setdefault(letters(receipt.entities["company"]), []).append(i)
    together = [group for group in groups.values() if len(group) <= _MAX_FEW]
    order = together + [[i] for group in groups.values() if len(group) > _MAX_FEW for i in group]
    random.Random(19).shuffle(order)
    low, high = (round((fold + more) * share * len(receipts)) for more in (0, 1))
    before = accumulate((len(group) for group in order), initial=0)
    kept = {i for place, group in zip(before, order, strict=False) for i in group if low <= place < high}
    return [r for i, r in enumerate(receipts) if i not in kept], [receipts[i] for i in sorted(kept)]


def character_f1(network: CharacterLSTM, examples: Sequence[Example], device: torch.device) -> dict[str, float]:
    """Return the F1 over the characters of each of the four fields, 0 to 1; it measures the network without rules."""
    counts = np.zeros((len(CLASSES), 3))
    engine = TorchEngine(network, device)
    for start in range(0, len(examples), _BATCH):
        part = examples[start : start + _BATCH]
        found = compute_probabilities(engine, [example.document for example in part])
        for example, scores in zip(part, found, strict=True):
            labels, answers = example.labels, scores[:, : len(CLASSES)].argmax(1)
            is_known = labels != IGNORED
            for number in range(1, len(BASIC_CLASSES)):
                counts[number] += [
                    (is_known & (answers == number) & (labels == number)).sum(),
                    (is_known & (answers == number)).sum(),
                    (is_known & (labels == number)).sum(),
                ]
    network.train()
    f1 = 2 * counts[:, 0] / np.maximum(1.0, counts[:, 1:].sum(axis=1))
    return {name: float(f1[CLASSES.index(name)]) for name in FIELD_NAMES}


def train(config: TrainingConfig, *, progress: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """Train a network and return the last measures; resumes from a checkpoint in `config.run`."""
    set_threads(config.threads)
    device = select_device(config.device)
    run = TrainingRun(config.run, config.seed)
    receipts, held_out = split_held_out(load_split(config.data, config.split), config.held_out, config.fold)
    photographs, held_out_photographs = split_held_out(
        load_split(config.photographs, config.split) if config.photographs else [], config.held_out, config.fold
    )
    readings = [load_readings(path) for path in config.readings]
    items = [cord_receipt(receipt) for receipt in load_cord(config.items, config.split)] if config.items else []
    basic = [versions_of(receipt, readings) for receipt in receipts]
    varied = [versions_of(receipt, readings) for receipt in photographs]
    real = [*basic * config.repeats, *repeat_rare([*varied * config.repeats, *([one] for one in items)])]
    real += _pseudo_labeled(config)
    synthetic = [basic_receipt(one) for one in load_split(config.synthetic, "all")] if config.synthetic else []
    compared = held_out or load_split(config.data, "validation")
    validation = sorted((encode_labeled(label(one)) for one in compared), key=lambda one: len(one.labels))
    architecture = Architecture(hidden=config.hidden, features=len(FEATURES), classes=CLASSES, item_starts=True)
    network = CharacterLSTM(architecture).to(device)
    origin = "random" if config.start is None else start_from(config.start, network)
    loss_of = ExtractorLoss(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.peak, weight_decay=0.02)
    average = ExponentialMovingAverage(network, 0.99)
    run.resume(model=network, optimizer=optimizer, average=average)
    measures: dict[str, Any] = {}
    world = WorldReceipts(config.world) if config.world else []
    source = batches(
        real,
        synthetic,
        config.synthetic_share,
        config.seed + run.step,
        _BATCH,
        world=world,
        world_share=config.world_share,
    )
    total = 0.0
    while run.step < config.steps:
        share = run.step / config.steps
        if config.minutes is not None:
            share = max(share, run.seconds / (60 * config.minutes))
        if share >= 1.0:
            break
        peak = config.peak
        rate = min(schedule_rate_by_step(round(share * 10_000), 10_000, peak, 1), peak * (run.step + 1) / _WARMUP)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = loss_of(network, next(source))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update(network)
        run.step += 1
        total += float(loss.detach())
        if run.step % 20 == 0:
            record = {"loss": round(total / 20, 5), "rate": round(rate, 6)}
            total = 0.0
            run.log(**record)
            if progress:
                progress({"step": run.step, "steps": config.steps, **record})
        if run.step % _EVALUATE_EVERY == 0:
            with average.apply_to(network):
                measures = character_f1(network, validation, device)
            run.log(**{f"character_f1_{name}": round(value, 4) for name, value in measures.items()})
            run.save(model=network, optimizer=optimizer, average=average)
            if progress:
                progress({"step": run.step, "steps": config.steps, **measures})
    run.save(model=network, optimizer=optimizer, average=average)
    with average.apply_to(network):
        scoring = _scoring(config, network, receipts, [*held_out, *held_out_photographs], readings, device)
        if config.export is not None:
            training = {
                "data": f"SROIE, {len(receipts)} receipts of split {config.split} (CC BY 4.0)",
                "photographs": f"WildReceipt, {len(photographs)} receipts of split {config.split} (Apache-2.0)",
                "items": f"CORD, {len(items)} receipts of split {config.split} (CC BY 4.0)" if items else "none",
                "unlabeled": [path.name for path in config.unlabeled],
                "readings": [path.name for path in config.readings],
                "start": origin,
                "peak": config.peak,
                "world": f"{config.world_share:.0%} made-up receipts of many countries" if config.world else "none",
                "synthetic": f"{len(synthetic)} synthetic receipts" if synthetic else "none",
                "command": "quittance train extractor",
                "steps": run.step,
                "batch": _BATCH,
                "seed": config.seed,
                "seconds": round(run.seconds),
                "scoring": "fitted on receipts of the training split that the network was not trained on",
            }
            measures |= export(network, config, scoring, training)
    return measures


def _pseudo_labeled(config: TrainingConfig) -> list[Versions]:
    """Label the unlabeled receipts with the network that the training starts from."""
    if not config.unlabeled:
        return []
    if config.start is None:
        raise ValueError("`unlabeled` needs `start`, a network that labels them")
    settings = ExtractorSettings(weights=config.start, device=config.device, threads=config.threads)
    engine = load_engine(read_weights(config.start), settings)
    return list(pseudo_versions(engine, [load_unlabeled(path) for path in config.unlabeled]))


def _scoring(
    config: TrainingConfig,
    network: CharacterLSTM,
    learned: Sequence[LabeledReceipt],
    held_out: Sequence[LabeledReceipt],
    readings: Sequence[Readings],
    device: torch.device,
) -> Scoring:
    """Return the scoring of a file, or fit one on held-out receipts; without either, the default."""
    if config.scoring is not None:
        return Scoring.model_validate_json(config.scoring.read_text(encoding="utf-8"))
    if not held_out:
        return Scoring()
    network.eval()
    directory = build_directory([receipt.entities for receipt in learned])
    engine = TorchEngine(network, device)
    scoring, _ = fit([hold_out(engine, held_out, directory, readings=readings, seed=config.seed)])
    (config.run / "scoring.json").write_text(scoring.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return scoring


def export(
    network: CharacterLSTM, config: TrainingConfig, scoring: Scoring, training: dict[str, Any]
) -> dict[str, Any]:
    """Write the weights with their measures on validation, as stored in half precision, and return the measures."""
    if config.export is None:
        raise ValueError("`export` has to name a folder")
    architecture = {"network": network.architecture.to_dict(), "scoring": scoring.model_dump(mode="json")}
    settings = ExtractorSettings(weights=config.export, device=config.device, threads=config.threads)
    manifest = save_measured_weights(
        config.export,
        arrays_of(network.state_dict()),
        lambda: _measure(config, settings.for_measurement()),
        name=NAME,
        architecture=architecture,
        alphabet=ALPHABET,
        training=training,
    )
    return manifest.measures


def _measure(config: TrainingConfig, settings: ExtractorSettings) -> dict[str, Any]:
    """Measure weights on validation; nothing if they were trained on it."""
    if config.split != "train":
        return {}
    measures: dict[str, Any] = {"validation, given text": evaluate(Predictor.load(settings), config.data)}
    engine = load_engine(read_weights(settings.weights), settings)
    if config.items:
        items = measure_items(engine, config.items)
        measures["CORD validation, given text"] = {**measure_cord(engine, config.items), "items": items}
    if config.photographs:
        measures["WildReceipt validation, given text"] = measure_wild(engine, config.photographs)
    return measures


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, see `parse_options`."""
    train(parse_options(TrainingConfig, RECIPES, arguments), progress=lambda record: print(record, flush=True))


if __name__ == "__main__":
    main()
