"""What the processor can do, and how a process uses it."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
#: What the values of ONEDNN_MAX_CPU_ISA forbid.
_BEYOND = {
    "AVX2": ("amx", "avx512", "avx_vnni"),
    "AVX2_VNNI": ("amx", "avx512"),
    "AVX512_CORE": ("amx", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx_vnni"),
    "AVX512_CORE_VNNI": ("amx", "avx512_bf16", "avx512_fp16"),
    "AVX512_CORE_BF16": ("amx", "avx512_fp16"),
    "AVX512_CORE_FP16": ("amx",),
}


@cache
def flags() -> frozenset[str]:
    """Names of the processor's features as Linux gives them, for example `amx_bf16`; none where it does not.

    Those that ONEDNN_MAX_CPU_ISA forbids the libraries to use are left out.
    """
    try:
        lines = _CPUINFO.read_text(encoding="ascii", errors="ignore").splitlines()
    except OSError:
        return frozenset()
    found = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split()
    forbidden = _BEYOND.get(os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper(), ())
    return frozenset(name for name in found if not name.startswith(forbidden))


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX); without it bfloat16 only costs."""
    return bool({"avx512_bf16", "amx_bf16"} & flags())


def has_int8() -> bool:
    """Whether int8 is multiplied quicker than float32: twice as quickly with AVX2 alone, far more with VNNI or AMX."""
    return "avx2" in flags() or adds_up_int8()


def adds_up_int8() -> bool:
    """Whether the processor multiplies and adds up int8 in one instruction (AMX or VNNI).

    Without it, sums of two products are kept in 16 bits, which those of 8-bit weights exceed.
    """
    return bool({"amx_int8", "avx512_vnni", "avx_vnni"} & flags())


def cores() -> int:
    """Cores that this process may use; fewer than there are where it is bound to some of them."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def share_memory_arena() -> None:
    """Let the threads of this process share one arena of the C library's allocator; nothing where it is not glibc.

    A network sees pictures of ever new sizes, and every thread that ran it would keep the largest it had in an arena of
    its own: on 30 receipts a peak of 1,289 MiB instead of 1,073, at the same speed.
    """
    most_arenas = -8  # M_ARENA_MAX of malloc.h
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(most_arenas, 1)
