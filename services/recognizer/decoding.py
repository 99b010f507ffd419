"""From the network's scores to text: CTC decoding with a confidence.

Greedy where the network is sure, with a language model where it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recognizer.alphabet import BLANK, Alphabet
from services.recognizer.language.model import LanguageModel
from services.recognizer.language.search import beam_search
from services.recognizer.letter_case import runs, texts
from shared.arrays import Doubles, Floats

_LEAST = 1e-6
_SURE = 0.95
"""Confidence of the greedy text from which the language model is not asked."""


@dataclass(frozen=True)
class Recognition:
    """The text of one segment. `confidence` is from 0 to 1 (see `decode`)."""

    text: str
    confidence: float


def softmax(logits: Floats) -> Floats:
    """Probabilities over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shifted /= shifted.sum(axis=-1, keepdims=True)
    return np.asarray(shifted, dtype=np.float32)


def merge_case(probabilities: Floats, alphabet: Alphabet) -> Floats:
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


def best_paths(probabilities: Floats, lengths: Sequence[int]) -> tuple[NDArray[np.int64], Doubles]:
    """Greedy CTC decoding: the best class of each frame.

    Args:
        probabilities: `(N, T, classes)`.
        lengths: frames of each segment, at least one; what is behind them says nothing.

    Returns:
        `(N, T)` classes, and of each segment the product of its characters' peak probabilities; of one that has none,
        the lowest probability of its blanks.
    """
    paths = probabilities.argmax(axis=-1)
    peaks = np.take_along_axis(probabilities, paths[..., None], axis=-1)[..., 0].astype(np.float64)
    for row, length in enumerate(lengths):
        paths[row, length:], peaks[row, length:] = BLANK, 1.0
    starts, labels = runs(paths)
    highest = np.maximum.reduceat(peaks.ravel(), starts)
    highest[labels == BLANK] = 1.0
    products = np.multiply.reduceat(highest, np.searchsorted(starts, np.arange(len(paths)) * paths.shape[1]))
    return paths, np.where(paths.any(axis=1), products, peaks.min(axis=1))


def align(probabilities: Floats, labels: Sequence[int]) -> NDArray[np.int64] | None:
    """The most probable path that says a given text (Viterbi).

    Args:
        probabilities: `(T, classes)`.
        labels: classes of the text, without blanks.

    Returns:
        `(T,)` the class of each frame; None if the text needs more frames than there are.
    """
    states = np.full(2 * len(labels) + 1, BLANK)  # a blank, then character and blank in turn
    states[1::2] = labels
    scores = np.log(np.maximum(probabilities[:, states], _LEAST))
    barred = np.full(len(states), -np.inf)  # from one character to the next without a blank
    barred[3::2][states[3::2] != states[1:-2:2]] = 0.0
    costs = np.full((len(scores), len(states) + 2), -np.inf)  # two states that are none in front
    costs[0, 2:4] = scores[0, :2]
    for frame in range(1, len(scores)):
        before = costs[frame - 1]
        best = np.maximum(before[2:], before[1:-1])
        np.maximum(best, before[:-2] + barred, out=best)
        np.add(best, scores[frame], out=costs[frame, 2:])
    state = len(states) - 1
    state -= int(state > 0 and costs[-1, state + 2] < costs[-1, state + 1])
    if not np.isfinite(costs[-1, state + 2]):
        return None
    path = np.empty(len(scores), np.int64)
    for frame in range(len(scores) - 1, 0, -1):
        path[frame] = state
        stay, one, two = costs[frame - 1, state + 2], costs[frame - 1, state + 1], costs[frame - 1, state]
        two += barred[state]
        state -= 0 if stay >= max(one, two) else 1 if one >= two else 2
    path[0] = state
    return np.asarray(states[path], np.int64)


def decode(logits: Floats, alphabet: Alphabet, language: LanguageModel | None = None) -> Recognition:
    """The text of one segment, as `decode_all`.

    Args:
        logits: `(T, classes)` unnormalized scores; `T` may be 0.
        alphabet: the characters of the classes.
        language: asked where the network is not sure; None leaves it at what was seen.
    """
    return decode_all(logits[None], [len(logits)], alphabet, language)[0]


def decode_all(
    logits: Floats, lengths: Sequence[int], alphabet: Alphabet, language: LanguageModel | None = None
) -> list[Recognition]:
    """The texts of segments.

    Which character it is gets decided first, with both forms of a letter taken together; then which form, by their
    probabilities over the character's frames and by its word. So a letter whose case is in doubt does not lose
    against a digit.

    The confidence is the product of the characters' peak probabilities, or what the search with the language model
    gives the text among all it followed; case is not counted. It estimates the probability that the whole text is right
    but for case. An empty text has the lowest probability of its blanks.

    Args:
        logits: `(N, T, classes)` unnormalized scores; `T` may be 0.
        lengths: frames of each segment, either all of them 0 or none.
        alphabet: the characters of the classes.
        language: asked where the network is not sure; None leaves it at what was seen.
    """
    if logits.shape[1] == 0:
        return [Recognition("", 0.0)] * len(logits)
    probabilities = softmax(logits)
    merged = merge_case(probabilities, alphabet)
    paths, confidences = best_paths(merged, lengths)
    if language is not None:
        for row in np.flatnonzero(paths.any(axis=1) & (confidences < _SURE)).tolist():
            frames = slice(lengths[row])
            paths[row, frames], confidences[row] = _with_language(merged[row, frames], paths[row, frames], language)
    read = (" ".join(text.split()) for text in texts(probabilities, paths, alphabet))
    return [Recognition(*one) for one in zip(read, np.clip(confidences, 0.0, 1.0).tolist(), strict=True)]


def _with_language(
    probabilities: Floats, greedy: NDArray[np.int64], language: LanguageModel
) -> tuple[NDArray[np.int64], float]:
    """The path of the text that the language model agrees to, the greedy one if it agrees; its probability."""
    text, confidence = beam_search(probabilities, language)
    labels = runs(greedy[None])[1]
    if text == tuple(labels[labels != BLANK].tolist()):
        return greedy, confidence
    path = align(probabilities, text)
    return (greedy if path is None else path), confidence
