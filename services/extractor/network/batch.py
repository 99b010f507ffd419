"""Batches of documents as padded torch tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from services.extractor.encoding import FEATURES, Document


@dataclass(frozen=True)
class Batch:
    """N documents padded to T characters; the arguments of `CharacterLSTM.forward`.

    Attributes:
        codes: `(N, T)` character codes, 0 in the padding.
        features: `(N, T, F)` layout features.
        segment: `(N, T)` segment of each character.
        lengths: `(N,)` characters of each document.
    """

    codes: Tensor
    features: Tensor
    segment: Tensor
    lengths: Tensor


def collate(documents: Sequence[Document], device: torch.device) -> Batch:
    """Pad documents, none of them empty, and move them to a device."""
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
