"""Training of the CRNN.

`python -m services.recognizer.training.train --data DIR --photographs DIR --synthetic DIR --export FOLDER` follows a
recipe of `recipe.toml`, by default the one that led to the weights in the repository.

SROIE's labels are capitals whatever the print; synthetic receipts have exact labels. On the former a lower case letter
counts as its capital, so the network learns case from the latter. Never imported by code that serves requests.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from services.recognizer.alphabet import Alphabet
from services.recognizer.decoding import decode
from services.recognizer.network.architecture import Architecture
from services.recognizer.network.loading import NAME, read_weights
from services.recognizer.network.network import CRNN
from services.recognizer.network.torch_engine import build_network
from services.recognizer.settings import RecognizerSettings
from services.recognizer.training.evaluate import evaluate
from services.recognizer.training.hard_samples import misread, read
from services.recognizer.training.loss import ctc_loss
from services.recognizer.training.samples import Batch, Sample, load_samples, make_batch, plan_batches
from shared.inference.device import arrays_of, autocast, select_device, set_threads
from shared.inference.weights import save_weights
from shared.learning.dataset import load_split, read_split_keys
from shared.learning.recipes import parse_options
from shared.learning.training import ExponentialMovingAverage, TrainingRun
from shared.measures.words import compare_words, compute_character_error_rate

#: The recipes in the repository.
RECIPES = Path(__file__).parents[1] / "recipe.toml"
_SHORT_TEXT = 8
_VALIDATION_SEGMENTS = 400
_HARD_REPEATS = 2
"""A hard segment comes at most this many times more in a pass."""


@dataclass
class TrainingConfig:
    """Settings of one training.

    Attributes:
        data: data set in SROIE's layout, labels in capitals.
        photographs: data set in WildReceipt's layout, labels with case and without spaces; None for none.
        synthetic: data set in the same layout with exact labels; None for none.
        start: folder of released weights to begin from, in place of random ones; None for none.
        hard_share: share of a pass, 0 to 1, drawn from the real segments that the start weights misread. A label that
            they contradict with certainty is more likely wrong than hard, and counts once like the others.
        run: folder of the checkpoint and the log.
        steps: length of the schedule, unless `minutes` ends it before.
        seed: of everything random.
        minutes: minutes of training (over all restarts) at which the learning rate has come down to zero.
        threads: of torch; None for one a core.
        export: folder for the weights at the end; None writes none.
        resume: go on from the checkpoint in `run` if there is one.
        device: `auto`, `cpu` or `cuda`.
        columns: columns of input in a batch.
        short_steps: steps at the start with short texts only, in batches of half the size: from there CTC leaves the
            plateau on which it says nothing.
        peak: highest learning rate.
        warmup: steps to it.
        synthetic_share: share of synthetic segments in a pass.
        synthetic_receipts: at most so many synthetic receipts are read.
        validate_every: steps between validations.
        architecture: overrides of the network's default sizes.
    """

    data: Path
    photographs: Path | None = None
    synthetic: Path | None = None
    start: Path | None = None
    hard_share: float = 0.0
    run: Path = Path("runs/recognizer")
    steps: int = 8500
    seed: int = 1
    minutes: float | None = None
    threads: int | None = None
    export: Path | None = None
    resume: bool = True
    device: str = "auto"
    columns: int = 8192
    short_steps: int = 400
    peak: float = 1.2e-3
    warmup: int = 200
    synthetic_share: float = 0.2
    synthetic_receipts: int = 2000
    validate_every: int = 400
    architecture: dict[str, Any] = dataclasses.field(default_factory=dict)


class Trainer:
    """One training: network, optimizer, samples and schedule."""

    def __init__(self, config: TrainingConfig, progress: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.config = config
        self.report = progress or (lambda _: None)
        set_threads(config.threads)
        self.device = select_device(config.device)
        if not config.resume:
            (config.run / "checkpoint.safetensors").unlink(missing_ok=True)
        self.run = TrainingRun(config.run, config.seed)
        self.alphabet = Alphabet()
        self.network = CRNN(Architecture(classes=self.alphabet.classes, **config.architecture)).to(self.device)
        self.start: CRNN | None = None
        self.origin = "random"
        if config.start is not None:
            self.start, self.origin = _start_from(config.start, self.network, self.alphabet)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=config.peak, weight_decay=0.01, fused=True)
        self.average = ExponentialMovingAverage(self.network, 0.999)
        self.run.resume(model=self.network, optimizer=self.optimizer, average=self.average)
        self.rng = np.random.default_rng([config.seed, self.run.step])
        self.real = load_samples(load_split(config.data, "train"), self.alphabet, cased=False)
        if config.photographs is not None:
            self.real += load_samples(load_split(config.photographs, "train"), self.alphabet, cased=True)
        self.hard: list[Sample] = []
        self.left_out = 0
        if self.start is not None:
            self.hard, wrong = misread(self.start, self.real, self.alphabet, self.device)
            self.real = [sample for index, sample in enumerate(self.real) if index not in wrong]
            self.left_out = len(wrong)
        self.synthetic: list[Sample] = []
        if config.synthetic is not None:
            receipts = load_split(config.synthetic, "train")[: config.synthetic_receipts]
            self.synthetic = load_samples(receipts, self.alphabet, cased=True)
        self.validation = _subset(load_samples(load_split(config.data, "validation"), self.alphabet, cased=False))
        self.run.log(
            event="start",
            real=len(self.real),
            hard=len(self.hard),
            left_out=self.left_out,
            synthetic=len(self.synthetic),
            validation=len(self.validation),
        )

    @property
    def done(self) -> float:
        """Share of the training that is behind, 0 to 1."""
        share = self.run.step / self.config.steps
        if self.config.minutes is not None:
            share = max(share, self.run.seconds / (60.0 * self.config.minutes))
        return min(1.0, share)

    def train(self) -> dict[str, Any]:
        """Train to the end of the schedule; returns the last measures."""
        losses: list[float] = []
        mark, columns = time.monotonic(), 0
        batches = self._batches()
        while self.done < 1.0:
            batch = next(batches)
            rate = learning_rate(self.run.step, self.done, self.config.peak, self.config.warmup)
            losses.append(self._step(batch, rate))
            columns += int(batch.images.shape[0] * batch.images.shape[3])
            self.run.step += 1
            if self.run.step % 50 == 0:
                now = time.monotonic()
                values = {
                    "loss": round(float(np.mean(losses)), 4),
                    "rate": rate,
                    "columns_per_second": round(columns / (now - mark)),
                    "done": round(self.done, 4),
                }
                self._log(values)
                losses, mark, columns = [], now, 0
            if self.run.step % self.config.validate_every == 0:
                self._log(self.validate(self.validation))
                self._save()
        self._save()
        measures = self.validate(self.validation)
        self._log(measures)
        if self.config.export is not None:
            measures |= self.export(self.config.export)
        return measures

    def _step(self, batch: Batch, rate: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        with autocast(self.device):
            logits = self.network(torch.from_numpy(batch.images).to(self.device))
        loss = ctc_loss(
            logits,
            torch.from_numpy(batch.frames),
            torch.from_numpy(batch.targets).to(self.device),
            torch.from_numpy(batch.lengths),
            torch.from_numpy(batch.cased).to(self.device),
            self.alphabet.case_pairs,
            spaced=torch.from_numpy(batch.spaced).to(self.device),
            space=self.alphabet.space,
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.average.update(self.network)
        return float(loss.detach())

    def _batches(self) -> Iterator[Batch]:
        sizes = self.network.architecture
        while True:
            short = self.run.step < self.config.short_steps
            samples = self._samples_of_a_pass()
            if short:
                samples = [sample for sample in samples if len(sample.text) <= _SHORT_TEXT]
            columns = self.config.columns // 2 if short else self.config.columns
            plan = plan_batches(
                samples, columns=columns, height=sizes.height, stretch=sizes.width_stretch, rng=self.rng
            )
            if short:
                plan = plan[: max(1, self.config.short_steps - self.run.step)]
            for indices in plan:
                batch = make_batch(
                    [samples[i] for i in indices],
                    height=sizes.height,
                    stretch=sizes.width_stretch,
                    rng=self.rng,
                    leveled=sizes.leveled,
                )
                if batch is not None:
                    yield batch

    def _samples_of_a_pass(self) -> list[Sample]:
        """All real segments, a fresh draw of synthetic ones, and the hard ones again."""
        share = self.config.synthetic_share
        wanted = round(len(self.real) * share / (1.0 - share))
        drawn = self.rng.permutation(len(self.synthetic))[:wanted]
        again = round(len(self.real) * self.config.hard_share / (1.0 - self.config.hard_share))
        repeats = self.rng.permutation(np.tile(np.arange(len(self.hard)), _HARD_REPEATS))[:again]
        return [*self.real, *(self.synthetic[i] for i in drawn), *(self.hard[i] for i in repeats)]

    def validate(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """Word F1 and character error rate of the averaged network on the labels' boxes."""
        with self.average.apply_to(self.network):
            read_texts = [decode(logits, self.alphabet).text for logits in read(self.network, samples, self.device)]
        keys = sorted({sample.receipt for sample in samples})
        labels: dict[str, list[str]] = {key: [] for key in keys}
        texts: dict[str, list[str]] = {key: [] for key in keys}
        for sample, text in zip(samples, read_texts, strict=True):
            labels[sample.receipt].append(sample.text)
            texts[sample.receipt].append(text)
        f1 = compare_words([labels[key] for key in keys], [texts[key] for key in keys]).f1
        cer = compute_character_error_rate([sample.text for sample in samples], read_texts)
        return {"word_f1": round(f1, 4), "cer": round(cer, 4), "segments": len(samples)}

    def export(self, folder: Path) -> dict[str, float]:
        """Write the averaged weights with their manifest; returns the measures on the whole validation split."""
        self._write(folder, {})
        settings = RecognizerSettings(weights=folder, device=str(self.device), threads=self.config.threads)
        found = evaluate(self.config.data, settings=settings)
        measures = {f"given_boxes.{name}": round(found[name], 4) for name in ("precision", "recall", "f1", "cer")}
        self._write(folder, {"split": "validation", "receipts": found["receipts"], **measures})
        return measures

    def _write(self, folder: Path, measures: dict[str, Any]) -> None:
        config = self.config
        training: dict[str, Any] = {
            "data": "SROIE, split train (ICDAR 2019, CC BY 4.0)"
            + ("; WildReceipt, split train (arXiv:2103.14470, Apache-2.0)" if config.photographs else ""),
            "start": self.origin,
            "hard_segments": len(self.hard),
            "left_out_segments": self.left_out,
            "hard_share": config.hard_share,
            "receipts": len(read_split_keys(config.data, "train")),
            "segments": len(self.real),
            "synthetic_segments": len(self.synthetic),
            "synthetic_share": config.synthetic_share if self.synthetic else 0.0,
            "command": "python -m services.recognizer.training.train --data DIR"
            + (" --photographs DIR" if config.photographs else "")
            + (" --start DIR" if config.start else "")
            + (" --synthetic DIR" if self.synthetic else "")
            + (f" --minutes {config.minutes:g}" if config.minutes is not None else f" --steps {config.steps}"),
            "steps": self.run.step,
            "minutes": round(self.run.seconds / 60, 1),
            "seed": config.seed,
            "columns": config.columns,
            "peak": config.peak,
        }
        save_weights(
            folder,
            arrays_of(self.average.state_dict()),
            name=NAME,
            architecture=self.network.architecture.to_dict(),
            alphabet=self.alphabet.characters,
            training=training,
            measures=measures,
        )

    def _save(self) -> None:
        self.run.save(model=self.network, optimizer=self.optimizer, average=self.average)

    def _log(self, values: dict[str, Any]) -> None:
        self.run.log(**values)
        self.report({"step": self.run.step, "done": self.done, **values})


