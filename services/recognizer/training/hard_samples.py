"""Which training samples a network finds hard. Never imported by code that serves requests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from services.recognizer.alphabet import Alphabet
from services.recognizer.decoding import decode
from services.recognizer.network.network import CRNN
from services.recognizer.training.samples import Sample, make_batch
from shared.arrays import Floats
from shared.inference.device import autocast

_CONTRADICTED = 0.9
"""Confidence from which a reading that differs from the label says more against the label."""


def misread(
    network: CRNN, samples: Sequence[Sample], alphabet: Alphabet, device: torch.device
) -> tuple[list[Sample], set[int]]:
    """The samples that a network misreads or hardly reads, and the indices of those that it contradicts.

    Labels contradicted with certainty are more likely wrong, or of another habit (`ID:`, `ID :`), than hard.
    """
    hard: list[Sample] = []
    wrong: set[int] = set()
    for start in range(0, len(samples), 2048):
        part = samples[start : start + 2048]
        for index, (sample, logits) in enumerate(zip(part, read(network, part, device), strict=True), start=start):
            found = decode(logits, alphabet)
            right = _folded(found.text, sample) == _folded(sample.text, sample)
            if not right and found.confidence >= _CONTRADICTED:
                wrong.add(index)
            elif not right or found.confidence < 0.5:
                hard.append(sample)
    return hard, wrong


def _folded(text: str, sample: Sample) -> str:
    text = text if sample.cased else text.upper()
    return text if sample.spaced else text.replace(" ", "")


@torch.inference_mode()
def read(network: CRNN, samples: Sequence[Sample], device: torch.device) -> list[Floats]:
    """Logits of the frames of each sample, `(T, classes)`, on the labels' boxes, unworn."""
    network.eval()
    sizes = network.architecture
    out: list[Floats] = [np.zeros((0, sizes.classes), np.float32)] * len(samples)
    order = sorted(range(len(samples)), key=lambda index: samples[index].aspect)
    for start in range(0, len(order), 16):
        chosen = order[start : start + 16]
        batch = make_batch(
            [samples[i] for i in chosen],
            height=sizes.height,
            stretch=sizes.width_stretch,
            rng=None,
            leveled=sizes.leveled,
        )
        assert batch is not None  # noqa: S101  (nothing is left out without jitter)
        with autocast(device):
            logits = network(torch.from_numpy(batch.images).to(device)).float().cpu().numpy()
        for row, index in enumerate(chosen):
            out[index] = logits[row, : batch.frames[row]]
    return out
