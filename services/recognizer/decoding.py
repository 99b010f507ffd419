"""Decode CTC scores into text with a confidence.

Decoding is greedy if the network is certain, and uses a language model otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from services.recognizer.alphabet import BLANK, Alphabet
from services.recognizer.gaps import locate_gaps
from services.recognizer.language.model import LanguageModel
from services.recognizer.language.search import beam_search
from services.recognizer.letter_case import build_texts, find_runs
from shared.arrays import Doubles, Floats, Integers

# Lower bound of probabilities, so that their logarithms are finite.
_MIN_PROBABILITY = 1e-6
# Confidence of the greedy text from which the language model is not used.
_SURE = 0.95


@dataclass(frozen=True)
class Recognition:
    """The text of one segment.

    Attributes:
        text: Words with one space between them.
        confidence: See `decode_segments`, 0 to 1.
        gaps: Start and stop of the gap before each word but the first, as shares of the width of the segment.
    """

    text: str
    confidence: float
    gaps: tuple[tuple[float, float], ...] = field(default=(), compare=False)


def softmax(logits: Floats) -> Floats:
    """Return probabilities over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shifted /= shifted.sum(axis=-1, keepdims=True)
    return np.asarray(shifted, dtype=np.float32)


def merge_case(probabilities: Floats, alphabet: Alphabet) -> Floats:
    """Move the probability of every lower case letter to its capital.

    Args:
        probabilities: `(..., classes)`.
        alphabet: Characters of the classes.

    Returns:
        A copy of the same shape; frames still sum to one.
    """
    merged = probabilities.copy()
    if alphabet.case_pairs:
        capital, lower = (np.array(classes) for classes in zip(*alphabet.case_pairs, strict=True))
        merged[..., capital] += merged[..., lower]
        merged[..., lower] = 0.0
    return merged


def find_best_paths(probabilities: Floats, lengths: Sequence[int]) -> tuple[Integers, Doubles]:
    """Decode greedily: take the best class of each frame.

    Args:
        probabilities: `(N, T, classes)`.
        lengths: Frames of each segment, at least one; later frames are ignored.

    Returns:
        `(N, T)` classes, and for each segment the product of the peak probabilities of its characters, or without
        characters the lowest probability of its blanks.
    """
    paths = probabilities.argmax(axis=-1)
    peaks = np.take_along_axis(probabilities, paths[..., None], axis=-1)[..., 0].astype(np.float64)
    for row, length in enumerate(lengths):
        paths[row, length:], peaks[row, length:] = BLANK, 1.0
    starts, labels = find_runs(paths)
    highest = np.maximum.reduceat(peaks.ravel(), starts)
    highest[labels == BLANK] = 1.0
    products = np.multiply.reduceat(highest, np.searchsorted(starts, np.arange(len(paths)) * paths.shape[1]))
    return paths, np.where(paths.any(axis=1), products, peaks.min(axis=1))


def align(probabilities: Floats, labels: Sequence[int]) -> Integers | None:
    """Find the most probable path of a given text (Viterbi).

    Args:
        probabilities: `(T, classes)`.
        labels: Classes of the text, without blanks.

    Returns:
        `(T,)` class of each frame, or None if the text needs more frames than there are.
    """
    # A blank, then character and blank in turn.
    states = np.full(2 * len(labels) + 1, BLANK)
    states[1::2] = labels
    scores = np.log(np.maximum(probabilities[:, states], _MIN_PROBABILITY))
    # Only different characters may follow each other without a blank.
    barred = np.full(len(states), -np.inf)
    barred[3::2][states[3::2] != states[1:-2:2]] = 0.0
    # Two unreachable states in front simplify the transitions.
    costs = np.full((len(scores), len(states) + 2), -np.inf)
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


def decode_segment(logits: Floats, alphabet: Alphabet, language: LanguageModel | None = None) -> Recognition:
    """Decode one segment; see `decode_segments`.

    Args:
        logits: `(T, classes)` unnormalized scores; `T` may be 0.
        alphabet: Characters of the classes.
        language: Language model for uncertain text; None decodes greedily.
    """
    return decode_segments(logits[None], [len(logits)], alphabet, language)[0]


def decode_segments(
    logits: Floats, lengths: Sequence[int], alphabet: Alphabet, language: LanguageModel | None = None
) -> list[Recognition]:
    """Decode segments.

    The character is decided first, with both cases of a letter combined. Its case follows from the probabilities over
    the frames of the character and from its word. So a letter whose case is uncertain does not lose against a digit.

    The confidence is the product of the peak probabilities of the characters, or the share that the search with the
    language model assigns to the text. It estimates the probability that the whole text is correct up to case. For an
    empty text it is the lowest probability of the blanks.

    Args:
        logits: `(N, T, classes)` unnormalized scores; `T` may be 0.
        lengths: Frames of each segment, either all 0 or all positive.
        alphabet: Characters of the classes.
        language: Language model for uncertain text; None decodes greedily.
    """
    if logits.shape[1] == 0:
        return [Recognition("", 0.0)] * len(logits)
    probabilities = softmax(logits)
    merged = merge_case(probabilities, alphabet)
    paths, confidences = find_best_paths(merged, lengths)
    if language is not None:
        for row in np.flatnonzero(paths.any(axis=1) & (confidences < _SURE)).tolist():
            frames = slice(lengths[row])
            path, confidence = _decode_with_language(merged[row, frames], paths[row, frames], language)
            paths[row, frames], confidences[row] = path, confidence
    texts = build_texts(probabilities, paths, alphabet)
    gaps = locate_gaps(paths, lengths, texts)
    read = (" ".join(text.split()) for text in texts)
    return [Recognition(*one) for one in zip(read, np.clip(confidences, 0.0, 1.0).tolist(), gaps, strict=True)]


def _decode_with_language(probabilities: Floats, greedy: Integers, language: LanguageModel) -> tuple[Integers, float]:
    """Return the path of the text that the language model prefers, and its probability."""
    text, confidence = beam_search(probabilities, language)
    labels = find_runs(greedy[None])[1]
    if text == tuple(labels[labels != BLANK].tolist()):
        return greedy, confidence
    path = align(probabilities, text)
    return (greedy if path is None else path), confidence
