"""The words of receipts by language and concept, from `vocabulary.toml`: what announces a total, a tax, a date."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast, get_args

from shared.normalization.folding import fold
from shared.normalization.phrases import PhraseIndex, PhraseMatch

Concept = Literal[
    "total", "subtotal", "tax", "net", "gross", "paid", "cash", "card", "wallet", "voucher", "change", "tip",
    "service", "discount", "rounding", "deposit", "quantity", "date", "time", "due_date", "order_date", "expiry",
    "phone", "tax_id", "receipt_number", "invoice", "refund", "card_slip", "ticket", "staff", "thanks",
]  # fmt: skip
CONCEPTS: tuple[Concept, ...] = get_args(Concept)
_PATH = Path(__file__).with_name("vocabulary.toml")
_MIN_TELLING_LETTERS = 3


@lru_cache(maxsize=1)
def load_vocabulary() -> Mapping[str, Mapping[Concept, tuple[str, ...]]]:
    """Return the words of each concept in each language (ISO 639), as they are spelled in the table."""
    content = tomllib.loads(_PATH.read_text(encoding="utf-8"))
    return {
        language: {cast(Concept, concept): tuple(words) for concept, words in table.items()}
        for language, table in content.items()
    }


@lru_cache(maxsize=1024)
def find_concepts(text: str) -> Mapping[Concept, tuple[PhraseMatch, ...]]:
    """Return where each concept is named in a text, from left to right.

    A word within a longer word or phrase does not count: "sub total" names a subtotal and not a total.
    """
    _, concepts = _concept_index()
    matches = _find_phrases(text)
    result: defaultdict[Concept, list[PhraseMatch]] = defaultdict(list)
    for match in matches:
        if any(_contains(other, match) for other in matches):
            continue
        for concept in concepts[_plain(match.phrase)]:
            result[concept].append(match)
    return {concept: tuple(found) for concept, found in result.items()}


def names_concept(text: str, *concepts: Concept) -> bool:
    """Return whether a text names one of the concepts, see `find_concepts`."""
    return not find_concepts(text).keys().isdisjoint(concepts)


def count_language_words(text: str) -> dict[str, int]:
    """Return how many different words that only one language of the vocabulary has a text has, by language."""
    owners = _owners()
    found: defaultdict[str, set[str]] = defaultdict(set)
    for match in _find_phrases(text):
        word = _plain(match.phrase)
        if len(owners[word]) == 1 and len(word) >= _MIN_TELLING_LETTERS:
            found[next(iter(owners[word]))].add(word)
    return {language: len(words) for language, words in sorted(found.items())}


# What a whole receipt says is asked for by several questions.
@lru_cache(maxsize=16)
def _find_phrases(text: str) -> tuple[PhraseMatch, ...]:
    index, _ = _concept_index()
    return tuple(index.find(text))


@lru_cache(maxsize=1)
def _concept_index() -> tuple[PhraseIndex, Mapping[str, frozenset[Concept]]]:
    """Return the index of all words and the concepts of each, by its folded spelling."""
    concepts: defaultdict[str, set[Concept]] = defaultdict(set)
    for table in load_vocabulary().values():
        for concept, words in table.items():
            for word in words:
                concepts[_plain(word)].add(concept)
    return PhraseIndex(concepts), {word: frozenset(found) for word, found in concepts.items()}


@lru_cache(maxsize=1)
def _owners() -> Mapping[str, frozenset[str]]:
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for language, table in load_vocabulary().items():
        for words in table.values():
            for word in words:
                owners[_plain(word)].add(language)
    return {word: frozenset(languages) for word, languages in owners.items()}


def _plain(word: str) -> str:
    return fold(word)


def _contains(outer: PhraseMatch, inner: PhraseMatch) -> bool:
    is_same = (outer.start, outer.end) == (inner.start, inner.end)
    return not is_same and outer.start <= inner.start and inner.end <= outer.end
