"""Run the CTPN with torch: on CUDA, and on the CPU if requested."""

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
from shared.inference.cuda_graphs import run_on_device, start_transfer
from shared.inference.device import autocast, inference_dtype, load_into, select_device, set_threads
from shared.inference.engines import Precision


class TorchEngine:
    """Runs the network, in bfloat16 if the hardware is fast at it. Call it from one thread.

    Args:
        network: Network, which is moved to the device.
        device: Device to run on.
        precision: Arithmetic.
        graphs: Whether CUDA runs recorded graphs, see `shared.inference.cuda_graphs`.
    """

    batches_by_size = True

    def __init__(
        self, network: CTPN, device: torch.device, precision: Precision = "auto", *, graphs: bool = False
    ) -> None:
        self._device = device
        self._precision = precision
        self._network = network.eval().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Stored in this type, the weights are not converted at each run.
        dtype = inference_dtype(device, precision)
        network.trunk.to(dtype)
        network.window.to(dtype)
        self._run = run_on_device(self._compute, device, graphs=graphs)

    @classmethod
    def load(
        cls, arrays: Mapping[str, npt.NDArray[Any]], architecture: Architecture, settings: DetectorSettings
    ) -> Self:
        """Build the network from its weights.

        Raises:
            WeightsError: If the weights do not fit.
            DeviceError: If the device is unknown or missing.
        """
        set_threads(settings.threads)
        device, graphs = select_device(settings.device), settings.cuda_graphs == "on"
        return cls(build_network(arrays, architecture), device, settings.precision, graphs=graphs)

    def __call__(self, pages: Sequence[Pixels]) -> Iterator[Activations]:
        """Run pages and yield their activations; see `Engine`. Neighbors of one size are run together."""
        for _, batch in itertools.groupby(pages, key=lambda page: page.shape):
            yield from self._run_batch(np.stack(list(batch)))

    @torch.inference_mode()
    def _run_batch(self, pages: Pixels) -> list[Activations]:
        results = start_transfer(self._run(torch.from_numpy(pages))).wait()
        return [Activations(*page) for page in zip(*results, strict=True)]

    def _compute(self, pages: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run `(N, H, W)` gray pages; return the three arrays of `Activations` for N pages."""
        with autocast(self._device, self._precision):
            output = self._network(normalize(pages))
        return torch.softmax(output.scores, dim=-1)[..., 1], output.vertical, output.side


def build_network(arrays: Mapping[str, npt.NDArray[Any]], architecture: Architecture) -> CTPN:
    """Build the network from its weights; raise `WeightsError` if they do not fit."""
    network = CTPN(architecture)
    load_into(network, arrays)
    return network
