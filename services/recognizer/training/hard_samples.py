"""Find training samples that a network reads wrongly or with low confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from services.recognizer.alphabet import Alphabet
from services.recognizer.decoding import decode_segment
from services.recognizer.network.network import CRNN
from services.recognizer.training.samples import Sample, build_batch
from shared.arrays import Floats
from shared.inference.device import autocast

# Minimum confidence of a reading that counts against a differing label.
_CONTRADICTED = 0.9
# Confidence below which a correct reading is hard.
_UNCERTAIN = 0.5
# Samples decoded together, which bounds the memory of logits, and samples per batch.
_CHUNK, _BATCH = 2048, 16


def find_hard_samples(
    network: CRNN, samples: Sequence[Sample], alphabet: Alphabet, device: torch.device
) -> tuple[list[Sample], set[int]]:
    """Find hard samples and wrong labels.

    A label that the network contradicts with certainty is more likely wrong, or of another convention (`ID:`, `ID :`),
    than hard.

    Args:
        network: Network that reads the samples.
        samples: Samples to read.
        alphabet: Alphabet of the network.
        device: Device of the network.

    Returns:
        The samples that are misread or read with low confidence, and the indices of those with contradicted labels.
    """
    hard: list[Sample] = []
    wrong: set[int] = set()
    for start in range(0, len(samples), _CHUNK):
        part = samples[start : start + _CHUNK]
        scores = read_logits(network, part, device)
        for index, (sample, logits) in enumerate(zip(part, scores, strict=True), start=start):
            found = decode_segment(logits, alphabet)
            right = _fold(found.text, sample) == _fold(sample.text, sample)
            if not right and found.confidence >= _CONTRADICTED:
                wrong.add(index)
            elif not right or found.confidence < _UNCERTAIN:
                hard.append(sample)
    return hard, wrong


def _fold(text: str, sample: Sample) -> str:
    text = text if sample.cased else text.upper()
    return text if sample.spaced else text.replace(" ", "")


@torch.inference_mode()
def read_logits(network: CRNN, samples: Sequence[Sample], device: torch.device) -> list[Floats]:
    """Return the logits `(T, classes)` of each sample, cut at the labels and not worn."""
    network.eval()
    out: list[Floats] = [np.zeros((0, network.architecture.classes), np.float32)] * len(samples)
    order = sorted(range(len(samples)), key=lambda index: samples[index].aspect)
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        batch = build_batch([samples[i] for i in chosen], network.architecture, rng=None)
        # Without jitter no sample is skipped.
        assert batch is not None  # noqa: S101
        with autocast(device):
            logits = network(torch.from_numpy(batch.images).to(device)).float().cpu().numpy()
        for row, index in enumerate(chosen):
            out[index] = logits[row, : batch.frames[row]]
    return out
