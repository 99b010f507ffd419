"""Decide the case of letters from the frames in which they were read. numpy only."""

from __future__ import annotations

import itertools

import numpy as np

from services.recognizer.alphabet import BLANK, Alphabet
from shared.arrays import Flags, Floats, Integers

# Maximum evidence against a usual spelling of a word, in nats over its letters, at which that spelling is chosen.
_DOUBT = 3.0
# Added to probabilities, so that their logarithms are finite.
_MIN_PROBABILITY = 1e-6


def decide_word_case(odds: Floats) -> Flags:
    """Decide the case of the letters of one word.

    The case of letters that look alike in both cases (c, o, s, k) is often uncertain. If a word is nearly in one of the
    usual spellings (all capitals, all lower case, or only the first letter a capital), that spelling is chosen.
    `McDonald` stays as it is.

    Args:
        odds: `(letters,)` logarithm of the odds that each letter is lower case.

    Returns:
        `(letters,)`, True for lower case.
    """
    seen = odds > 0
    usual = (np.zeros(len(odds), bool), np.ones(len(odds), bool), np.arange(len(odds)) > 0)
    costs = [float(np.abs(odds[way != seen]).sum()) for way in usual]
    best = int(np.argmin(costs))
    return usual[best] if costs[best] <= _DOUBT else seen


def find_runs(paths: Integers) -> tuple[Integers, Integers]:
    """Find runs of neighboring frames of one class, including blanks.

    Args:
        paths: `(N, T)` class of each frame of N segments.

    Returns:
        The start of each run, counted over all frames of all segments, and its class.
    """
    starting = np.ones(paths.shape, bool)
    starting[:, 1:] = paths[:, 1:] != paths[:, :-1]
    starts = np.flatnonzero(starting)
    return starts, paths.ravel()[starts]


def build_texts(probabilities: Floats, paths: Integers, alphabet: Alphabet) -> list[str]:
    """Build the texts of segments, each letter in the case in which it was read.

    Args:
        probabilities: `(N, T, classes)`.
        paths: `(N, T)` class of each frame; letters are capitals.
        alphabet: Characters of the classes.
    """
    lower_of = np.zeros(alphabet.classes, np.int64)
    for capital, lower in alphabet.case_pairs:
        lower_of[capital] = lower
    starts, labels = find_runs(paths)
    odds = _compute_odds(probabilities.reshape(-1, probabilities.shape[2]), paths.ravel(), lower_of, starts)
    said = labels != BLANK
    rows, labels, odds = starts[said] // paths.shape[1], labels[said], odds[said]
    odds[lower_of[labels] == 0] = np.nan
    small = _find_lower_case(odds, rows)
    labels[small] = lower_of[labels[small]]
    characters = alphabet.decode(labels.tolist())
    ends = np.searchsorted(rows, np.arange(len(paths) + 1)).tolist()
    return [characters[start:end] for start, end in itertools.pairwise(ends)]


def _compute_odds(probabilities: Floats, path: Integers, lower_of: Integers, starts: Integers) -> Floats:
    """Return the log odds of lower case for each run; meaningless if it is not a letter."""
    frames = np.arange(len(path))
    capital, lower = (np.add.reduceat(probabilities[frames, form], starts) for form in (path, lower_of[path]))
    return np.asarray(np.log((lower + _MIN_PROBABILITY) / (capital + _MIN_PROBABILITY)), np.float32)


def _find_lower_case(odds: Floats, rows: Integers) -> Flags:
    """Return which characters of segments are lower case; those without case have NaN odds."""
    letter = ~np.isnan(odds)
    small = odds > 0
    # A word ends at the end of its segment and at every character that is not a letter.
    word = np.cumsum(~letter | (np.diff(rows, prepend=-1) != 0))
    # Words without an uncertain letter stay as they were read.
    for number in np.unique(word[letter & (np.abs(odds) <= _DOUBT)]).tolist():
        first, end = np.searchsorted(word, (number, number + 1))
        first += not letter[first]
        small[first:end] = decide_word_case(odds[first:end])
    return small
