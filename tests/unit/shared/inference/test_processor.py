"""Tests of the features of the CPU, within what the libraries may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.inference import processor
from shared.inference.processor import count_cores, cpu_features, has_bfloat16, has_fast_int8, has_int8_dot_product


@pytest.fixture(autouse=True)
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "cpuinfo"
    path.write_text("model name\t: A\nflags\t\t: fpu avx2 avx_vnni avx512f avx512_vnni avx512_bf16 amx_bf16 amx_int8\n")
    monkeypatch.setattr(processor, "_CPUINFO", path)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    cpu_features.cache_clear()
    yield path
    cpu_features.cache_clear()


@pytest.mark.parametrize(
    ("limit", "bfloat16", "int8"),
    [
        ("", True, True),
        ("AVX512_CORE_AMX", True, True),
        ("AVX512_CORE_BF16", True, True),
        ("avx512_core_vnni", False, True),
        ("AVX2_VNNI", False, True),
        ("AVX2", False, False),
    ],
)
def test_limit_of_the_libraries_applies(
    monkeypatch: pytest.MonkeyPatch, limit: str, bfloat16: bool, int8: bool
) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert (has_bfloat16(), has_int8_dot_product()) == (bfloat16, int8)
    assert has_fast_int8()  # also with AVX2 alone
    assert "avx2" in cpu_features()


def test_unknown_system_has_no_features(cpuinfo: Path) -> None:
    cpuinfo.unlink()
    assert cpu_features() == frozenset()
    assert not has_fast_int8()
    assert count_cores() >= 1
