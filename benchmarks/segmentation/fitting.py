"""Fit the model of boundaries between words on labeled receipts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from benchmarks.segmentation.labeling import LabeledPage
from gateway.reading.segmentation.model import MAX_DEVIATION, BoundaryModel
from shared.arrays import Doubles, Floats

# Units of one network; the mean of several networks is one with more units.
_UNITS, _NETWORKS = 32, 2
_STEPS, _BATCH, _RATE, _DECAY = 3000, 512, 4e-3, 1e-2
_DROPOUT_FEATURES, _DROPOUT_UNITS = 0.1, 0.3


def fit_model(pages: Sequence[LabeledPage], weights: Sequence[float], seed: int = 0) -> BoundaryModel:
    """Fit a model.

    Args:
        pages: Labeled receipts.
        weights: Weight of each.
        seed: Of the random numbers.

    Returns:
        The model, with thresholds of 0.
    """
    features, labels, counts = _collect(pages, weights)
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    scaled = np.clip((features - mean) / scale, -MAX_DEVIATION, MAX_DEVIATION).astype(np.float32)
    tensors = [torch.from_numpy(array.astype(np.float32)) for array in (scaled, labels, counts)]
    networks = [_fit_network(tensors, seed + number) for number in range(_NETWORKS)]
    hidden, hidden_bias, output, bias = zip(*networks, strict=True)
    return BoundaryModel(
        mean=mean,
        scale=scale,
        hidden=np.concatenate(hidden, axis=1),
        hidden_bias=np.concatenate(hidden_bias),
        output=(np.concatenate(output) / _NETWORKS).astype(np.float32),
        bias=sum(bias) / _NETWORKS,
        split=0.0,
        join=0.0,
    )


def _collect(pages: Sequence[LabeledPage], weights: Sequence[float]) -> tuple[Floats, Floats, Doubles]:
    features, labels, counts = [], [], []
    for page, weight in zip(pages, weights, strict=True):
        if page.boundaries is None or page.parted is None:
            continue
        known = page.parted >= 0
        features.append(page.boundaries.features[known])
        labels.append(page.parted[known].astype(np.float32))
        counts.append(np.full(int(known.sum()), weight))
    return np.concatenate(features), np.concatenate(labels), np.concatenate(counts)


def _fit_network(tensors: Sequence[torch.Tensor], seed: int) -> tuple[Floats, Floats, Floats, float]:
    """Return weights `(F, H)` and biases of the hidden units, and weights `(H,)` and bias of the logit."""
    torch.manual_seed(seed)
    features, labels, counts = tensors
    hidden, output = nn.Linear(features.shape[1], _UNITS), nn.Linear(_UNITS, 1)
    layers = nn.Dropout(_DROPOUT_FEATURES), hidden, nn.ReLU(), nn.Dropout(_DROPOUT_UNITS), output
    network = nn.Sequential(*layers)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS)
    for _ in range(_STEPS):
        chosen = torch.randint(0, len(features), (_BATCH,))
        logits = network(features[chosen])[:, 0]
        losses = nn.functional.binary_cross_entropy_with_logits(logits, labels[chosen], reduction="none")
        optimizer.zero_grad()
        (losses * counts[chosen]).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        weights = hidden.weight.T.numpy().copy(), hidden.bias.numpy().copy(), output.weight[0].numpy().copy()
        return *weights, float(output.bias)
