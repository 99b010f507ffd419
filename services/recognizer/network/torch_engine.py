"""Runs the CRNN with torch: on CUDA, and on processors where it is asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from services.recognizer.network.architecture import Architecture
from services.recognizer.network.engine import Batch
from services.recognizer.network.network import CRNN, fuse_batch_norm
from services.recognizer.settings import RecognizerSettings
from shared.arrays import Floats
from shared.inference.cuda_graphs import Transfer, run_on_device, start_transfer
from shared.inference.device import inference_dtype, load_into, select_device, set_threads
from shared.inference.engines import Precision


class TorchEngine:
    """Runs the network with torch, in bfloat16 where the hardware multiplies it.

    Args:
        network: is changed: batch norms are folded into the convolutions, and it moves to the device.
        device: where to run.
        precision: what is multiplied.
        graphs: whether CUDA runs it as graphs; see `shared.inference.cuda_graphs`. Batches are filled up to powers of
        two then,
            so that their shapes come again.
    """

    def __init__(
        self, network: CRNN, device: torch.device, precision: Precision = "auto", *, graphs: bool = False
    ) -> None:
        self._dtype = inference_dtype(device, precision)
        self._network: nn.Module = fuse_batch_norm(network.eval()).to(device, self._dtype)
        self._filled = graphs
        self._run = run_on_device(self._computed, device, graphs=graphs)

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]], architecture: Architecture, settings: RecognizerSettings) -> Self:
        """Build the network from its weights.

        Raises:
            WeightsError: if the weights do not fit.
            DeviceError: if the device is unknown or not there.
        """
        set_threads(settings.threads)
        device, graphs = select_device(settings.device), settings.cuda_graphs == "on"
        return cls(build_network(arrays, architecture), device, settings.precision, graphs=graphs)

    def __call__(self, batches: Iterable[Batch]) -> Iterator[Floats]:
        """Run batches; a GPU computes one while the next is made ready and the one before is used."""
        coming: deque[tuple[int, Transfer]] = deque()
        for batch in batches:
            coming.append((len(batch.pictures), self._begin(batch.pictures)))
            if len(coming) > 1:
                yield _arrived(*coming.popleft())
        for one in coming:
            yield _arrived(*one)

    @torch.inference_mode()
    def _begin(self, pictures: Floats) -> Transfer:
        if self._filled:
            more = (1 << (len(pictures) - 1).bit_length()) - len(pictures)
            pictures = np.pad(pictures, [(0, more), (0, 0), (0, 0), (0, 0)])
        return start_transfer(self._run(torch.from_numpy(pictures)))

    def _computed(self, pictures: Tensor) -> tuple[Tensor, ...]:
        return (self._network(pictures.to(self._dtype)),)


def _arrived(count: int, coming: Transfer) -> Floats:
    """The logits of so many pictures, without what the batch was filled up with."""
    return coming.arrays()[0][:count]


def build_network(arrays: Mapping[str, NDArray[Any]], architecture: Architecture) -> CRNN:
    """The network with its weights; raises `WeightsError` if they do not fit."""
    network = CRNN(architecture)
    load_into(network, arrays)
    return network
