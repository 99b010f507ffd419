"""What the CPU supports, and how a process uses it."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
# Features that values of ONEDNN_MAX_CPU_ISA forbid.
_FORBIDDEN = {
    "AVX2": ("amx", "avx512", "avx_vnni"),
    "AVX2_VNNI": ("amx", "avx512"),
    "AVX512_CORE": ("amx", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx_vnni"),
    "AVX512_CORE_VNNI": ("amx", "avx512_bf16", "avx512_fp16"),
    "AVX512_CORE_BF16": ("amx", "avx512_fp16"),
    "AVX512_CORE_FP16": ("amx",),
}
_M_ARENA_MAX = -8  # malloc.h of glibc


@cache
def cpu_features() -> frozenset[str]:
    """Return the CPU's features by their Linux names, for example `amx_bf16`; none on other systems.

    Features that ONEDNN_MAX_CPU_ISA forbids are left out.
    """
    try:
        lines = _CPUINFO.read_text(encoding="ascii", errors="ignore").splitlines()
    except OSError:
        return frozenset()
    names = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split()
    forbidden = _FORBIDDEN.get(os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper(), ())
    return frozenset(name for name in names if not name.startswith(forbidden))


def has_bfloat16() -> bool:
    """Return whether the CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX); otherwise bfloat16 is slower."""
    return bool({"avx512_bf16", "amx_bf16"} & cpu_features())


def has_fast_int8() -> bool:
    """Return whether int8 is faster than float32: twice as fast with AVX2 alone, much faster with VNNI or AMX."""
    return "avx2" in cpu_features() or has_int8_dot_product()


def has_int8_dot_product() -> bool:
    """Return whether the CPU multiplies and adds int8 in one instruction (VNNI or AMX).

    Otherwise, sums of two products are kept in 16 bits, which overflow with 8-bit weights.
    """
    return bool({"amx_int8", "avx512_vnni", "avx_vnni"} & cpu_features())


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def share_memory_arena() -> None:
    """Let all threads of this process share one memory arena of glibc; do nothing with other C libraries.

    A network receives pictures of ever new sizes. Otherwise, each thread that ran it would keep its largest buffers in
    its own arena: on 30 receipts, the peak was 1,289 MiB instead of 1,073, at the same speed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
