"""Runs the CRNN with torch: on CUDA, and on processors where it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from services.recognizer.alphabet import Alphabet
from services.recognizer.architecture import Architecture
from services.recognizer.engine import Batch
from services.recognizer.network import CRNN, fuse_batch_norm
from services.recognizer.predictor import read_weights
from services.recognizer.settings import RecognizerSettings
from shared.device import inference_dtype, load_into, select_device, set_threads
from shared.engines import Precision


class TorchEngine:
    """Runs the network with torch, in bfloat16 where the hardware multiplies it.

    Args:
        network: is changed: batch norms are folded into the convolutions, and it moves to the device.
        device: where to run.
        precision: what is multiplied.
    """

    def __init__(self, network: CRNN, device: torch.device, precision: Precision = "auto") -> None:
        self._dtype = inference_dtype(device, precision)
        self._device = device
        self._network: nn.Module = fuse_batch_norm(network.eval()).to(device, self._dtype)

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]], architecture: Architecture, settings: RecognizerSettings) -> Self:
        """Build the network from its weights.

        Raises:
            WeightsError: if the weights do not fit.
            DeviceError: if the device is unknown or not there.
        """
        set_threads(settings.threads)
        return cls(build_network(arrays, architecture), select_device(settings.device), settings.precision)

    def __call__(self, batches: Iterable[Batch]) -> Iterator[NDArray[np.float32]]:
        """Run batches."""
        return (self._run(batch.pictures) for batch in batches)

    @torch.inference_mode()
    def _run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = torch.from_numpy(images).to(self._device, self._dtype)
        logits: NDArray[np.float32] = self._network(batch).float().cpu().numpy()
        return logits


def build_network(arrays: Mapping[str, NDArray[Any]], architecture: Architecture) -> CRNN:
    """The network with its weights; raises `WeightsError` if they do not fit."""
    network = CRNN(architecture)
    load_into(network, arrays)
    return network


def load_network(folder: Path) -> tuple[CRNN, Alphabet, str]:
    """The network of released weights, with its alphabet and the weights' version.

    Raises:
        WeightsError: if the weights are missing, damaged or do not fit this code.
    """
    weights = read_weights(folder)
    return build_network(weights.arrays, weights.architecture), weights.alphabet, weights.version
