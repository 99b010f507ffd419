"""Learning-rate schedules, weight averages, and runs that can be resumed."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn


def schedule_rate_by_step(step: int, total: int, peak: float, warmup: int) -> float:
    """Return the learning rate at a step: linear warm-up to `peak`, then half a cosine to zero (arXiv:1608.03983).

    Args:
        step: Steps done.
        total: Planned number of steps.
        peak: Highest learning rate.
        warmup: Steps of warm-up.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return peak * 0.5 * (1.0 + math.cos(math.pi * progress))


def schedule_rate_by_progress(step: int, progress: float, peak: float, warmup: int) -> float:
    """Return the learning rate of a training that may end by time: warm-up by steps, half a cosine to zero by progress.

    Args:
        step: Steps done.
        progress: Share of the training that is done, 0 to 1; see `TrainingRun.compute_progress`.
        peak: Highest learning rate.
        warmup: Steps of warm-up.
    """
    return peak * min(1.0, (step + 1) / max(1, warmup)) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


class ExponentialMovingAverage:
    """Moving average of the parameters and float buffers of a network (Polyak and Juditsky, 1992).

    Args:
        model: Network to follow.
        decay: Share of the old average kept at each update, 0 to 1. It is lower over the first updates, so that the
            random start is forgotten soon.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.average = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Update the average with the current values of the network."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].lerp_(value, 1.0 - decay)
            else:
                self.average[name].copy_(value)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the averaged values by the names of the network."""
        return self.average

    def load_state_dict(self, state: dict[str, torch.Tensor], updates: int) -> None:
        """Restore a saved average."""
        self.updates = updates
        for name, value in state.items():
            self.average[name].copy_(value)

    @contextlib.contextmanager
    def apply_to(self, model: nn.Module) -> Iterator[None]:
        """Put the averaged values into the network for the duration of a block."""
        own = {name: value.detach().clone() for name, value in model.state_dict().items()}
        model.load_state_dict(self.average)
        try:
            yield
        finally:
            model.load_state_dict(own)


class TrainingRun:
    """Folder with the checkpoint and the log of one training. An interrupted run resumes from its checkpoint.

    `log.jsonl` has one JSON object per line with `step` and `seconds` (of training, over all restarts). The checkpoint
    is `checkpoint.safetensors`: network, average and optimizer, with step and settings in its metadata; nothing is
    pickled.

    Args:
        folder: Created if it is missing.
        seed: Seed of random, numpy and torch.
        fresh: Whether to delete a checkpoint that is there.
    """

    def __init__(self, folder: Path, seed: int, *, fresh: bool = False) -> None:
        self.folder = folder
        self._checkpoint = folder / "checkpoint.safetensors"
        self.step = 0
        self._seconds_before = 0.0
        self._started = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        if fresh:
            self._checkpoint.unlink(missing_ok=True)
        seed_everything(seed)

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return self._checkpoint.exists()

    @property
    def seconds(self) -> float:
        """Seconds of training so far, over all restarts."""
        return self._seconds_before + time.monotonic() - self._started

    def compute_progress(self, steps: int, minutes: float | None) -> float:
        """Return the share of the plan that is done, 0 to 1: of the steps or of the minutes, whichever is larger."""
        by_time = self.seconds / (60.0 * minutes) if minutes is not None else 0.0
        return min(1.0, max(self.step / steps, by_time))

    def log(self, **values: float | int | str | None) -> None:
        """Append one line to the log."""
        record = {"step": self.step, "seconds": round(self.seconds, 1), **values}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def save(
        self,
        *,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        average: ExponentialMovingAverage | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        """Write a checkpoint. It replaces the last one only when it is complete."""
        tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
        if average is not None:
            tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
        state = optimizer.state_dict()
        for index, slots in state["state"].items():
            for slot, value in slots.items():
                tensors[f"optimizer.{index}.{slot}"] = torch.as_tensor(value)
        meta = {
            "step": self.step,
            "seconds": self.seconds,
            "updates": average.updates if average is not None else 0,
            "param_groups": state["param_groups"],
            "extra": extra or {},
        }
        data = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        part = self._checkpoint.with_name(f"{self._checkpoint.name}.part")
        save_file(data, part, metadata={"meta": json.dumps(meta)})
        os.replace(part, self._checkpoint)

    def resume(
        self,
        *,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        average: ExponentialMovingAverage | None = None,
    ) -> dict[str, Any] | None:
        """Load the checkpoint, if there is one.

        Returns:
            The values saved as `extra`, or None without a checkpoint.
        """
        if not self.has_checkpoint:
            return None
        meta = _read_metadata(self._checkpoint)
        tensors = load_file(self._checkpoint)
        model.load_state_dict(_select_prefix(tensors, "model."))
        if average is not None:
            average.load_state_dict(_select_prefix(tensors, "average."), meta["updates"])
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in _select_prefix(tensors, "optimizer.").items():
            index, slot = name.split(".", 1)
            slots.setdefault(int(index), {})[slot] = value
        optimizer.load_state_dict({"state": slots, "param_groups": meta["param_groups"]})
        self.step = int(meta["step"])
        self._seconds_before = float(meta["seconds"])
        # The order of samples differs from the first part of the run, but is the same at every restart from this step.
        seed_everything(self.step + 1)
        extra: dict[str, Any] = meta["extra"]
        return extra


def seed_everything(seed: int) -> None:
    """Seed random, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _select_prefix(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _read_metadata(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    meta: dict[str, Any] = json.loads(header["__metadata__"]["meta"])
    return meta
