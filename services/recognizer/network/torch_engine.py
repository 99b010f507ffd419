"""Run the CRNN with torch: on CUDA, and on the CPU if requested."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from services.recognizer.network.architecture import Architecture
from services.recognizer.network.engine import Batch
from services.recognizer.network.network import CRNN, fuse_batch_norm
from services.recognizer.settings import RecognizerSettings
from shared.arrays import Floats, NamedArrays
from shared.inference.cuda_graphs import Transfer, run_on_device, start_transfer
from shared.inference.device import inference_dtype, load_into, select_device, set_threads
from shared.inference.engines import Precision


class TorchEngine:
    """Runs the network, in bfloat16 if the hardware is fast at it. Call it from one thread.

    Args:
        network: Network, which is changed: batch norms are folded into convolutions, and it is moved to the device.
        device: Device to run on.
        precision: Arithmetic.
        graphs: Whether CUDA runs recorded graphs, see `shared.inference.cuda_graphs`. Batches are then padded to powers
            of two, so that their shapes recur.
    """

    def __init__(
        self, network: CRNN, device: torch.device, precision: Precision = "auto", *, graphs: bool = False
    ) -> None:
        self._dtype = inference_dtype(device, precision)
        self._network: nn.Module = fuse_batch_norm(network.eval()).to(device, self._dtype)
        self._pads_batches = graphs
        self._run = run_on_device(self._compute, device, graphs=graphs)

    @classmethod
    def load(cls, arrays: NamedArrays, architecture: Architecture, settings: RecognizerSettings) -> Self:
        """Build the network from its weights.

        Raises:
            WeightsError: If the weights do not fit.
            DeviceError: If the device is unknown or missing.
        """
        set_threads(settings.threads)
        device, graphs = select_device(settings.device), settings.cuda_graphs == "on"
        return cls(build_network(arrays, architecture), device, settings.precision, graphs=graphs)

    def __call__(self, batches: Iterable[Batch]) -> Iterator[Floats]:
        """Run batches and yield their logits; see `Engine`.

        A GPU computes one batch while the next is prepared and the previous one is used.
        """
        transfers: deque[tuple[int, Transfer]] = deque()
        for batch in batches:
            transfers.append((len(batch.pictures), self._start(batch.pictures)))
            if len(transfers) > 1:
                yield _finish(*transfers.popleft())
        for transfer in transfers:
            yield _finish(*transfer)

    @torch.inference_mode()
    def _start(self, pictures: Floats) -> Transfer:
        if self._pads_batches:
            padding = (1 << (len(pictures) - 1).bit_length()) - len(pictures)
            pictures = np.pad(pictures, [(0, padding), (0, 0), (0, 0), (0, 0)])
        return start_transfer(self._run(torch.from_numpy(pictures)))

    def _compute(self, pictures: Tensor) -> tuple[Tensor, ...]:
        return (self._network(pictures.to(self._dtype)),)


def _finish(count: int, transfer: Transfer) -> Floats:
    """Return the logits of `count` pictures, without those of the padding."""
    return transfer.wait()[0][:count]


def build_network(arrays: NamedArrays, architecture: Architecture) -> CRNN:
    """Build the network from its weights; raise `WeightsError` if they do not fit."""
    network = CRNN(architecture)
    load_into(network, arrays)
    return network