def _start_from(folder: Path, network: CRNN, alphabet: Alphabet) -> tuple[CRNN, str]:
    """Take over released weights; returns the released network and its version.

    Whether shades are leveled may differ: the network to train gets used to it.

    Raises:
        ValueError: if they are of other sizes or another alphabet.
        WeightsError: if they cannot be read.
    """
    weights = read_weights(folder)
    released = build_network(weights.arrays, weights.architecture)
    sizes = dataclasses.replace(released.architecture, leveled=network.architecture.leveled)
    if weights.alphabet != alphabet or sizes != network.architecture:
        raise ValueError(f"The weights in {folder} have another alphabet or other sizes than the network to train.")
    network.load_state_dict(released.state_dict())
    return released, weights.version


def learning_rate(step: int, done: float, peak: float, warmup: int) -> float:
    """Linear warm-up by steps, half a cosine down to zero by the share of the training that is done."""
    return peak * min(1.0, (step + 1) / max(1, warmup)) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def _subset(samples: list[Sample]) -> list[Sample]:
    """A fixed part of the validation segments, small enough to be read again and again."""
    chosen = np.random.default_rng(0).permutation(len(samples))[:_VALIDATION_SEGMENTS]
    return [samples[i] for i in sorted(chosen)]


def train(config: TrainingConfig, *, progress: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """Train and, if asked for, export.

    Args:
        config: settings.
        progress: called with `step`, `done` (0 to 1) and what was logged.

    Returns:
        Measures of the averaged network on a part of the validation split.

    Raises:
        shared.learning.labels.DatasetError: if a data set cannot be read.
    """
    return Trainer(config, progress).train()


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line, see `parse_options`."""
    train(parse_options(TrainingConfig, RECIPES, arguments), progress=lambda values: print(values, flush=True))


if __name__ == "__main__":
    main()
