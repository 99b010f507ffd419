"""Runs the character LSTM with torch: on CUDA, and on processors where it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy.typing as npt
import torch

from services.extractor.encoding import Document
from services.extractor.network.architecture import Architecture
from services.extractor.network.batch import collate
from services.extractor.network.network import CharacterLSTM
from services.extractor.settings import ExtractorSettings
from shared.arrays import Floats
from shared.inference.device import load_into, select_device, set_threads


class TorchEngine:
    """Runs the network with torch, in float32.

    Args:
        network: Moved to the device.
        device: Where to run.
    """

    def __init__(self, network: CharacterLSTM, device: torch.device) -> None:
        self._network = network.eval().to(device)
        self._device = device

    @property
    def outputs(self) -> int:
        """Numbers per character."""
        return self._network.architecture.outputs

    @classmethod
    def load(
        cls, arrays: Mapping[str, npt.NDArray[Any]], architecture: Architecture, settings: ExtractorSettings
    ) -> Self:
        """Build the network from its weights.

        Raises:
            WeightsError: If the weights do not fit.
            DeviceError: If the device is unknown or not there.
        """
        set_threads(settings.threads)
        network = CharacterLSTM(architecture)
        load_into(network, arrays)
        return cls(network, select_device(settings.device))

    @torch.inference_mode()
    def __call__(self, documents: Sequence[Document]) -> list[Floats]:
        """Run one batch."""
        batch = collate(documents, self._device)
        logits = self._network(batch.codes, batch.features, batch.segment, batch.lengths)
        classes = len(self._network.architecture.classes)
        kinds = torch.softmax(logits[..., :classes].float(), dim=2), torch.sigmoid(logits[..., classes:].float())
        scores: Floats = torch.cat(kinds, dim=2).cpu().numpy()
        return [row[: len(document.text)] for row, document in zip(scores, documents, strict=True)]
