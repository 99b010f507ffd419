"""From the network's scores to text: greedy CTC decoding with a confidence.

This module imports numpy only.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recognizer.alphabet import BLANK, Alphabet


@dataclass(frozen=True)
class Recognition:
    """The text of one segment. `confidence` is from 0 to 1 (see `decode`)."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Run:
    """Neighbouring frames that say one character.

    Attributes:
        label: class of the character.
        start: first frame.
        end: frame after the last.
        peak: highest probability of the class among the frames.
    """

    label: int
    start: int
    end: int
    peak: float


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float32)


def merge_case(probabilities: NDArray[np.float32], alphabet: Alphabet) -> NDArray[np.float32]:
    """Move the probability of every lower case letter to its capital.

    Args:
        probabilities: `(..., classes)`.
        alphabet: the characters of the classes.

    Returns:
        The same shape, a copy; frames still add up to one.
    """
    merged = probabilities.copy()
    if alphabet.case_pairs:
        capital, lower = (np.array(classes) for classes in zip(*alphabet.case_pairs, strict=True))
        merged[..., capital] += merged[..., lower]
        merged[..., lower] = 0.0
    return merged


def best_path(probabilities: NDArray[np.float32]) -> list[Run]:
    """Greedy CTC decoding: the best class of each frame, equal neighbours joined, blanks dropped.

    Args:
        probabilities: `(T, classes)`.
    """
    best = probabilities.argmax(axis=-1)
    borders = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(best)]
    runs = []
    for start, end in itertools.pairwise(borders):
        if end > start and best[start] != BLANK:
            label = int(best[start])
            runs.append(Run(label, start, end, float(probabilities[start:end, label].max())))
    return runs


def decode(logits: NDArray[np.float32], alphabet: Alphabet) -> Recognition:
    """The text of one segment.

    Which character it is gets decided first, with both forms of a letter taken together; then which form, by their
    probabilities over the character's frames. So a letter whose case is in doubt does not lose against a digit.

    The confidence is the product of the characters' peak probabilities, case not counted: an estimate of the
    probability that the whole text is right but for case. An empty text has the lowest probability of its blanks.

    Args:
        logits: `(T, classes)` unnormalised scores; `T` may be 0.
        alphabet: the characters of the classes.
    """
    if len(logits) == 0:
        return Recognition("", 0.0)
    probabilities = softmax(logits)
    merged = merge_case(probabilities, alphabet)
    runs = best_path(merged)
    lower_of = dict(alphabet.case_pairs)
    classes = []
    for run in runs:
        label, lower = run.label, lower_of.get(run.label)
        if lower is not None:
            forms = probabilities[run.start : run.end, [label, lower]].sum(axis=0)
            label = lower if forms[1] > forms[0] else label
        classes.append(label)
    text = " ".join(alphabet.decode(classes).split())
    confidence = float(np.prod([run.peak for run in runs])) if runs else float(probabilities[:, BLANK].min())
    return Recognition(text, min(1.0, max(0.0, confidence)))
