"""Which library runs the networks: OpenVINO on processors, torch on CUDA."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from shared.inference.processor import adds_up_int8, has_bfloat16, has_int8
from shared.startup import StartupError

EngineName = Literal["openvino", "torch"]
EngineChoice = Literal["auto", "openvino", "torch"]
Precision = Literal["auto", "int8", "bfloat16", "float32"]

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
_CUDA_DRIVER = Path("/proc/driver/nvidia/version")
_INSTALL = {"openvino": "pip install openvino", "torch": "pip install 'quittance[torch]'"}


class EngineError(StartupError):
    """No library that could run the networks as asked is there; the message says what to do."""


def choose_engine(name: EngineChoice, device: str) -> EngineName:
    """Choose the library without importing any.

    On two cores with AMX, a receipt takes 0.41 s with OpenVINO in bfloat16 where it took 0.63 s with torch.

    Args:
        name: `auto`, or the library.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        EngineError: If the device is unknown, or the library is not installed or cannot run on it.
    """
    if not _DEVICE.fullmatch(device):
        raise EngineError(f"The device {device!r} is unknown. Set QUITTANCE_DEVICE to auto, cpu, cuda or cuda:N.")
    if name == "openvino" and device.startswith("cuda"):
        raise EngineError(f"OpenVINO does not run on the device {device!r}. Set QUITTANCE_ENGINE=torch, or auto.")
    if name == "auto":
        name = _for_device(device)
    if find_spec(name) is None:
        raise EngineError(f"The networks are to run with {name}, which is not installed: {_INSTALL[name]}")
    return name


def uses_int8(precision: Precision) -> bool:
    """Whether OpenVINO multiplies int8 in the layers that are quantized."""
    return precision == "int8" or (precision == "auto" and has_int8())


def uses_bfloat16(precision: Precision, *, cuda: bool = False) -> bool:
    """Whether bfloat16 is multiplied, in layers that are not quantized, on the processor or on CUDA."""
    return precision == "bfloat16" or (precision in ("auto", "int8") and (cuda or has_bfloat16()))


def arithmetic(name: EngineChoice, device: str, precision: Precision, *, quantized: bool) -> str:
    """What a network is computed with, as part of the version of its answers: caches must not mix them.

    A confidence, and now and then a character, differs between int8, bfloat16 and float32, and machines that share a
    cache may choose differently.

    Args:
        name: As for `choose_engine`.
        device: As for `choose_engine`.
        precision: What is multiplied.
        quantized: Whether some layers can be computed in int8.

    Returns:
        For example `openvino-int8-bfloat16`: library, and what is multiplied; int7 stands for int8 with weights of 7
        bits, see `shared.inference.graphs`.

    Raises:
        EngineError: As `choose_engine`.
    """
    library = choose_engine(name, device)
    cuda = library == "torch" and _runs_on_cuda(device)
    integers = (
        ["int8" if adds_up_int8() else "int7"] if library == "openvino" and quantized and uses_int8(precision) else []
    )
    return "-".join([library, *integers, "bfloat16" if uses_bfloat16(precision, cuda=cuda) else "float32"])


def _runs_on_cuda(device: str) -> bool:
    return device.startswith("cuda") or (device == "auto" and _CUDA_DRIVER.exists() and _torch_has_cuda())


def _for_device(device: str) -> EngineName:
    """CUDA, where it is asked for or there, is torch's; the processor is torch's only where OpenVINO is missing."""
    if _runs_on_cuda(device):
        return "torch"
    return "torch" if find_spec("openvino") is None and find_spec("torch") is not None else "openvino"


def _torch_has_cuda() -> bool:
    """Whether there is a torch that is not the build for processors alone."""
    try:
        return not version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False
