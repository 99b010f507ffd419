"""Train the CRNN: `python -m services.recognizer.training.train --data DIR`.

The command line follows a recipe of `recipe.toml`, by default the one of the weights in the repository.

Labels of SROIE are in capitals whatever the print; synthetic receipts have exact labels. For the former a lower case
letter counts as its capital, so the network learns case from the latter.
"""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from services.recognizer.alphabet import Alphabet
from services.recognizer.decoding import decode_segment
from services.recognizer.network.architecture import Architecture
from services.recognizer.network.loading import NAME, read_weights
from services.recognizer.network.network import CRNN
from services.recognizer.network.torch_engine import build_network
from services.recognizer.settings import RecognizerSettings
from services.recognizer.training.batches import BatchSource, SampleSets
from services.recognizer.training.evaluate import evaluate, select_measures
from services.recognizer.training.extension import extend_arrays
from services.recognizer.training.hard_samples import find_hard_samples, read_logits
from services.recognizer.training.loss import compute_loss
from services.recognizer.training.samples import Sample, TrainingBatch, load_samples
from shared.inference.device import arrays_of, autocast, select_device, set_threads
from shared.learning.agreement import load_agreed_receipts
from shared.learning.dataset import load_split, read_split_keys
from shared.learning.recipes import parse_options
from shared.learning.release import save_measured_weights
from shared.learning.training import ExponentialMovingAverage, TrainingRun, schedule_rate_by_progress
from shared.measures.words import compare_words, compute_character_error_rate

# Recipe file in the repository.
RECIPES = Path(__file__).parents[1] / "recipe.toml"
# Number of segments of a validation during training.
_VALIDATION_SEGMENTS = 400
# Steps between lines of the log.
_LOG_EVERY = 50
_MAX_GRADIENT_NORM = 2.0


@dataclass
class TrainingConfig:
    """The recipe. The defaults train from scratch.

    Attributes:
        data: Data set in the layout of SROIE, with labels in capitals.
        photographs: Data set in the layout of WildReceipt, with cased labels without spaces, or None.
        unlabeled: Pictures without labels and readings of several readers, whose agreement labels them, or None; see
            `shared.learning.agreement`.
        synthetic: Data set in the layout of SROIE with exact labels, or None.
        start: Folder of released weights to start from, or None for random weights.
        hard_share: Share of a pass, 0 to 1, drawn from real segments that the start weights misread. A label that they
            contradict with certainty is more likely wrong than hard, and is left out. At 0, neither is searched.
        run: Folder of the checkpoint and the log.
        steps: Planned number of steps.
        seed: Random seed.
        minutes: Planned minutes of training (over all restarts), or None; the schedule follows whichever of steps and
            minutes ends first.
        threads: Threads of torch; None for its default.
        export: Folder for the averaged weights at the end, or None.
        resume: Whether to resume from the checkpoint of the run, if there is one.
        device: `auto`, `cpu` or `cuda`.
        columns: Columns of input per batch.
        short_steps: First steps with short texts only, in batches of half the size. They let CTC leave the plateau on
            which it returns blanks only.
        peak: Highest learning rate.
        extension_rate: Factor of the learning rate for the output rows of characters that the start weights lack.
        warmup: Steps of linear warm-up.
        synthetic_share: Share of synthetic segments in a pass, 0 to 1.
        synthetic_receipts: Maximum number of synthetic receipts.
        validate_every: Steps between validations.
        architecture: Settings of the network that differ from its defaults.
    """

    data: Path
    photographs: Path | None = None
    unlabeled: Path | None = None
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
    extension_rate: float = 1.0
    warmup: int = 200
    synthetic_share: float = 0.2
    synthetic_receipts: int = 2000
    validate_every: int = 400
    architecture: dict[str, Any] = dataclasses.field(default_factory=dict)


