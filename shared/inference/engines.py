"""Which library runs the networks: OpenVINO on CPUs, torch on CUDA."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from shared.inference.processor import has_bfloat16, has_fast_int8, has_int8_dot_product
from shared.startup import StartupError

EngineName = Literal["openvino", "torch"]
EngineChoice = Literal["auto", "openvino", "torch"]
Precision = Literal["auto", "int8", "bfloat16", "float32"]

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
_CUDA_DRIVER = Path("/proc/driver/nvidia/version")
_INSTALL = {"openvino": "pip install openvino", "torch": "pip install 'quittance[torch]'"}


class EngineError(StartupError):
    """No installed library can run the networks as requested; the message says what to do."""


def choose_engine(name: EngineChoice, device: str) -> EngineName:
    """Choose the library without importing any.

    On two cores with AMX, a receipt takes 0.41 s with OpenVINO in bfloat16 and 0.63 s with torch.

    Args:
        name: `auto`, or a library.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        EngineError: If the device is unknown, or if the library is not installed or does not run on the device.
    """
    if not _DEVICE.fullmatch(device):
        raise EngineError(f"The device {device!r} is unknown. Set QUITTANCE_DEVICE to auto, cpu, cuda or cuda:N.")
    if name == "openvino" and device.startswith("cuda"):
        raise EngineError(f"OpenVINO does not run on the device {device!r}. Set QUITTANCE_ENGINE to torch or auto.")
    if name == "auto":
        name = _choose_for_device(device)
    if find_spec(name) is None:
        raise EngineError(f"The networks need {name}, which is not installed. Run `{_INSTALL[name]}`.")
    return name


def uses_int8(precision: Precision) -> bool:
    """Return whether OpenVINO computes quantized layers in int8."""
    return precision == "int8" or (precision == "auto" and has_fast_int8())


def uses_bfloat16(precision: Precision, *, cuda: bool = False) -> bool:
    """Return whether layers that are not quantized are computed in bfloat16, on the CPU or on CUDA."""
    return precision == "bfloat16" or (precision in ("auto", "int8") and (cuda or has_bfloat16()))


def describe_arithmetic(name: EngineChoice, device: str, precision: Precision, is_quantized: bool) -> str:
    """Describe library and arithmetic, as part of the version of a network's answers.

    A confidence, and now and then a character, differs between int8, bfloat16 and float32. Machines that share a cache
    may choose differently, and the cache must not mix their answers.

    Args:
        name: As for `choose_engine`.
        device: As for `choose_engine`.
        precision: Arithmetic of the settings.
        is_quantized: Whether some layers can be computed in int8.

    Returns:
        For example `openvino-int8-bfloat16`. int7 means int8 with 7-bit weights, see `shared.inference.graphs`.

    Raises:
        EngineError: As `choose_engine`.
    """
    library = choose_engine(name, device)
    cuda = library == "torch" and _runs_on_cuda(device)
    parts: list[str] = [library]
    if library == "openvino" and is_quantized and uses_int8(precision):
        parts.append("int8" if has_int8_dot_product() else "int7")
    parts.append("bfloat16" if uses_bfloat16(precision, cuda=cuda) else "float32")
    return "-".join(parts)


def _runs_on_cuda(device: str) -> bool:
    return device.startswith("cuda") or (device == "auto" and _CUDA_DRIVER.exists() and _has_cuda_torch())


def _choose_for_device(device: str) -> EngineName:
    """Choose torch on CUDA, and on the CPU only if OpenVINO is not installed."""
    if _runs_on_cuda(device):
        return "torch"
    return "torch" if find_spec("openvino") is None and find_spec("torch") is not None else "openvino"


def _has_cuda_torch() -> bool:
    """Return whether torch is installed in a build other than the CPU-only one."""
    try:
        return not version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False
