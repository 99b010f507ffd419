"""Training of the extractor.

`python -m services.extractor.training.train --data DIR --run DIR` follows a recipe of `recipe.toml`, by default the
one that led to the weights in the repository. Never imported by code that serves requests.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from services.extractor.encoding import ALPHABET, Document, TextSegment, encode
from services.extractor.merchants import letters
from services.extractor.network.architecture import CLASSES, Architecture
from services.extractor.network.batch import collate
from services.extractor.network.engine import probabilities
from services.extractor.network.loading import NAME
from services.extractor.network.network import CharacterLSTM
from services.extractor.network.torch_engine import TorchEngine
from services.extractor.predictor import Predictor
from services.extractor.scoring import Scoring
from services.extractor.settings import ExtractorSettings
from services.extractor.training.augmentation import Augmenter
from services.extractor.training.evaluate import evaluate, measured
from services.extractor.training.fitting import fit, hold_out
from services.extractor.training.labels import IGNORED, LabeledText, label
from services.extractor.training.merchants import build_directory
from services.extractor.training.readings import load_readings
from shared.contracts import FIELD_NAMES
from shared.inference.device import arrays_of, autocast, load_into, select_device, set_threads
from shared.inference.weights import load_weights, save_weights
from shared.learning.dataset import load_split
from shared.learning.labels import LabeledReceipt
from shared.learning.recipes import parse_options
from shared.learning.training import ExponentialMovingAverage, TrainingRun, schedule_rate_by_step

#: The recipes in the repository.
RECIPES = Path(__file__).parents[1] / "recipe.toml"
_BATCH = 16
# Receipts are sorted by length within this many batches, so that little is padded and the order stays random.
_BUCKET = 6
_PEAK = 2e-3
_WARMUP = 60
# Most characters belong to no field; without weights a total of four digits would hardly count.
_CLASS_WEIGHTS = (1.0, 2.0, 3.0, 1.0, 5.0)
_EVALUATE_EVERY = 100
# A receipt that was read, too, is learned from as it is labeled this often.
_AS_LABELED = 0.5
# A company with as many receipts or fewer is kept out as a whole.
_FEW = 3

Readings = Mapping[str, list[LabeledText]]
Versions = Sequence[Sequence[LabeledText]]


@dataclass
class TrainingConfig:
    """What a training needs to know.

    Attributes:
        data: Data set in the layout of SROIE; its `train` split is learned from, `validation` measured on.
        photographs: A data set in the layout of WildReceipt, whose `train` is learned from too, or None.
        readings: Files of what the whole chain read on receipts of these (`services.extractor.training.readings`).
        start: Folder of released weights to begin from, in place of random ones, or None.
        peak: Highest learning rate.
        synthetic: A second data set in the same layout (`all` of it is learned from), or None.
        run: Folder of checkpoint and log; an interrupted run goes on there.
        steps: Batches of 16 receipts.
        seed: Seeds everything.
        minutes: Stop by then, with the schedule shortened to fit; None for no limit.
        threads: Processor threads; None for all.
        export: Folder to write the weights to at the end, or None.
        held_out: Share of `train` kept out, 0 to 1; the scoring is fitted on it at the end (`scoring.json` in `run`).
        fold: Which part of that size is kept out, from 0; `services.extractor.training.crossfit` puts such runs
        together.
        scoring: Scoring to export instead, fitted by another run that kept receipts out; None for one of this run.
        synthetic_share: Share of the batches' receipts drawn from `synthetic`, 0 to 1.
        device: `auto`, `cpu` or `cuda`.
        hidden: Width of each LSTM direction.
    """

    data: Path
    run: Path
    synthetic: Path | None = None
    photographs: Path | None = None
    readings: tuple[Path, ...] = ()
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
    device: str = "auto"
    hidden: int = Architecture.hidden


def split_held_out(
    receipts: Sequence[LabeledReceipt], share: float, fold: int = 0
) -> tuple[list[LabeledReceipt], list[LabeledReceipt]]:
    """Split receipts into those to learn from and those kept out; the same ones every time, whatever the seed.

    The receipts of a company that has few stay together. Else hardly any company that is kept out would be new to what
    was learned, while many of those that users bring are: 42 of 100 on `validation`, two of five of those kept out so.
    """
    groups: dict[str, list[int]] = {}
    for i, receipt in enumerate(receipts):
        groups.setdefault(letters(receipt.entities["company"]), []).append(i)
    together = [group for group in groups.values() if len(group) <= _FEW]
    order = together + [[i] for group in groups.values() if len(group) > _FEW for i in group]
    random.Random(19).shuffle(order)
    low, high = (round((fold + more) * share * len(receipts)) for more in (0, 1))
    before = accumulate((len(group) for group in order), initial=0)
    kept = {i for place, group in zip(before, order, strict=False) for i in group if low <= place < high}
    return [r for i, r in enumerate(receipts) if i not in kept], [receipts[i] for i in sorted(kept)]


def encode_labeled(segments: Sequence[LabeledText]) -> tuple[Document, npt.NDArray[np.int64]]:
    """Encode labeled segments; the separators within a field are of its class.

    Returns:
        The document and (T,) labels.
    """
    document = encode([TextSegment(one.quad, one.text, confidence=one.confidence) for one in segments])
    labels = np.zeros(len(document.text), np.int64)
    for place, index in enumerate(document.order):
        labels[document.start[place] : document.start[place + 1] - 1] = segments[index].labels
    for end in document.start[1:-1] - 1:
        if labels[end - 1] == labels[end + 1]:
            labels[end] = labels[end - 1]
    return document, labels


def batches(
    real: Sequence[Versions],
    synthetic: Sequence[Sequence[LabeledText]],
    synthetic_share: float,
    seed: int,
) -> Iterator[list[tuple[Document, npt.NDArray[np.int64]]]]:
    """Batches of augmented receipts, of similar length each, without end.

    In each pass a receipt comes once, as it is labeled or as it was read.
    """
    chance = random.Random(seed)
    augment = Augmenter.of([*(versions[0] for versions in real), *synthetic], seed)
    pile: list[Sequence[LabeledText]] = []
    while True:
        while len(pile) < _BATCH * _BUCKET:
            epoch = [_drawn(versions, chance) for versions in real]
            if synthetic:
                epoch += chance.choices(synthetic, k=round(len(real) * synthetic_share / (1.0 - synthetic_share)))
            chance.shuffle(epoch)
            pile += epoch
        chunk, pile = pile[: _BATCH * _BUCKET], pile[_BATCH * _BUCKET :]
        chunk.sort(key=lambda segments: sum(len(segment.text) + 1 for segment in segments))
        starts = list(range(0, len(chunk), _BATCH))
        chance.shuffle(starts)
        for start in starts:
            encoded = [encode_labeled(augment(segments)) for segments in chunk[start : start + _BATCH]]
            yield [pair for pair in encoded if len(pair[1])]


def _drawn(versions: Versions, chance: random.Random) -> Sequence[LabeledText]:
    if len(versions) == 1 or chance.random() < _AS_LABELED:
        return versions[0]
    return chance.choice(versions[1:])


def loss_of(
    network: CharacterLSTM, pairs: Sequence[tuple[Document, npt.NDArray[np.int64]]], device: torch.device
) -> Tensor:
    """Weighted cross-entropy over the characters of a batch."""
    batch = collate([document for document, _ in pairs], device)
    target = np.full(batch.codes.shape, IGNORED, np.int64)
    for i, (_, labels) in enumerate(pairs):
        target[i, : len(labels)] = labels
    with autocast(device):
        logits = network(batch.codes, batch.features, batch.segment, batch.lengths)
    weights = torch.tensor(_CLASS_WEIGHTS, device=device)
    return nn.functional.cross_entropy(
        logits.float().flatten(0, 1), torch.from_numpy(target).to(device).flatten(), weights, ignore_index=IGNORED
    )


def character_f1(
    network: CharacterLSTM, pairs: Sequence[tuple[Document, npt.NDArray[np.int64]]], device: torch.device
) -> dict[str, float]:
    """F1 over the characters of each field, 0 to 1; a measure of the network alone, without rules."""
    counts = np.zeros((len(CLASSES), 3))
    engine = TorchEngine(network, device)
    for start in range(0, len(pairs), _BATCH):
        part = pairs[start : start + _BATCH]
        for (_, labels), scores in zip(part, probabilities(engine, [d for d, _ in part]), strict=True):
            found, sure = scores.argmax(1), labels != IGNORED
            for number in range(len(CLASSES)):
                counts[number] += [
                    (sure & (found == number) & (labels == number)).sum(),
                    (sure & (found == number)).sum(),
                    (sure & (labels == number)).sum(),
                ]
    network.train()
    return {
        name: float(2 * counts[i][0] / max(1.0, counts[i][1] + counts[i][2]))
        for i, name in enumerate(CLASSES)
        if name in FIELD_NAMES
    }


def train(config: TrainingConfig, *, progress: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """Train a network; returns the last measures. Goes on from the checkpoint in `config.run`, if there is one."""
    set_threads(config.threads)
    device = select_device(config.device)
    run = TrainingRun(config.run, config.seed)
    receipts, held_out = split_held_out(load_split(config.data, "train"), config.held_out, config.fold)
    photographs = load_split(config.photographs, "train") if config.photographs else []
    readings = [load_readings(path) for path in config.readings]
    real = [versions_of(receipt, readings) for receipt in [*receipts, *photographs]]
    synthetic = [label(receipt) for receipt in load_split(config.synthetic, "all")] if config.synthetic else []
    compared = held_out or load_split(config.data, "validation")
    validation = sorted((encode_labeled(label(receipt)) for receipt in compared), key=lambda pair: len(pair[1]))
    network = CharacterLSTM(Architecture(hidden=config.hidden)).to(device)
    origin = "random" if config.start is None else _start_from(config.start, network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.peak, weight_decay=0.02)
    average = ExponentialMovingAverage(network, 0.99)
    run.resume(model=network, optimizer=optimizer, average=average)
    measures: dict[str, Any] = {}
    source = batches(real, synthetic, config.synthetic_share, config.seed + run.step)
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
        loss = loss_of(network, next(source), device)
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
        scoring = _scoring(config, network, receipts, held_out, readings, device)
        if config.export is not None:
            training = {
                "data": f"SROIE, {len(receipts)} receipts of the training split (CC BY 4.0)",
                "photographs": f"WildReceipt, {len(photographs)} receipts of the training split (Apache-2.0)",
                "readings": [path.name for path in config.readings],
                "start": origin,
                "peak": config.peak,
                "synthetic": f"{len(synthetic)} synthetic receipts" if synthetic else "none",
                "command": "quittance train extractor",
                "steps": run.step,
                "batch": _BATCH,
                "seed": config.seed,
                "seconds": round(run.seconds),
                "scoring": "fitted on receipts of the training split that the network had not learned from",
            }
            measures |= export(network, config, scoring, training)
    return measures


def versions_of(receipt: LabeledReceipt, readings: Sequence[Readings]) -> Versions:
    """A receipt as it is labeled, and as often as it was read; only so where its labels have no spaces."""
    read = [found[receipt.key] for found in readings if receipt.key in found]
    return read if read and not receipt.spaced else [label(receipt), *read]


def _start_from(folder: Path, network: CharacterLSTM) -> str:
    """Take over released weights; returns their version. Raises WeightsError if they do not fit the network.

    Layout numbers that were added since, always at the end, begin with no weight.
    """
    manifest, arrays = load_weights(folder, name=NAME)
    own = network.state_dict()
    for name in ("convolution.weight", "first.ahead.weight_ih_l0", "first.back.weight_ih_l0"):
        added = max(own[name].shape[1] - arrays[name].shape[1], 0)
        arrays[name] = np.pad(arrays[name], [(0, 0), (0, added), *[(0, 0)] * (arrays[name].ndim - 2)])
    load_into(network, arrays)
    return manifest.version


def _scoring(
    config: TrainingConfig,
    network: CharacterLSTM,
    learned: Sequence[LabeledReceipt],
    held_out: Sequence[LabeledReceipt],
    readings: Sequence[Readings],
    device: torch.device,
) -> Scoring:
    """Fit the scoring on what was kept out, or take over one that was fitted before, or the default one."""
    if config.scoring is not None:
        return Scoring.model_validate_json(config.scoring.read_text(encoding="utf-8"))
    if not held_out:
        return Scoring()
    network.eval()
    directory = build_directory([receipt.entities for receipt in learned])
    scoring = fit([hold_out(network, held_out, directory, device, readings=readings, seed=config.seed)])
    (config.run / "scoring.json").write_text(scoring.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return scoring


def export(
    network: CharacterLSTM, config: TrainingConfig, scoring: Scoring, training: dict[str, Any]
) -> dict[str, Any]:
    """Write the weights, measure them on `validation` as they are stored (half precision), return the measures."""
    if config.export is None:
        raise ValueError("export needs a folder")
    architecture = {"network": network.architecture.to_dict(), "scoring": scoring.model_dump(mode="json")}
    settings = ExtractorSettings(weights=config.export, device=config.device, threads=config.threads)
    measures: dict[str, Any] = {}
    for _ in range(2):  # once to have something to measure, once more with the measures in the manifest
        save_weights(
            config.export,
            arrays_of(network.state_dict()),
            name=NAME,
            architecture=architecture,
            alphabet=ALPHABET,
            training=training,
            measures=measures,
        )
        if not measures:
            measures = {"validation, given text": evaluate(Predictor.load(measured(settings)), config.data)}
    return measures


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line, see `parse_options`."""
    train(parse_options(TrainingConfig, RECIPES, arguments), progress=lambda record: print(record, flush=True))


if __name__ == "__main__":
    main()
