"""Networks in torch: device, precision, weights."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shared.arrays import NamedArrays
from shared.inference.engines import Precision, uses_bfloat16
from shared.inference.weights import WeightsError
from shared.startup import StartupError


class DeviceError(StartupError, ValueError):
    """The device does not exist; the message says what to do."""


def select_device(name: str = "auto") -> torch.device:
    """Return the device on which to run.

    Args:
        name: `auto` (CUDA if there is a GPU, otherwise the CPU), or a name that torch knows (`cpu`, `cuda`, `cuda:1`).

    Raises:
        DeviceError: If the name is unknown, or if CUDA is requested without a GPU. Falling back to the CPU would make a
            service slow without a visible reason.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"The device {name!r} is unknown. Use auto, cpu or cuda.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"The device {name!r} was requested, but torch finds no CUDA device. Use auto or cpu.")
    return device


def inference_dtype(device: torch.device, precision: Precision = "auto") -> torch.dtype:
    """Return the type in which matrices are multiplied.

    With `auto`, and with int8, which only OpenVINO supports, that is bfloat16 if the device is fast at it, otherwise
    float32.
    """
    return torch.bfloat16 if uses_bfloat16(precision, cuda=device.type == "cuda") else torch.float32


def autocast(device: torch.device, precision: Precision = "auto") -> AbstractContextManager[object]:
    """Multiply matrices inside the block in `inference_dtype`."""
    dtype = inference_dtype(device, precision)
    return contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def set_threads(count: int | None) -> None:
    """Limit the threads that torch uses for one operation; None keeps torch's default, one per core."""
    if count is not None:
        torch.set_num_threads(max(1, count))


def load_into(network: nn.Module, arrays: NamedArrays) -> None:
    """Load the arrays of a weights file into a network.

    Raises:
        WeightsError: If arrays are missing, unexpected or of another shape; the message lists them.
    """
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    shapes = [
        f"{key}: {arrays[key].shape} instead of {expected[key]}"
        for key in sorted(expected.keys() & arrays.keys())
        if arrays[key].shape != expected[key]
    ]
    mismatches = {
        "missing": sorted(expected.keys() - arrays.keys()),
        "unexpected": sorted(arrays.keys() - expected.keys()),
        "of another shape": shapes,
    }
    if any(mismatches.values()):
        listed = "; ".join(f"{kind}: {', '.join(keys)}" for kind, keys in mismatches.items() if keys)
        raise WeightsError(f"The weights do not fit {type(network).__name__}. Arrays {listed}.")
    network.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in arrays.items()})


def arrays_of(state: Mapping[str, torch.Tensor]) -> dict[str, NDArray[Any]]:
    """Return the tensors of a network's state as arrays on the host."""
    return {key: value.detach().cpu().numpy() for key, value in state.items()}
