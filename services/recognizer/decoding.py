"""From the network's scores to text: CTC decoding with a confidence.

Greedy where the network is sure, with a language model where it is not.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recognizer.alphabet import BLANK, Alphabet
from services.recognizer.language.model import LanguageModel
from services.recognizer.language.search import beam_search

_CASE_DOUBT = 3.0
"""Evidence against a usual way of writing a word, in nats over its letters, up to which it is taken for that way."""
_LEAST = 1e-6
_SURE = 0.95
"""Confidence of the greedy text from which the language model is not asked."""


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


def word_case(odds: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Decide the case of the letters of one word.

    Letters that look the same in both forms (c, o, s, k) are often in doubt. If a word is almost written in one of the
    usual ways, all capitals, all lower case or a capital first, it is taken to be; `McDonald` stays as it is.

    Args:
        odds: `(letters,)` logarithm of how much more likely each letter is lower case than capital.

    Returns:
        `(letters,)`, True for lower case.
    """
    seen = odds > 0
    usual = (np.zeros(len(odds), bool), np.ones(len(odds), bool), np.arange(len(odds)) > 0)
    costs = [float(np.abs(odds[way != seen]).sum()) for way in usual]
    best = int(np.argmin(costs))
    return usual[best] if costs[best] <= _CASE_DOUBT else seen


def align(probabilities: NDArray[np.float32], labels: Sequence[int]) -> list[Run]:
    """The frames of each character on the most probable path that says a given text (Viterbi).

    Args:
        probabilities: `(T, classes)`.
        labels: classes of the text, without blanks.

    Returns:
        A run for each character, in order; none if the text needs more frames than there are.
    """
    states = np.full(2 * len(labels) + 1, BLANK)  # a blank, then character and blank in turn
    states[1::2] = labels
    scores = np.log(np.maximum(probabilities[:, states], _LEAST))
    may_skip = np.zeros(len(states), bool)  # from one character to the next without a blank
    may_skip[3::2] = states[3::2] != states[1:-2:2]
    cost = np.full(len(states), -np.inf)
    cost[:2] = scores[0, :2]
    came = np.zeros((len(scores), len(states)), np.int64)
    for frame in range(1, len(scores)):
        one, two = np.full_like(cost, -np.inf), np.full_like(cost, -np.inf)
        one[1:], two[2:] = cost[:-1], cost[:-2]
        choices = np.stack([cost, one, np.where(may_skip, two, -np.inf)])
        came[frame] = choices.argmax(axis=0)
        cost = choices.max(axis=0) + scores[frame]
    state = len(states) - 1 if len(states) == 1 or cost[-1] >= cost[-2] else len(states) - 2
    if not np.isfinite(cost[state]):
        return []
    path = np.zeros(len(scores), np.int64)
    for frame in range(len(scores) - 1, -1, -1):
        path[frame] = state
        state -= int(came[frame, state])
    runs = []
    for index, label in enumerate(labels):
        frames = np.flatnonzero(path == 2 * index + 1)
        start, end = int(frames[0]), int(frames[-1]) + 1
        runs.append(Run(int(label), start, end, float(probabilities[start:end, label].max())))
    return runs


def decode(logits: NDArray[np.float32], alphabet: Alphabet, language: LanguageModel | None = None) -> Recognition:
    """The text of one segment.

    Which character it is gets decided first, with both forms of a letter taken together; then which form, by their
    probabilities over the character's frames and by its word. So a letter whose case is in doubt does not lose
    against a digit.

    The confidence is the product of the characters' peak probabilities, or what the search with the language model
    gives the text among all it followed; case is not counted. It estimates the probability that the whole text is right
    but for case. An empty text has the lowest probability of its blanks.

    Args:
        logits: `(T, classes)` unnormalised scores; `T` may be 0.
        alphabet: the characters of the classes.
        language: asked where the network is not sure; None leaves it at what was seen.
    """
    if len(logits) == 0:
        return Recognition("", 0.0)
    probabilities = softmax(logits)
    merged = merge_case(probabilities, alphabet)
    runs = best_path(merged)
    confidence = float(np.prod([run.peak for run in runs])) if runs else float(probabilities[:, BLANK].min())
    if language is not None and runs and confidence < _SURE:
        runs, confidence = _with_language(merged, runs, alphabet, language)
    text = " ".join(_cased_text(probabilities, runs, alphabet).split())
    return Recognition(text, min(1.0, max(0.0, confidence)))


def _with_language(
    probabilities: NDArray[np.float32], greedy: list[Run], alphabet: Alphabet, language: LanguageModel
) -> tuple[list[Run], float]:
    """The runs of the text that the language model agrees to, the greedy ones if it agrees; its probability."""
    labels, confidence = beam_search(probabilities, alphabet, language)
    if labels == tuple(run.label for run in greedy):
        return greedy, confidence
    return align(probabilities, labels) or greedy, confidence


def _cased_text(probabilities: NDArray[np.float32], runs: list[Run], alphabet: Alphabet) -> str:
    """The text of runs whose letters are all capitals, each letter in the form that was seen."""
    lower_of = dict(alphabet.case_pairs)
    classes = np.array([run.label for run in runs])
    odds = np.full(len(runs), np.nan, np.float32)  # stays so where there is no case
    for index, run in enumerate(runs):
        if run.label in lower_of:
            capital, lower = probabilities[run.start : run.end, [run.label, lower_of[run.label]]].sum(axis=0)
            odds[index] = np.log((lower + _LEAST) / (capital + _LEAST))
    for _, word in itertools.groupby(range(len(runs)), key=lambda index: bool(np.isnan(odds[index]))):
        indices = np.fromiter(word, int)
        if not np.isnan(odds[indices[0]]):
            lowered = indices[word_case(odds[indices])]
            classes[lowered] = [lower_of[label] for label in classes[lowered].tolist()]
    return alphabet.decode(classes.tolist())
