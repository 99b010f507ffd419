"""A character n-gram model, interpolated by the rule of Witten and Bell ("The zero-frequency problem", 1991).

It knows neither case nor which digit: letters count as capitals and all digits as one, so that it helps to tell `O`
from `0` and `VERIFY` from `VERIRY`, but never prefers one price to another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.recognizer.alphabet import Alphabet
from shared.arrays import Doubles, NamedArrays, Pixels
from shared.inference.weights import Manifest, parse_weights

NAME = "ngram"
WEIGHTS = Path(__file__).parent / "weights"

EDGE = "\x02"
"""Stands for what is before the first and after the last character of a segment."""
_BITS = 7
_DIGITS = "0123456789"
_LOG_DIGITS = math.log(10.0)


class LanguageModel:
    """Probabilities of the next character of a segment.

    A history is the `order - 1` symbols before a character as one number. The probability of every n-gram that was
    counted is worked out beforehand, and so is how much of it what was not counted after a history gets: asking takes a
    look or two into a table, as with the models of speech recognition ("back-off").

    Args:
        ngrams: `(N, order)` uint8, distinct: the last character and those before it, as places in `symbols`.
        counts: `(N,)` how often each occurs.
        alphabet: of the recognizer.
        version: of the counts.

    Raises:
        ValueError: if the alphabet has more symbols than the counts can tell apart.
    """

    def __init__(self, ngrams: Pixels, counts: NDArray[np.int64], alphabet: Alphabet, *, version: str = "none") -> None:
        self.version = version
        self.order = int(ngrams.shape[1])
        known = symbols(alphabet)
        if len(known) > 1 << _BITS or self.order * _BITS > 62:
            raise ValueError(f"{len(known)} symbols in {self.order}-grams do not fit into 62 bits.")
        # By class; the blank's place is that of the edge.
        self._places = [known.index(_fold(character, known)) for character in EDGE + alphabet.characters]
        self._shared = [_LOG_DIGITS if character in _DIGITS else 0.0 for character in EDGE + alphabet.characters]
        self._uniform = -math.log(len(known))
        self._seen: dict[int, float] = {}
        self._unseen: dict[int, float] = {}
        lower = np.full(len(ngrams), 1.0 / len(known))
        for length in range(1, self.order + 1):
            lower = self._count(_packed(ngrams[:, self.order - length :]), counts, lower, length)
        # Of the bits of a history of each length, longest first: which they are, and the mark of the length.
        self._lengths = [((1 << _BITS * n) - 1, 1 << _BITS * n) for n in range(self.order - 1, -1, -1)]

    @classmethod
    def load(cls, folder: Path, alphabet: Alphabet) -> LanguageModel:
        """Read the counts.

        Raises:
            WeightsError: if they are missing, damaged or of another alphabet.
        """

        def parse(manifest: Manifest, arrays: NamedArrays) -> LanguageModel:
            if manifest.alphabet != alphabet.characters:
                raise ValueError(
                    "the language model uses another alphabet than the recognizer. Count it again with "
                    "`python -m services.recognizer.training.language`, or switch it off: QUITTANCE_LANGUAGE=off."
                )
            return cls(arrays["ngrams"], arrays["counts"].astype(np.int64), alphabet, version=manifest.version)

        return parse_weights(folder, NAME, parse)

    def start(self) -> int:
        """The history before the first character."""
        return 0  # the edge is the first symbol

    def after(self, history: int, label: int) -> int:
        """The history after one more character, given by its class."""
        return (history << _BITS | self._places[label]) & self._lengths[0][0]

    def log_probability(self, history: int, label: int) -> float:
        """Natural logarithm of the probability of a character.

        Args:
            history: what is before it (see `start` and `after`).
            label: class of the character; `BLANK` stands for the end of the segment.
        """
        place, result = self._places[label], -self._shared[label]
        for bits, mark in self._lengths:
            context = mark | history & bits
            found = self._seen.get(context << _BITS | place)
            if found is not None:
                return result + found
            result += self._unseen.get(context, 0.0)
        return result + self._uniform

    def _count(self, keys: NDArray[np.int64], counts: NDArray[np.int64], lower: Doubles, length: int) -> Doubles:
        """Take up the n-grams of one length; `keys`, and their probabilities for the length below, may repeat."""
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        seen = np.bincount(inverse, weights=counts, minlength=len(distinct))
        contexts, context_of, kinds = np.unique(distinct >> _BITS, return_inverse=True, return_counts=True)
        totals = np.bincount(context_of, weights=seen, minlength=len(contexts)) + kinds
        # The number of kinds that were seen after a history is the weight of what was not.
        mixed = (seen + kinds[context_of] * lower[first]) / totals[context_of]
        mark = 1 << _BITS * length
        self._seen |= zip((distinct | mark).tolist(), np.log(mixed).tolist(), strict=True)
        self._unseen |= zip((contexts | mark >> _BITS).tolist(), np.log(kinds / totals).tolist(), strict=True)
        return np.asarray(mixed[inverse], np.float64)


def symbols(alphabet: Alphabet) -> str:
    """What the model tells apart: the edge first, then the characters of the alphabet without lower case and digits."""
    folded = (_fold(character, alphabet.characters) for character in alphabet.characters)
    return "".join(dict.fromkeys([EDGE, *folded]))


def count(texts: Sequence[str], alphabet: Alphabet, order: int) -> tuple[Pixels, NDArray[np.int64]]:
    """The n-grams of some texts, ends included, and how often each occurs.

    Args:
        texts: segments; those with characters that the alphabet lacks are left out.
        alphabet: of the recognizer.
        order: length of the n-grams.
    """
    place = {symbol: index for index, symbol in enumerate(symbols(alphabet))}
    rows: list[list[int]] = []
    for text in texts:
        plain = " ".join(alphabet.normalize(text).split())
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


def _packed(ngrams: Pixels) -> NDArray[np.int64]:
    """N-grams as numbers."""
    keys = np.zeros(len(ngrams), np.int64)
    for column in ngrams.T.astype(np.int64):
        keys = keys << _BITS | column
    return keys
