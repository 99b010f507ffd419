"""Which device runs a network, and in which precision."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import torch


def select_device(name: str = "auto") -> torch.device:
    """The device to run on.

    Args:
        name: `auto` (CUDA where there is one, else the CPU), or a name that torch knows (`cpu`, `cuda`, `cuda:1`).

    Raises:
        ValueError: If the name is unknown, or CUDA is asked for and there is none: falling back to the CPU in silence
            would make a service slow without anybody knowing why.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device {name!r} is unknown; use auto, cpu or cuda") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {name!r} was asked for, but torch finds no CUDA device; use auto or cpu")
    return device


@cache
def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX); without it bfloat16 only costs."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 for the matrix work where the device has it, float32 otherwise."""
    if device.type == "cuda" or (device.type == "cpu" and cpu_has_bfloat16()):
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def set_threads(count: int | None) -> None:
    """Limit the threads that torch uses for one operation; None leaves torch's default (one a core)."""
    if count is not None:
        torch.set_num_threads(max(1, count))