class Trainer:
    """One training: network, optimizer, samples and schedule.

    Args:
        config: The recipe.
        progress: Called with `step`, `done` (0 to 1) and the logged values.

    Raises:
        shared.learning.labels.DatasetError: If a data set cannot be read.
        shared.inference.weights.WeightsError: If the start weights cannot be read.
        ValueError: If the start weights do not fit the network.
    """

    def __init__(self, config: TrainingConfig, progress: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.config = config
        self.report = progress or (lambda _: None)
        set_threads(config.threads)
        self.device = select_device(config.device)
        self.run = TrainingRun(config.run, config.seed, fresh=not config.resume)
        self.alphabet = Alphabet()
        self.network = CRNN(Architecture(classes=self.alphabet.classes, **config.architecture)).to(self.device)
        start, self.origin = None, "random"
        # Output rows that the start weights have; the rows after them are new.
        self.known_rows = self.alphabet.classes
        if config.start is not None:
            start, self.known_rows, self.origin = _load_start(config.start, self.network, self.alphabet)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=config.peak, weight_decay=0.01, fused=True)
        self.average = ExponentialMovingAverage(self.network, 0.999)
        self.run.resume(model=self.network, optimizer=self.optimizer, average=self.average)
        self.sets = self._load_sets(start)
        self.validation = self._load_validation()
        self.run.log(
            event="start",
            real=len(self.sets.real),
            hard=len(self.sets.hard),
            left_out=self.sets.left_out,
            synthetic=len(self.sets.synthetic),
            validation=len(self.validation),
        )

    def _load_sets(self, start: CRNN | None) -> SampleSets:
        """Load the segments to train on; those that the start weights misread are hard."""
        config = self.config
        real = load_samples(load_split(config.data, "train"), self.alphabet, cased=False)
        if config.photographs is not None:
            real += load_samples(load_split(config.photographs, "train"), self.alphabet, cased=True)
        if config.unlabeled is not None:
            real += load_samples(load_agreed_receipts(config.unlabeled), self.alphabet, cased=True)
        sets = SampleSets(real)
        if start is not None and config.hard_share > 0:
            sets.hard, wrong = find_hard_samples(start, real, self.alphabet, self.device)
            sets.real = [sample for index, sample in enumerate(real) if index not in wrong]
            sets.left_out = len(wrong)
        if config.synthetic is not None:
            receipts = load_split(config.synthetic, "train")[: config.synthetic_receipts]
            sets.synthetic = load_samples(receipts, self.alphabet, cased=True)
        return sets

    def _load_validation(self) -> list[Sample]:
        """Load a fixed part of the validation segments, small enough to be read often."""
        samples = load_samples(load_split(self.config.data, "validation"), self.alphabet, cased=False)
        chosen = np.random.default_rng(0).permutation(len(samples))[:_VALIDATION_SEGMENTS]
        return [samples[i] for i in sorted(chosen)]

    @property
    def progress(self) -> float:
        """Share of the training that is done, 0 to 1."""
        return self.run.compute_progress(self.config.steps, self.config.minutes)

    def train(self) -> dict[str, Any]:
        """Train to the end of the plan and return the last measures."""
        config, run = self.config, self.run
        batches = iter(
            BatchSource(
                self.sets,
                self.network.architecture,
                run,
                columns=config.columns,
                short_steps=config.short_steps,
                synthetic_share=config.synthetic_share,
                hard_share=config.hard_share,
                rng=np.random.default_rng([config.seed, run.step]),
            )
        )
        losses: list[float] = []
        mark, columns = time.monotonic(), 0
        while (progress := self.progress) < 1.0:
            batch = next(batches)
            rate = schedule_rate_by_progress(run.step, progress, config.peak, config.warmup)
            losses.append(self._take_step(batch, rate))
            columns += int(batch.images.shape[0] * batch.images.shape[3])
            run.step += 1
            if run.step % _LOG_EVERY == 0:
                now = time.monotonic()
                values = {
                    "loss": round(float(np.mean(losses)), 4),
                    "rate": rate,
                    "columns_per_second": round(columns / (now - mark)),
                    "done": round(self.progress, 4),
                }
                self._log(values)
                losses, mark, columns = [], now, 0
            if run.step % config.validate_every == 0:
                self._log(self._validate())
                self._save()
        self._save()
        measures = self._validate()
        self._log(measures)
        if config.export is not None:
            measures |= self._export(config.export)
        return measures

    def _take_step(self, batch: TrainingBatch, rate: float) -> float:
        """Update the network by one batch and return the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        with autocast(self.device):
            logits = self.network(torch.from_numpy(batch.images).to(self.device))
        loss = compute_loss(
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
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _MAX_GRADIENT_NORM)
        new_rows = [parameter.data[self.known_rows :] for parameter in self.network.classifier.parameters()]
        before = [rows.clone() for rows in new_rows]
        self.optimizer.step()
        for rows, old in zip(new_rows, before, strict=True):
            # The steps of AdamW are proportional to the learning rate.
            rows.lerp_(old, 1.0 - self.config.extension_rate)
        self.average.update(self.network)
        return float(loss.detach())

    def _validate(self) -> dict[str, Any]:
        """Measure word F1 and character error rate of the averaged weights on labeled boxes."""
        with self.average.apply_to(self.network):
            logits = read_logits(self.network, self.validation, self.device)
        readings = [decode_segment(scores, self.alphabet).text for scores in logits]
        labels: dict[str, list[str]] = defaultdict(list)
        texts: dict[str, list[str]] = defaultdict(list)
        for sample, reading in zip(self.validation, readings, strict=True):
            labels[sample.receipt].append(sample.text)
            texts[sample.receipt].append(reading)
        f1 = compare_words(list(labels.values()), list(texts.values())).f1
        cer = compute_character_error_rate([sample.text for sample in self.validation], readings)
        return {"word_f1": round(f1, 4), "cer": round(cer, 4), "segments": len(self.validation)}

    def _export(self, folder: Path) -> dict[str, float]:
        """Write the averaged weights and return their measures on the whole validation split."""

        def measure() -> dict[str, Any]:
            settings = RecognizerSettings(weights=folder, device=str(self.device), threads=self.config.threads)
            found = evaluate(self.config.data, settings=settings)
            return {"split": "validation", "receipts": found["receipts"], **select_measures(found)}

        manifest = save_measured_weights(
            folder,
            arrays_of(self.average.state_dict()),
            measure,
            name=NAME,
            architecture=self.network.architecture.to_dict(),
            alphabet=self.alphabet.characters,
            training=self._describe_training(),
        )
        return {name: value for name, value in manifest.measures.items() if name.startswith("given_boxes.")}

    def _describe_training(self) -> dict[str, Any]:
        """Describe data, command and length of the training for the manifest."""
        config, sets = self.config, self.sets
        return {
            "data": "SROIE, split train (ICDAR 2019, CC BY 4.0)"
            + ("; WildReceipt, split train (arXiv:2103.14470, Apache-2.0)" if config.photographs else "")
            + ("; unlabeled pictures of it, where two readers agree" if config.unlabeled else ""),
            "start": self.origin,
            "hard_segments": len(sets.hard),
            "left_out_segments": sets.left_out,
            "hard_share": config.hard_share,
            "receipts": len(read_split_keys(config.data, "train")),
            "segments": len(sets.real),
            "synthetic_segments": len(sets.synthetic),
            "synthetic_share": config.synthetic_share if sets.synthetic else 0.0,
            "command": "python -m services.recognizer.training.train --data DIR"
            + (" --photographs DIR" if config.photographs else "")
            + (" --unlabeled DIR" if config.unlabeled else "")
            + (" --start DIR" if config.start else "")
            + (" --synthetic DIR" if sets.synthetic else "")
            + (f" --minutes {config.minutes:g}" if config.minutes is not None else f" --steps {config.steps}"),
            "steps": self.run.step,
            "minutes": round(self.run.seconds / 60, 1),
            "seed": config.seed,
            "columns": config.columns,
            "peak": config.peak,
        }

    def _save(self) -> None:
        self.run.save(model=self.network, optimizer=self.optimizer, average=self.average)

    def _log(self, values: dict[str, Any]) -> None:
        self.run.log(**values)
        self.report({"step": self.run.step, "done": self.progress, **values})


def _load_start(folder: Path, network: CRNN, alphabet: Alphabet) -> tuple[CRNN, int, str]:
    """Load released weights into the network to train.

    The preparation of shades may differ: the network to train adapts to it. So may the alphabet, if it only grows.

    Returns:
        The released network, extended to the alphabet; the number of output rows that it had; and its version.

    Raises:
        ValueError: If the weights have other sizes or other characters.
        WeightsError: If they cannot be read.
    """
    weights = read_weights(folder)
    architecture = dataclasses.replace(weights.architecture, classes=alphabet.classes)
    sizes = dataclasses.replace(architecture, leveled=network.architecture.leveled)
    if sizes != network.architecture:
        raise ValueError(f"The weights in {folder} have other sizes than the network to train.")
    released = build_network(extend_arrays(weights.arrays, weights.alphabet, alphabet), architecture)
    network.load_state_dict(released.state_dict())
    return released, weights.alphabet.classes, weights.version


def train(config: TrainingConfig, *, progress: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """Train and, if requested, export; arguments and errors as in `Trainer`.

    Returns:
        Measures of the averaged weights on a part of the validation split.
    """
    return Trainer(config, progress).train()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; see `shared.learning.recipes.parse_options`."""
    train(parse_options(TrainingConfig, RECIPES, arguments), progress=lambda values: print(values, flush=True))


if __name__ == "__main__":
    main()
