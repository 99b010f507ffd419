"""Tests of the choice of library, device and precision."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import torch

from gateway.storage.cache import CacheKey, ContentId
from services.detector.predictor import Predictor
from services.detector.settings import DetectorSettings
from shared.contracts import Models
from shared.inference import engines
from shared.inference.device import DeviceError, inference_dtype, select_device
from shared.inference.engines import EngineError, choose_engine, describe_arithmetic


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Pretend to be a machine with OpenVINO and torch for CUDA, but without a CUDA device."""
    install(monkeypatch, openvino="2026.4.1", torch="2.13.0+cu130")
    monkeypatch.setattr(engines, "_CUDA_DRIVER", tmp_path / "version")
    return monkeypatch


def install(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(engines, "find_spec", lambda name: ModuleSpec(name, None) if name in versions else None)
    monkeypatch.setattr(engines, "version", version)


def test_openvino_runs_on_cpus_and_torch_on_cuda(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert choose_engine("auto", "auto") == "openvino"
    assert choose_engine("auto", "cpu") == "openvino"
    assert choose_engine("auto", "cuda:1") == "torch"
    assert choose_engine("torch", "cpu") == "torch"
    (tmp_path / "version").touch()
    assert choose_engine("auto", "auto") == "torch"
    assert choose_engine("auto", "cpu") == "openvino"


def test_cpu_build_of_torch_is_not_chosen_for_a_cuda_device(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "version").touch()
    install(machine, openvino="2026.4.1", torch="2.13.0+cpu")
    assert choose_engine("auto", "auto") == "openvino"


def test_missing_library_is_reported(machine: pytest.MonkeyPatch) -> None:
    install(machine, openvino="2026.4.1")
    assert choose_engine("auto", "auto") == "openvino"
    with pytest.raises(EngineError, match=r"pip install 'quittance\[torch\]'"):
        choose_engine("auto", "cuda")
    install(machine, torch="2.13.0")
    assert choose_engine("auto", "cpu") == "torch"
    with pytest.raises(EngineError, match="pip install openvino"):
        choose_engine("openvino", "cpu")


@pytest.mark.parametrize(("name", "device"), [("openvino", "cuda"), ("auto", "abacus"), ("torch", "cuda:x")])
def test_rejects_impossible_combinations(machine: pytest.MonkeyPatch, name: engines.EngineChoice, device: str) -> None:
    with pytest.raises(EngineError, match=device):
        choose_engine(name, device)


def test_missing_device_is_reported() -> None:
    with pytest.raises(DeviceError, match="abacus"):
        select_device("abacus")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="no CUDA device"):
            select_device("cuda")


def test_requested_precision_is_used() -> None:
    assert inference_dtype(torch.device("cpu"), "float32") == torch.float32
    assert inference_dtype(torch.device("cpu"), "bfloat16") == torch.bfloat16
    assert inference_dtype(torch.device("cuda")) == torch.bfloat16


@pytest.mark.parametrize(
    ("features", "is_quantized", "expected"),
    [
        ({"amx_int8", "amx_bf16"}, True, "openvino-int8-bfloat16"),
        ({"avx512_vnni"}, True, "openvino-int8-float32"),
        ({"amx_int8", "amx_bf16"}, False, "openvino-bfloat16"),
        ({"avx2"}, True, "openvino-int7-float32"),
        ({"avx2"}, False, "openvino-float32"),
        (set(), True, "openvino-float32"),
    ],
)
def test_arithmetic_depends_on_the_cpu(
    machine: pytest.MonkeyPatch, features: set[str], is_quantized: bool, expected: str
) -> None:
    machine.setattr("shared.inference.processor.cpu_features", lambda: frozenset(features))
    assert describe_arithmetic("auto", "cpu", "auto", is_quantized) == expected
    assert describe_arithmetic("auto", "cpu", "float32", is_quantized) == "openvino-float32"
    assert describe_arithmetic("auto", "cuda", "auto", is_quantized) == "torch-bfloat16"
    assert describe_arithmetic("torch", "cpu", "auto", is_quantized) == (
        "torch-bfloat16" if "amx_bf16" in features else "torch-float32"
    )


def test_caches_do_not_mix_precisions() -> None:
    versions = [Predictor.load(DetectorSettings(precision=one)).version for one in ("int8", "float32")]
    assert len({version.rpartition("+")[0] for version in versions}) == 1
    models = [Models(detector=version, recognizer="r", extractor="e") for version in versions]
    assert len({CacheKey(ContentId("0" * 64), one).text for one in models}) == 2
