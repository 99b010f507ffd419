"""Documents to padded tensors and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from services.extractor.encoding import FEATURES, Document
from services.extractor.network import CLASSES, CharacterLSTM


@dataclass(frozen=True)
class Batch:
    """N documents padded to T characters; the arguments of `CharacterLSTM.forward`."""

    codes: Tensor
    features: Tensor
    segment: Tensor
    lengths: Tensor


def collate(documents: Sequence[Document], device: torch.device) -> Batch:
    """Pad documents, none of which may be empty."""
    lengths = [len(document.text) for document in documents]
    count, time = len(documents), max(lengths)
    codes = np.zeros((count, time), np.int64)
    features = np.zeros((count, time, len(FEATURES)), np.float32)
    segment = np.zeros((count, time), np.int64)
    for i, document in enumerate(documents):
        codes[i, : lengths[i]] = document.codes
        features[i, : lengths[i]] = document.features
        segment[i, : lengths[i]] = document.segment
    return Batch(
        torch.from_numpy(codes).to(device),
        torch.from_numpy(features).to(device),
        torch.from_numpy(segment).to(device),
        torch.tensor(lengths),
    )


@torch.inference_mode()
def probabilities(
    network: CharacterLSTM, documents: Sequence[Document], device: torch.device
) -> list[npt.NDArray[np.float32]]:
    """The probability of each class for each character: one (T, 5) array a document, rows sum to 1."""
    result: list[npt.NDArray[np.float32]] = [np.zeros((0, len(CLASSES)), np.float32) for _ in documents]
    filled = [i for i, document in enumerate(documents) if len(document.text)]
    if not filled:
        return result
    batch = collate([documents[i] for i in filled], device)
    logits = network(batch.codes, batch.features, batch.segment, batch.lengths)
    scores = torch.softmax(logits.float(), dim=2).cpu().numpy()
    for row, i in enumerate(filled):
        result[i] = scores[row, : len(documents[i].text)]
    return result
