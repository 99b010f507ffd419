"""The loss of the extractor: marginalized cross-entropy for classes, binary one for item starts. Training only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from services.extractor.network.batch import collate
from services.extractor.network.classes import CLASSES
from services.extractor.network.network import CharacterLSTM
from services.extractor.training.examples import Example
from services.extractor.training.labeling.fields import IGNORED
from services.extractor.training.labeling.targets import target_table
from shared.inference.device import autocast

# Most characters belong to no value; without weights a total of four digits would hardly count.
_CLASS_WEIGHTS = {"company": 2.0, "date": 3.0, "address": 1.0, "total": 5.0, "tip": 6.0}
_SHORT_VALUE_WEIGHT = 3.0
_LONG_CLASSES = ("item_description", "sub_description")
_START_WEIGHT = 0.3


class ExtractorLoss:
    """The loss over the characters of a batch.

    Args:
        device: Where the network is.
    """

    def __init__(self, device: torch.device) -> None:
        table = target_table()
        weights = np.ones(len(table), np.float32)
        for number, name in enumerate(CLASSES):
            if number and not name.endswith("_key") and name not in _LONG_CLASSES:
                weights[number] = _CLASS_WEIGHTS.get(name, _SHORT_VALUE_WEIGHT)
        single = table.sum(axis=1) == 1
        for row in np.flatnonzero(~single):
            members = np.flatnonzero(table[row])
            if 0 not in members:
                weights[row] = weights[members].max()
        weights[-1] = 0.0
        self._device = device
        self._denied = torch.from_numpy(~table).to(device)
        self._weights = torch.from_numpy(weights).to(device)

    def __call__(self, network: CharacterLSTM, examples: Sequence[Example]) -> Tensor:
        """Return the loss of a network on some receipts, none of them empty."""
        batch = collate([example.document for example in examples], self._device)
        labels = np.full(batch.codes.shape, IGNORED, np.int64)
        starts = np.full(batch.codes.shape, IGNORED, np.int64)
        for i, example in enumerate(examples):
            labels[i, : len(example.labels)] = example.labels
            starts[i, : len(example.starts)] = example.starts
        with autocast(self._device):
            logits = network(batch.codes, batch.features, batch.segment, batch.lengths).float()
        numbers = torch.from_numpy(np.where(labels == IGNORED, len(self._denied) - 1, labels)).to(self._device)
        return self._class_loss(logits[..., : len(CLASSES)], numbers) + _START_WEIGHT * self._start_loss(
            logits[..., len(CLASSES) :], torch.from_numpy(starts).to(self._device)
        )

    def _class_loss(self, logits: Tensor, numbers: Tensor) -> Tensor:
        # log of the summed probability of the classes that a label stands for
        likelihood = torch.log_softmax(logits, -1).masked_fill(self._denied[numbers], -torch.inf).logsumexp(-1)
        weights = self._weights[numbers]
        return -(likelihood * weights).sum() / weights.sum().clamp(min=1.0)

    def _start_loss(self, logits: Tensor, starts: Tensor) -> Tensor:
        known = starts != IGNORED
        if logits.shape[-1] == 0 or not bool(known.any()):
            return logits.new_zeros(())
        return nn.functional.binary_cross_entropy_with_logits(logits[..., 0][known], starts[known].float())
