"""Start a training from released weights, whose network may have fewer inputs and classes. Training only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.extractor.network.architecture import Architecture
from services.extractor.network.classes import OTHER
from services.extractor.network.loading import NAME
from services.extractor.network.network import CharacterLSTM
from shared.inference.device import load_into
from shared.inference.weights import load_weights

_INPUT_ARRAYS = ("convolution.weight", "first.ahead.weight_ih_l0", "first.back.weight_ih_l0")
_NOISE = 0.01


def start_from(folder: Path, network: CharacterLSTM) -> str:
    """Load weights into a network and return their version.

    Features that the weights do not know, which are always the last ones, start with a weight of zero.

    Raises:
        WeightsError: If the weights cannot be read or do not fit the network.
    """
    manifest, arrays = load_weights(folder, name=NAME)
    own = network.state_dict()
    for name in _INPUT_ARRAYS:
        added = max(own[name].shape[1] - arrays[name].shape[1], 0)
        arrays[name] = np.pad(arrays[name], [(0, 0), (0, added), *[(0, 0)] * (arrays[name].ndim - 2)])
    before = Architecture.from_dict(manifest.architecture["network"])
    if before.outputs != network.architecture.outputs:
        widen(arrays, before, network.architecture)
    load_into(network, arrays)
    return manifest.version


def widen(arrays: dict[str, npt.NDArray[Any]], before: Architecture, after: Architecture) -> None:
    """Add outputs for new classes, in place; they share the probability of `other` evenly.

    The probabilities of the old classes stay as they are.
    """
    weight, bias = arrays["classifier.weight"], arrays["classifier.bias"]
    draw = np.random.default_rng(0)
    wide = draw.normal(0.0, _NOISE, (after.outputs, weight.shape[1])).astype(np.float32)
    wide_bias = np.zeros(after.outputs, np.float32)
    sharing = [name for name in after.classes if name == OTHER or name not in before.classes]
    for number, name in enumerate(after.classes):
        row = before.classes.index(OTHER if name in sharing else name)
        wide[number] = weight[row] + (wide[number] if name in sharing else 0.0)
        wide_bias[number] = bias[row] - (np.log(len(sharing)) if name in sharing else 0.0)
    arrays["classifier.weight"], arrays["classifier.bias"] = wide, wide_bias
