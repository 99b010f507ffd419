"""Search for many words and phrases in a text at once, tolerant of case, accents, spacing and usual misreadings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from shared.normalization.folding import fold

# Digits and letters that recognition confuses within words count as one: T0TA1 is TOTAL.
_CONFUSED = str.maketrans("01l|", "oiii")
_TOKEN, _TOKEN_OR_NUMBER = re.compile(r"[^\W\d_][^\W_]*"), re.compile(r"[^\W_]+")
_TRAILING_DIGITS = re.compile(r"\d+$")
_MAX_REMEMBERED = 16_384  # tokens
_MAX_GAP = 3  # characters between the words of a phrase


@dataclass(frozen=True)
class PhraseMatch:
    """A phrase found in a text, by the place of its first character and the one after its last."""

    start: int
    end: int
    phrase: str


@dataclass(frozen=True)
class _Phrase:
    text: str
    words: tuple[str, ...]
    # Single letters must be joined as in the phrase: "s.r.l" is not "S R L" spread over a row.
    is_dotted: bool


class PhraseIndex:
    """Words and phrases to search for.

    Args:
        phrases: In any spelling; of two that differ only in case, accents or punctuation the first counts.
        with_numbers: Whether phrases have words that begin with a digit ("7-Eleven"); it takes longer.
    """

    def __init__(self, phrases: Iterable[str], *, with_numbers: bool = False) -> None:
        self._token = _TOKEN_OR_NUMBER if with_numbers else _TOKEN
        self._by_first_word: defaultdict[str, list[_Phrase]] = defaultdict(list)
        known: set[tuple[str, ...]] = set()
        for text in phrases:
            words = tuple(word.translate(_CONFUSED) for word in re.findall(r"[^\W_]+", fold(text)))
            if words and words not in known:
                known.add(words)
                is_dotted = len(words) > 1 and all(len(word) == 1 for word in words) and " " not in text
                self._by_first_word[words[0]].append(_Phrase(text, words, is_dotted))
        for candidates in self._by_first_word.values():
            candidates.sort(key=lambda phrase: -len(phrase.words))
        # For each token that was met, its readings with which a phrase begins: none for most.
        self._beginnings: dict[str, tuple[str, ...]] = {}

    def find(self, text: str) -> Iterator[PhraseMatch]:
        """Yield the longest phrase at each word of a text, from left to right; matches may overlap."""
        folded = fold(text)
        tokens = [(match.start(), match.end()) for match in self._token.finditer(folded)]
        for number, (start, end) in enumerate(tokens):
            words = self._begin(folded[start:end])
            if not words or (start and folded[start - 1].isalnum()):
                continue
            for word in words:
                found = self._match(folded, tokens, number, word)
                if found is not None:
                    yield found
                    break

    def _begin(self, token: str) -> tuple[str, ...]:
        """Return the readings of a token that begin phrases."""
        words = self._beginnings.get(token)
        if words is None:
            if len(self._beginnings) >= _MAX_REMEMBERED:
                self._beginnings.clear()
            words = tuple(word for word in _readings(token) if word in self._by_first_word)
            self._beginnings[token] = words
        return words

    def _match(self, folded: str, tokens: list[tuple[int, int]], number: int, word: str) -> PhraseMatch | None:
        candidates = self._by_first_word[word]
        following = _readings(folded[slice(*tokens[number + 1])]) if number + 1 < len(tokens) else ()
        for phrase in candidates:
            # Most phrases with this first word differ in the second.
            if len(phrase.words) > 1 and phrase.words[1] not in following:
                continue
            end = _end_of(phrase, folded, tokens, number, len(word))
            if end is not None:
                return PhraseMatch(tokens[number][0], end, phrase.text)
        return None


def _end_of(phrase: _Phrase, folded: str, tokens: list[tuple[int, int]], number: int, length: int) -> int | None:
    """Return where a phrase ends whose first word, of that length, is a token; None if it does not go on there."""
    end = tokens[number][0] + length
    for offset, word in enumerate(phrase.words[1:], start=number + 1):
        if offset >= len(tokens):
            return None
        start, stop = tokens[offset]
        gap = folded[end:start]
        if len(gap) > _MAX_GAP or "\n" in gap or "\t" in gap or (phrase.is_dotted and not gap.strip()):
            return None
        if word not in _readings(folded[start:stop]):
            return None
        end = start + len(word)
    return end


@lru_cache(maxsize=8192)
def _readings(token: str) -> tuple[str, ...]:
    """Return what a token may be: itself, or itself without digits that a missing space joined to it."""
    bare = _TRAILING_DIGITS.sub("", token)
    whole = token.translate(_CONFUSED)
    return (whole,) if bare == token else (whole, bare.translate(_CONFUSED))
