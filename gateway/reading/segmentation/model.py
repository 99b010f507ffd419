"""Estimate which boundaries part segments: a perceptron with one hidden layer. numpy only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from shared.arrays import Floats

PATH = Path(__file__).with_name("weights.json")
"""The released weights."""
MAX_DEVIATION = 6.0
"""Features are clipped this many standard deviations from their mean."""
_NUMBERS = ("bias", "split", "join")
_LAYERS = ("mean", "scale", "hidden", "hidden_bias", "output")


@dataclass(frozen=True)
class BoundaryModel:
    """A model of F features and H hidden units.

    Attributes:
        mean: `(F,)` subtracted from the features.
        scale: `(F,)` by which they are divided then.
        hidden: `(F, H)` weights of the hidden units, which are rectified.
        hidden_bias: `(H,)`.
        output: `(H,)` weights of the logit.
        bias: Constant of the logit.
        split: Logit above which words of one line are parted.
        join: Logit below which neighboring lines are joined.
    """

    mean: Floats
    scale: Floats
    hidden: Floats
    hidden_bias: Floats
    output: Floats
    bias: float
    split: float
    join: float

    @classmethod
    def load(cls, path: Path = PATH) -> BoundaryModel:
        """Read a model that `save` wrote; raise `OSError`, `KeyError` or `ValueError` if it is not one."""
        values = json.loads(path.read_text(encoding="utf-8"))
        arguments: dict[str, Any] = {name: np.array(values[name], np.float32) for name in _LAYERS}
        arguments |= {name: float(values[name]) for name in _NUMBERS}
        model = cls(**arguments)
        features, units = model.hidden.shape
        shapes = [getattr(model, name).shape for name in _LAYERS]
        if shapes != [(features,), (features,), (features, units), (units,), (units,)]:
            raise ValueError(f"{path}: the layers do not fit each other")
        return model

    def save(self, path: Path, **about: Any) -> None:
        """Write the model as JSON, with what is to be known about it."""
        layers = {name: _to_list(getattr(self, name)) for name in _LAYERS}
        numbers = {name: round(getattr(self, name), 4) for name in _NUMBERS}
        path.write_text(json.dumps({**about, **numbers, **layers}, separators=(",", ":")) + "\n", encoding="utf-8")

    def compute_logits(self, features: Floats) -> Floats:
        """Return the logits `(B,)` of parting boundaries with features `(B, F)`; positive if that is more likely."""
        low, high, weights, bias = self._folded
        units = np.maximum(np.clip(features, low, high) @ weights + bias, 0.0)
        return np.asarray(units @ self.output + self.bias, np.float32)

    @cached_property
    def _folded(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Bounds of the features, and weights and biases of the hidden units for features that are not scaled."""
        reach = MAX_DEVIATION * self.scale
        weights = self.hidden / self.scale[:, None]
        return self.mean - reach, self.mean + reach, weights, self.hidden_bias - self.mean @ weights


def _to_list(values: Floats) -> Any:
    """Return numbers with four digits: more say nothing, and take space."""
    if values.ndim > 1:
        return [_to_list(row) for row in values]
    return [float(f"{value:.4g}") for value in values.tolist()]
