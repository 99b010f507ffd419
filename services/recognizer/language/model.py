"""Character n-gram model, interpolated by the rule of Witten and Bell ("The zero-frequency problem", 1991).

It ignores case, accents and the value of digits: letters count as capitals without accents, and all digits as one. So
it helps to distinguish `O` from `0` and `VERIFY` from `VERIRY`, but never prefers one price to another, or `ü` to `u`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.recognizer.alphabet import Alphabet, strip_accent
from shared.arrays import Doubles, Integers, NamedArrays, Pixels
from shared.inference.weights import Manifest, parse_weights

NAME = "ngram"
WEIGHTS = Path(__file__).parent / "weights"

# Symbol before the first and after the last character of a segment.
EDGE = "\x02"
# Bits per symbol in the number that represents an n-gram.
_BITS = 7
_DIGITS = "0123456789"
_LOG_DIGITS = math.log(10.0)
# Signs that count as the first of them, since the counted receipts have few others.
_CURRENCY_SIGNS = "€₹₺₫₱฿₩"


class LanguageModel:
    """Probabilities of the next character of a segment.

    A history is the `order - 1` symbols before a character, packed into one number. The probability of every counted
    n-gram and the share of what was not counted after a history are computed in advance, so a query takes a few table
    look-ups, as in back-off models.

    Args:
        ngrams: `(N, order)` uint8, distinct: the last character and those before it, as indices of symbols.
        counts: `(N,)` number of occurrences of each.
        alphabet: Alphabet of the recognizer.
        version: Version of the counts.
        counted: Alphabet of the counts, if the recognizer reads further characters; these count as those that they look
            like.
        accents: Whether the counts distinguish accents, as those up to 2026-11-24 do.

    Raises:
        ValueError: If the alphabet has more symbols than the counts can distinguish.
    """

    def __init__(
        self,
        ngrams: Pixels,
        counts: Integers,
        alphabet: Alphabet,
        *,
        version: str = "none",
        counted: Alphabet | None = None,
        accents: bool = False,
    ) -> None:
        self.version = version
        self.order = int(ngrams.shape[1])
        known = list_symbols(counted or alphabet, accents=accents)
        if len(known) >= 1 << _BITS or self.order * _BITS > 62:
            raise ValueError(f"{self.order}-grams of {len(known)} symbols do not fit into 62 bits.")
        # Indexed by class; the blank represents the edge.
        self._places = [_find_place(character, known, accents=accents) for character in EDGE + alphabet.characters]
        self._shared = [_LOG_DIGITS if character in _DIGITS else 0.0 for character in EDGE + alphabet.characters]
        self._uniform = -math.log(len(known))
        self._seen: dict[int, float] = {}
        self._unseen: dict[int, float] = {}
        lower = np.full(len(ngrams), 1.0 / len(known))
        for length in range(1, self.order + 1):
            lower = self._add_ngrams(_pack(ngrams[:, self.order - length :]), counts, lower, length)
        # For histories of each length, longest first: the mask of their bits, and the mark of the length.
        self._lengths = [((1 << _BITS * n) - 1, 1 << _BITS * n) for n in range(self.order - 1, -1, -1)]

    @classmethod
    def load(cls, folder: Path, alphabet: Alphabet) -> LanguageModel:
        """Read the counts.

        Raises:
            WeightsError: If they are missing, damaged or for another alphabet.
        """

        def parse(manifest: Manifest, arrays: NamedArrays) -> LanguageModel:
            counted = Alphabet(manifest.alphabet or "")
            if not alphabet.characters.startswith(counted.characters):
                raise ValueError(
                    "the language model uses another alphabet than the recognizer. Count it again with "
                    "`python -m services.recognizer.training.language`, or switch it off: QUITTANCE_LANGUAGE=off."
                )
            return cls(
                arrays["ngrams"],
                arrays["counts"].astype(np.int64),
                alphabet,
                version=manifest.version,
                counted=counted,
                accents=bool(manifest.architecture.get("accents", True)),
            )

        return parse_weights(folder, NAME, parse)

    def start_history(self) -> int:
        """Return the history before the first character."""
        # The edge is the first symbol.
        return 0

    def extend_history(self, history: int, label: int) -> int:
        """Return the history after one more character, given by its class."""
        return (history << _BITS | self._places[label]) & self._lengths[0][0]

    def compute_log_probability(self, history: int, label: int) -> float:
        """Return the natural logarithm of the probability of a character.

        Args:
            history: History before it; see `start_history` and `extend_history`.
            label: Class of the character; `BLANK` is the end of the segment.
        """
        place, result = self._places[label], -self._shared[label]
        for bits, mark in self._lengths:
            context = mark | history & bits
            found = self._seen.get(context << _BITS | place)
            if found is not None:
                return result + found
            result += self._unseen.get(context, 0.0)
        return result + self._uniform

    def _add_ngrams(self, keys: Integers, counts: Integers, lower: Doubles, length: int) -> Doubles:
        """Add the n-grams of one length; `keys`, and their probabilities for the length below, may repeat."""
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        seen = np.bincount(inverse, weights=counts, minlength=len(distinct))
        contexts, context_of, kinds = np.unique(distinct >> _BITS, return_inverse=True, return_counts=True)
        totals = np.bincount(context_of, weights=seen, minlength=len(contexts)) + kinds
        # The number of distinct characters seen after a history is the weight of those that were not.
        mixed = (seen + kinds[context_of] * lower[first]) / totals[context_of]
        mark = 1 << _BITS * length
        self._seen |= zip((distinct | mark).tolist(), np.log(mixed).tolist(), strict=True)
        self._unseen |= zip((contexts | mark >> _BITS).tolist(), np.log(kinds / totals).tolist(), strict=True)
        return np.asarray(mixed[inverse], np.float64)


def list_symbols(alphabet: Alphabet, *, accents: bool = False) -> str:
    """Return the symbols of the model: the edge first, then the alphabet without lower case and further digits.

    Args:
        alphabet: Alphabet of the recognizer.
        accents: Whether accents distinguish symbols.
    """
    folded = (_fold_character(one, alphabet.characters, accents=accents) for one in alphabet.characters)
    return "".join(dict.fromkeys([EDGE, *folded]))


def count_ngrams(texts: Sequence[str], alphabet: Alphabet, order: int) -> tuple[Pixels, Integers]:
    """Count the n-grams of texts, including their ends.

    Args:
        texts: Segments; those with characters outside of the alphabet are skipped.
        alphabet: Alphabet of the recognizer.
        order: Length of the n-grams.

    Returns:
        `(N, order)` uint8 n-grams as indices of symbols, and `(N,)` their counts.
    """
    place = {symbol: index for index, symbol in enumerate(list_symbols(alphabet))}
    rows: list[list[int]] = []
    for text in texts:
        plain = " ".join(alphabet.normalize(text).split())
        if not plain or not alphabet.covers(plain):
            continue
        padded = (
            EDGE * (order - 1) + "".join(_fold_character(c, alphabet.characters, accents=False) for c in plain) + EDGE
        )
        codes = [place[symbol] for symbol in padded]
        rows += [codes[end - order : end] for end in range(order, len(codes) + 1)]
    if not rows:
        return np.zeros((0, order), np.uint8), np.zeros(0, np.int64)
    ngrams, counts = np.unique(np.array(rows, np.uint8), axis=0, return_counts=True)
    return ngrams, counts.astype(np.int64)


def _fold_character(character: str, characters: str, *, accents: bool) -> str:
    if character in _DIGITS:
        return _DIGITS[0]
    if not accents and character in _CURRENCY_SIGNS:
        return _CURRENCY_SIGNS[0] if _CURRENCY_SIGNS[0] in characters else character
    capital = (character if accents else strip_accent(character)).upper()
    return capital if capital in characters else character


def _find_place(character: str, known: str, *, accents: bool) -> int:
    """Return the index of the symbol of a character; the one after the last for a character that nothing is like."""
    symbols = (_fold_character(character, known, accents=accents), _fold_character(character, known, accents=False))
    return next((known.index(symbol) for symbol in symbols if symbol in known), len(known))


def _pack(ngrams: Pixels) -> Integers:
    """Pack n-grams into numbers, `(N,)`."""
    keys = np.zeros(len(ngrams), np.int64)
    for column in ngrams.T.astype(np.int64):
        keys = keys << _BITS | column
    return keys
