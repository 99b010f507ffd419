"""Which device runs a network, and in which precision."""

from __future__ import annotations

import contextlib
import ctypes
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


def inference_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 for the matrix work where the device multiplies it, float32 otherwise."""
    fast = device.type == "cuda" or (device.type == "cpu" and cpu_has_bfloat16())
    return torch.bfloat16 if fast else torch.float32


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Runs the matrix work of a block in `inference_dtype`."""
    dtype = inference_dtype(device)
    return contextlib.nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def set_threads(count: int | None) -> None:
    """Limit the threads that torch uses for one operation; None leaves torch's default (one a core)."""
    if count is not None:
        torch.set_num_threads(max(1, count))


def share_memory_arena() -> None:
    """Let the threads of this process share one arena of the C library's allocator; nothing where it is not glibc.

    A network sees pictures of ever new sizes, and every thread that ran it would keep the largest it had in an arena of
    its own: on 30 receipts a peak of 1,289 MiB instead of 1,073, at the same speed.
    """
    most_arenas = -8  # M_ARENA_MAX of malloc.h
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(most_arenas, 1)
