"""Which device torch runs a network on, and in which precision; networks that are run or trained with torch."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shared.inference.engines import Precision, uses_bfloat16
from shared.inference.weights import WeightsError
from shared.startup import StartupError


class DeviceError(StartupError, ValueError):
    """There is no such device; the message says what to do."""


def select_device(name: str = "auto") -> torch.device:
    """The device to run on.

    Args:
        name: `auto` (CUDA where there is one, else the CPU), or a name that torch knows (`cpu`, `cuda`, `cuda:1`).

    Raises:
        DeviceError: If the name is unknown, or CUDA is asked for and there is none: falling back to the CPU in silence
            would make a service slow without anybody knowing why.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"The device {name!r} is unknown; use auto, cpu or cuda.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"The device {name!r} was asked for, but torch finds no CUDA device; use auto or cpu.")
    return device


def inference_dtype(device: torch.device, precision: Precision = "auto") -> torch.dtype:
    """What the matrix work is done in.

    If `auto`, or int8, which only OpenVINO does here, it is bfloat16 where the device multiplies it, else float32.
    """
    return torch.bfloat16 if uses_bfloat16(precision, cuda=device.type == "cuda") else torch.float32


def autocast(device: torch.device, precision: Precision = "auto") -> AbstractContextManager[object]:
    """Runs the matrix work of a block in `inference_dtype`."""
    dtype = inference_dtype(device, precision)
    return contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def set_threads(count: int | None) -> None:
    """Limit the threads that torch uses for one operation; None leaves torch's default (one a core)."""
    if count is not None:
        torch.set_num_threads(max(1, count))


def load_into(network: nn.Module, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Puts the arrays of a weights file into a network, all of them and nothing else.

    Raises:
        WeightsError: Lists the arrays that are missing, unexpected or of another shape.
    """
    own = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    shapes = [
        f"{key}: {arrays[key].shape} instead of {own[key]}"
        for key in sorted(own.keys() & arrays.keys())
        if arrays[key].shape != own[key]
    ]
    faults = {
        "missing": sorted(own.keys() - arrays.keys()),
        "unexpected": sorted(arrays.keys() - own.keys()),
        "of another shape": shapes,
    }
    if any(faults.values()):
        listed = "; ".join(f"{fault}: {', '.join(keys)}" for fault, keys in faults.items() if keys)
        raise WeightsError(f"The weights do not fit {type(network).__name__}. Arrays {listed}.")
    network.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in arrays.items()})


def arrays_of(state: Mapping[str, torch.Tensor]) -> dict[str, NDArray[Any]]:
    """The tensors of a network's state as arrays, from whichever device."""
    return {key: value.detach().cpu().numpy() for key, value in state.items()}
