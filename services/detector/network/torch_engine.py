"""Runs the CTPN with torch: on CUDA, and on processors where it is asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from services.detector.network.architecture import Architecture
from services.detector.network.engine import Activations
from services.detector.network.network import CTPN, normalize
from services.detector.settings import DetectorSettings
from shared.arrays import Pixels
from shared.inference.cuda_graphs import on_device, to_host
from shared.inference.device import autocast, inference_dtype, load_into, select_device, set_threads
from shared.inference.engines import Precision


class TorchEngine:
    """Runs the network with torch, in bfloat16 where the hardware multiplies it. Call it from one thread.

    Args:
        network: Moved to the device.
        device: Where to run.
        precision: What is multiplied.
        graphs: Whether CUDA runs it as graphs; see `shared.inference.cuda_graphs`.
    """

    by_size = True

    def __init__(
        self, network: CTPN, device: torch.device, precision: Precision = "auto", *, graphs: bool = False
    ) -> None:
        """Put the network on the device, channels last."""
        self._device = device
        self._precision = precision
        self._network = network.eval().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        dtype = inference_dtype(device, precision)  # kept in it, the weights are not cast at every run
        network.trunk.to(dtype)
        network.window.to(dtype)
        self._run = on_device(self._computed, device, graphs=graphs)

    @classmethod
    def load(
        cls, arrays: Mapping[str, npt.NDArray[Any]], architecture: Architecture, settings: DetectorSettings
    ) -> Self:
        """Build the network from its weights.

        Raises:
            WeightsError: If the weights do not fit.
            DeviceError: If the device is unknown or not there.
        """
        set_threads(settings.threads)
        device, graphs = select_device(settings.device), settings.cuda_graphs == "on"
        return cls(build_network(arrays, architecture), device, settings.precision, graphs=graphs)

    def __call__(self, pages: Sequence[Pixels]) -> Iterator[Activations]:
        """Run pages; neighbors of one size are computed together."""
        for _, alike in itertools.groupby(pages, key=lambda page: page.shape):
            yield from self._together(np.stack(list(alike)))

    @torch.inference_mode()
    def _together(self, pages: Pixels) -> list[Activations]:
        results = to_host(self._run(torch.from_numpy(pages))).arrays()
        return [Activations(*page) for page in zip(*results, strict=True)]

    def _computed(self, pages: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """N x H x W gray pixels -> what `Activations` has, for N pages."""
        with autocast(self._device, self._precision):
            output = self._network(normalize(pages))
        return torch.softmax(output.scores, dim=-1)[..., 1], output.vertical, output.side


def build_network(arrays: Mapping[str, npt.NDArray[Any]], architecture: Architecture) -> CTPN:
    """The network with its weights; raises `WeightsError` if they do not fit."""
    network = CTPN(architecture)
    load_into(network, arrays)
    return network
