"""What receipts of a country and a language look like: the tables next to this module."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_VOCABULARY = Path(__file__).parents[2] / "shared" / "normalization" / "vocabulary.toml"
# Captions are usually one of the first words of the vocabulary, which are the most common ones.
_COMMON_WORDS = 5
_COMMON = 0.85


class CountryError(ValueError):
    """No receipts of a country can be made; the message names it."""


@dataclass(frozen=True)
class TaxId:
    """A number that authorities give to companies.

    Attributes:
        names: Captions.
        pattern: `#` is a digit, `@` a letter, `&` either.
        module: Of python-stdnum, which knows its check digits; "" for none.
    """

    names: tuple[str, ...]
    pattern: str
    module: str


@dataclass(frozen=True)
class Country:
    """A row of `countries.toml`, which describes the keys.

    Attributes:
        code: ISO 3166.
        table: Its values by key.
    """

    code: str
    table: Mapping[str, Any]

    @property
    def share(self) -> float:
        """Weight of the country where no shares are set."""
        return float(self.table["share"])

    @property
    def digits(self) -> int:
        """Decimals of prices."""
        return int(self.table.get("digits", 2))

    @property
    def tax_ids(self) -> list[TaxId]:
        """Kinds of tax IDs."""
        return [TaxId(tuple(one["names"]), one["pattern"], one["module"]) for one in self.table["ids"]]

    def __getitem__(self, key: str) -> Any:
        return self.table[key]

    def options(self, key: str) -> list[str]:
        """Return the texts of a key that not every country has."""
        return list(self.table.get(key, ()))


@dataclass(frozen=True)
class Language:
    """Words of a language: what `languages.toml` has, and the captions of the vocabulary.

    Attributes:
        code: ISO 639.
        table: Goods, shops, slogans and extras.
        words: Captions by concept.
    """

    code: str
    table: Mapping[str, list[str]]
    words: Mapping[str, list[str]]

    def caption(self, chance: random.Random, concept: str) -> str:
        """Return a word for a concept, such as `total`; in English where the language has none."""
        words = self.words.get(concept) or load_languages()["en"].words[concept]
        common = words[:_COMMON_WORDS] if chance.random() < _COMMON else words
        return chance.choice(common)


@lru_cache(maxsize=1)
def load_countries() -> Mapping[str, Country]:
    """Return all countries by code."""
    table = tomllib.loads((_FOLDER / "countries.toml").read_text(encoding="utf-8"))
    return {code: Country(code, values) for code, values in table.items()}


@lru_cache(maxsize=1)
def load_languages() -> Mapping[str, Language]:
    """Return all languages by code."""
    vocabulary = tomllib.loads(_VOCABULARY.read_text(encoding="utf-8"))
    table = tomllib.loads((_FOLDER / "languages.toml").read_text(encoding="utf-8"))
    return {code: Language(code, values, vocabulary[code]) for code, values in table.items()}


@lru_cache(maxsize=1)
def load_phrases() -> Mapping[str, Any]:
    """Return the print that does not depend on the language: lists of texts by key, and the headings."""
    return tomllib.loads((_FOLDER / "phrases.toml").read_text(encoding="utf-8"))


def choose_phrase(chance: random.Random, key: str) -> str:
    """Return one of the texts of a key of `phrases.toml`."""
    return str(chance.choice(load_phrases()[key]))


def choose_country(chance: random.Random, shares: Mapping[str, float] | None = None) -> Country:
    """Choose a country.

    Args:
        chance: Source of random choices.
        shares: Weight per ISO 3166 code; None for the shares of `countries.toml`.

    Raises:
        CountryError: If a code is not in `countries.toml`.
        ValueError: If the weights are not positive in sum.
    """
    countries = load_countries()
    weights = {code: country.share for code, country in countries.items()} if shares is None else dict(shares)
    unknown = sorted(set(weights) - set(countries))
    if unknown:
        raise CountryError(
            f"No receipts of {', '.join(unknown)} can be made; choose from {', '.join(sorted(countries))}"
        )
    if sum(weights.values()) <= 0:
        raise ValueError("The shares of the countries have to be positive")
    return countries[chance.choices(list(weights), weights=list(weights.values()))[0]]
