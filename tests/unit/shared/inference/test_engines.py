"""Which library runs the networks is chosen by what is asked for and what is there."""

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
    """A machine with OpenVINO and torch for CUDA, but no CUDA device."""
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


def test_processors_run_openvino_and_cuda_runs_torch(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert choose_engine("auto", "auto") == "openvino"
    assert choose_engine("auto", "cpu") == "openvino"
    assert choose_engine("auto", "cuda:1") == "torch"
    assert choose_engine("torch", "cpu") == "torch"
    (tmp_path / "version").touch()
    assert choose_engine("auto", "auto") == "torch"
    assert choose_engine("auto", "cpu") == "openvino"


def test_a_torch_without_cuda_is_not_chosen_for_a_cuda_device(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "version").touch()
    install(machine, openvino="2026.4.1", torch="2.13.0+cpu")
    assert choose_engine("auto", "auto") == "openvino"


def test_what_is_missing_is_told(machine: pytest.MonkeyPatch) -> None:
    install(machine, openvino="2026.4.1")
    assert choose_engine("auto", "auto") == "openvino"
    with pytest.raises(EngineError, match=r"pip install 'quittance\[torch\]'"):
        choose_engine("auto", "cuda")
    install(machine, torch="2.13.0")
    assert choose_engine("auto", "cpu") == "torch"
    with pytest.raises(EngineError, match="pip install openvino"):
        choose_engine("openvino", "cpu")


@pytest.mark.parametrize(("name", "device"), [("openvino", "cuda"), ("auto", "abacus"), ("torch", "cuda:x")])
def test_what_cannot_be_is_refused(machine: pytest.MonkeyPatch, name: engines.EngineChoice, device: str) -> None:
    with pytest.raises(EngineError, match=device):
        choose_engine(name, device)


def test_torch_tells_of_a_device_that_is_not_there() -> None:
    with pytest.raises(DeviceError, match="abacus"):
        select_device("abacus")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="no CUDA device"):
            select_device("cuda")


def test_the_precision_asked_for_is_taken() -> None:
    assert inference_dtype(torch.device("cpu"), "float32") == torch.float32
    assert inference_dtype(torch.device("cpu"), "bfloat16") == torch.bfloat16
    assert inference_dtype(torch.device("cuda")) == torch.bfloat16


@pytest.mark.parametrize(
    ("features", "quantized", "expected"),
    [
        ({"amx_int8", "amx_bf16"}, True, "openvino-int8-bfloat16"),
        ({"avx512_vnni"}, True, "openvino-int8-float32"),
        ({"amx_int8", "amx_bf16"}, False, "openvino-bfloat16"),
        ({"avx2"}, True, "openvino-int7-float32"),
        ({"avx2"}, False, "openvino-float32"),
        (set(), True, "openvino-float32"),
    ],
)
def test_what_is_computed_with_follows_the_processor(
    machine: pytest.MonkeyPatch, features: set[str], quantized: bool, expected: str
) -> None:
    machine.setattr("shared.inference.processor.cpu_features", lambda: frozenset(features))
    assert describe_arithmetic("auto", "cpu", "auto", quantized) == expected
    assert describe_arithmetic("auto", "cpu", "float32", quantized) == "openvino-float32"
    assert describe_arithmetic("auto", "cuda", "auto", quantized) == "torch-bfloat16"
    assert describe_arithmetic("torch", "cpu", "auto", quantized) == (
        "torch-bfloat16" if "amx_bf16" in features else "torch-float32"
    )


def test_caches_do_not_mix_what_was_computed_with_different_numbers() -> None:
    versions = [Predictor.load(DetectorSettings(precision=one)).version for one in ("int8", "float32")]
    assert len({version.rpartition("+")[0] for version in versions}) == 1
    models = [Models(detector=version, recognizer="r", extractor="e") for version in versions]
    assert len({CacheKey(ContentId("0" * 64), one).text for one in models}) == 2
