"""What the three trainings share: runs that can be resumed, logs that can be plotted, schedules and averages.

Never imported by code that serves requests.
"""

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


def cosine_schedule(step: int, total: int, peak: float, warmup: int) -> float:
    """Learning rate at a step: linear warm-up to `peak`, then half a cosine down to zero (arXiv:1608.03983)."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return peak * 0.5 * (1.0 + math.cos(math.pi * progress))


class ExponentialMovingAverage:
    """A moving average of a network's parameters and float buffers (Polyak and Juditsky, 1992).

    Args:
        model: The network to follow.
        decay: Share of the old average kept at each update, 0 to 1; shorter over the first updates, so that the random
            start is soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.average = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take the network's present values into the average."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].lerp_(value, 1.0 - decay)
            else:
                self.average[name].copy_(value)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The averaged values, by the network's own names."""
        return self.average

    def load_state_dict(self, state: dict[str, torch.Tensor], updates: int) -> None:
        """Go on from an average that was saved."""
        self.updates = updates
        for name, value in state.items():
            self.average[name].copy_(value)

    @contextlib.contextmanager
    def applied_to(self, model: nn.Module) -> Iterator[None]:
        """Run a block with the averaged values in the network, then put its own back."""
        own = {name: value.detach().clone() for name, value in model.state_dict().items()}
        model.load_state_dict(self.average)
        try:
            yield
        finally:
            model.load_state_dict(own)


class TrainingRun:
    """A folder with the checkpoint and the log of one training; a run that was interrupted goes on where it stood.

    `log.jsonl` has one JSON object a line with `step` and `seconds` (of training, over all restarts). The checkpoint is
    `checkpoint.safetensors`: network, average and optimizer, with step and settings in its metadata; no pickle.

    Args:
        folder: Made if it is missing.
        seed: Seeds random, numpy and torch.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.step = 0
        self._seconds_before = 0.0
        self._started = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        seed_everything(seed)

    @property
    def seconds(self) -> float:
        """Seconds of training so far, over all restarts."""
        return self._seconds_before + time.monotonic() - self._started

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
        """Write a checkpoint; one that is cut off by a crash never replaces the last good one."""
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
        part = self.folder / "checkpoint.safetensors.part"
        save_file(data, part, metadata={"meta": json.dumps(meta)})
        os.replace(part, self.folder / "checkpoint.safetensors")

    def resume(
        self,
        *,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        average: ExponentialMovingAverage | None = None,
    ) -> dict[str, Any] | None:
        """Load the checkpoint, if there is one, and return what was saved as `extra`; None at a fresh start."""
        path = self.folder / "checkpoint.safetensors"
        if not path.exists():
            return None
        meta = _read_metadata(path)
        tensors = load_file(path)
        model.load_state_dict(_with_prefix(tensors, "model."))
        if average is not None:
            average.load_state_dict(_with_prefix(tensors, "average."), meta["updates"])
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in _with_prefix(tensors, "optimizer.").items():
            index, slot = name.split(".", 1)
            slots.setdefault(int(index), {})[slot] = value
        optimizer.load_state_dict({"state": slots, "param_groups": meta["param_groups"]})
        self.step = int(meta["step"])
        self._seconds_before = float(meta["seconds"])
        # Another order of samples than the run has had, yet the same one each time it is resumed at this step.
        seed_everything(self.step + 1)
        extra: dict[str, Any] = meta["extra"]
        return extra


def seed_everything(seed: int) -> None:
    """Seed random, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _with_prefix(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _read_metadata(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    meta: dict[str, Any] = json.loads(header["__metadata__"]["meta"])
    return meta
