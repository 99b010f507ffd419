"""A character n-gram model, interpolated by the rule of Witten and Bell ("The zero-frequency problem", 1991).

It knows neither case nor which digit: letters count as capitals and all digits as one, so that it helps to tell `O`
from `0` and `VERIFY` from `VERIRY`, but never prefers one price to another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.recognizer.alphabet import Alphabet
from shared.weights import WeightsError, load_weights

NAME = "ngram"
WEIGHTS = Path(__file__).parent / "weights"

EDGE = "\x02"
"""Stands for what is before the first and after the last character of a segment."""
_BITS = 7
_CACHED = 16384
_DIGITS = "0123456789"
_LOG_DIGITS = math.log(10.0)


class LanguageModel:
    """Probabilities of the next character of a segment.

    Args:
        ngrams: `(N, order)` uint8, distinct: the last character and those before it, as places in `symbols`.
        counts: `(N,)` how often each occurs.
        alphabet: of the recognizer.
        version: of the counts.

    Raises:
        ValueError: if the alphabet has more symbols than the counts can tell apart.
    """

    def __init__(
        self, ngrams: NDArray[np.uint8], counts: NDArray[np.int64], alphabet: Alphabet, *, version: str = "none"
    ) -> None:
        self.version = version
        self.order = int(ngrams.shape[1])
        self._alphabet = alphabet
        self._symbols = symbols(alphabet)
        if len(self._symbols) > 1 << _BITS or self.order * _BITS > 63:
            raise ValueError(f"{len(self._symbols)} symbols in {self.order}-grams do not fit into 63 bits.")
        self._place = {symbol: place for place, symbol in enumerate(self._symbols)}
        self._tables = [_table(ngrams[:, self.order - length :], counts) for length in range(1, self.order + 1)]
        self._next = lru_cache(maxsize=_CACHED)(self._interpolated)
        self._log = lru_cache(maxsize=_CACHED)(self._log_probability)
        self._folded = {character: _fold(character, alphabet.characters) for character in alphabet.characters}

    @classmethod
    def load(cls, folder: Path, alphabet: Alphabet) -> LanguageModel:
        """Read the counts.

        Raises:
            WeightsError: if they are missing, damaged or of another alphabet.
        """
        manifest, arrays = load_weights(folder, name=NAME)
        if manifest.alphabet != alphabet.characters:
            raise WeightsError(
                f"The language model in {folder} has another alphabet than the recognizer. Count it anew with "
                "`python -m services.recognizer.language.train`, or do without: QUITTANCE_LANGUAGE=off."
            )
        try:
            return cls(arrays["ngrams"], arrays["counts"].astype(np.int64), alphabet, version=manifest.version)
        except (KeyError, IndexError, ValueError) as error:
            raise WeightsError(f"The language model in {folder} does not hold n-grams: {error}") from error

    def fold(self, character: str) -> str:
        """The symbol that a character counts as."""
        return self._folded.get(character, character)

    def start(self) -> str:
        """The history before the first character."""
        return EDGE * (self.order - 1)

    def after(self, history: str, character: str) -> str:
        """The history after one more character."""
        return (history + self.fold(character))[1:]

    def log_probability(self, history: str, character: str) -> float:
        """Natural logarithm of the probability of a character, or of `EDGE` for the end.

        Args:
            history: the `order - 1` symbols before it (see `start` and `after`).
            character: one of the alphabet.
        """
        return self._log(history, character)

    def _log_probability(self, history: str, character: str) -> float:
        place = self._place[self.fold(character)]
        among = _LOG_DIGITS if character in _DIGITS else 0.0
        return math.log(float(self._next(history)[place])) - among

    def _interpolated(self, history: str) -> NDArray[np.float64]:
        """Probabilities of all symbols after a history of any length below the order."""
        lower = self._next(history[1:]) if history else np.full(len(self._symbols), 1.0 / len(self._symbols))
        keys, counts = self._tables[len(history)]
        context = 0
        for symbol in history:
            context = context << _BITS | self._place[symbol]
        low, high = np.searchsorted(keys, (context << _BITS, (context + 1) << _BITS))
        if low == high:
            return lower
        seen = counts[low:high]
        mixed = lower * (high - low)  # the number of kinds seen here is the weight of what was not
        mixed[keys[low:high] & ((1 << _BITS) - 1)] += seen
        return np.asarray(mixed / (seen.sum() + (high - low)), np.float64)


def symbols(alphabet: Alphabet) -> str:
    """What the model tells apart: the edge first, then the characters of the alphabet without lower case and digits."""
    folded = (_fold(character, alphabet.characters) for character in alphabet.characters)
    return "".join(dict.fromkeys([EDGE, *folded]))


def count(texts: Sequence[str], alphabet: Alphabet, order: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The n-grams of some texts, ends included, and how often each occurs.

    Args:
        texts: segments; those with characters that the alphabet lacks are left out.
        alphabet: of the recognizer.
        order: length of the n-grams.
    """
    place = {symbol: index for index, symbol in enumerate(symbols(alphabet))}
    rows: list[list[int]] = []
    for text in texts:
        plain = " ".join(alphabet.normalise(text).split())
        if not plain or not alphabet.covers(plain):
            continue
        padded = EDGE * (order - 1) + "".join(_fold(c, alphabet.characters) for c in plain) + EDGE
        codes = [place[symbol] for symbol in padded]
        rows += [codes[end - order : end] for end in range(order, len(codes) + 1)]
    if not rows:
        return np.zeros((0, order), np.uint8), np.zeros(0, np.int64)
    ngrams, counts = np.unique(np.array(rows, np.uint8), axis=0, return_counts=True)
    return ngrams, counts.astype(np.int64)


def _fold(character: str, characters: str) -> str:
    if character in _DIGITS:
        return _DIGITS[0]
    capital = character.upper()
    return capital if capital in characters else character


def _table(ngrams: NDArray[np.uint8], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """N-grams as sorted numbers, equal ones added up."""
    keys = np.zeros(len(ngrams), np.int64)
    for column in ngrams.T.astype(np.int64):
        keys = keys << _BITS | column
    distinct, inverse = np.unique(keys, return_inverse=True)
    return distinct, np.bincount(inverse, weights=counts, minlength=len(distinct)).astype(np.int64)
