"""Which letters of a text are capitals, from the frames they were read in."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from services.recognizer.alphabet import BLANK, Alphabet
from shared.arrays import Flags, Floats

_DOUBT = 3.0
"""Evidence against a usual way of writing a word, in nats over its letters, up to which it is taken for that way."""
_LEAST = 1e-6


def word_case(odds: Floats) -> Flags:
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
    return usual[best] if costs[best] <= _DOUBT else seen


def runs(paths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Neighboring frames of one class.

    Args:
        paths: `(N, T)` the class of each frame of N segments.

    Returns:
        Where each run starts, counted over all frames of all segments, and its class; blanks are runs, too.
    """
    starting = np.ones(paths.shape, bool)
    starting[:, 1:] = paths[:, 1:] != paths[:, :-1]
    starts = np.flatnonzero(starting)
    return starts, paths.ravel()[starts]


def texts(probabilities: Floats, paths: NDArray[np.int64], alphabet: Alphabet) -> list[str]:
    """What segments say, each letter in the form that was seen.

    Args:
        probabilities: `(N, T, classes)`.
        paths: `(N, T)` the class of each frame; letters are capitals.
        alphabet: the characters of the classes.
    """
    lower_of = np.zeros(alphabet.classes, np.int64)
    for capital, lower in alphabet.case_pairs:
        lower_of[capital] = lower
    starts, labels = runs(paths)
    odds = _odds(probabilities.reshape(-1, probabilities.shape[2]), paths.ravel(), lower_of, starts)
    said = labels != BLANK
    rows, labels, odds = starts[said] // paths.shape[1], labels[said], odds[said]
    odds[lower_of[labels] == 0] = np.nan
    small = _lowered(odds, rows)
    labels[small] = lower_of[labels[small]]
    characters = alphabet.decode(labels.tolist())
    ends = np.searchsorted(rows, np.arange(len(paths) + 1)).tolist()
    return [characters[start:end] for start, end in itertools.pairwise(ends)]


def _odds(
    probabilities: Floats, path: NDArray[np.int64], lower_of: NDArray[np.int64], starts: NDArray[np.int64]
) -> Floats:
    """For each run the logarithm of how much more likely its letter is lower case; of no meaning where it is none."""
    frames = np.arange(len(path))
    capital, lower = (np.add.reduceat(probabilities[frames, form], starts) for form in (path, lower_of[path]))
    return np.asarray(np.log((lower + _LEAST) / (capital + _LEAST)), np.float32)


def _lowered(odds: Floats, rows: NDArray[np.int64]) -> Flags:
    """Which characters of segments are lower case; those without case have no odds (NaN)."""
    letter = ~np.isnan(odds)
    small = odds > 0
    # A word ends with its segment, and at every character that is no letter.
    word = np.cumsum(~letter | (np.diff(rows, prepend=-1) != 0))
    for number in np.unique(word[letter & (np.abs(odds) <= _DOUBT)]).tolist():  # all others stay as they were seen
        first, end = np.searchsorted(word, (number, number + 1))
        first += not letter[first]
        small[first:end] = word_case(odds[first:end])
    return small
