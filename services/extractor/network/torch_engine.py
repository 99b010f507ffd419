"""Run the character LSTM with torch: on CUDA, and on the CPU if requested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch

from services.extractor.encoding import Document
from services.extractor.network.architecture import Architecture
from services.extractor.network.batch import collate
from services.extractor.network.network import CharacterLSTM
from services.extractor.settings import ExtractorSettings
from shared.arrays import Floats, NamedArrays
from shared.inference.device import load_into, select_device, set_threads


class TorchEngine:
    """Runs the network in float32. Call it from one thread.

    Args:
        network: Network, which is moved to the device.
        device: Device to run on.
    """

    def __init__(self, network: CharacterLSTM, device: torch.device) -> None:
        self._network = network.eval().to(device)
        self._device = device

    @property
    def outputs(self) -> int:
        """Number of outputs per character, see `Engine`."""
        return self._network.architecture.outputs

    @classmethod
    def load(cls, arrays: NamedArrays, architecture: Architecture, settings: ExtractorSettings) -> Self:
        """Build the network from its weights.

        Raises:
            WeightsError: If the weights do not fit.
            DeviceError: If the device is unknown or missing.
        """
        set_threads(settings.threads)
        network = CharacterLSTM(architecture)
        load_into(network, arrays)
        return cls(network, select_device(settings.device))

    @torch.inference_mode()
    def __call__(self, documents: Sequence[Document]) -> list[Floats]:
        """Run documents; see `Engine`."""
        batch = collate(documents, self._device)
        logits = self._network(batch.codes, batch.features, batch.segment, batch.lengths)
        classes = len(self._network.architecture.classes)
        kinds = torch.softmax(logits[..., :classes].float(), dim=2), torch.sigmoid(logits[..., classes:].float())
        scores: Floats = torch.cat(kinds, dim=2).cpu().numpy()
        return [row[: len(document.text)] for row, document in zip(scores, documents, strict=True)]
