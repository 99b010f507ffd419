"""Brand names of shops and restaurants of the world, see `services.extractor.training.brands` for their source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from shared.contracts import ReceiptField
from shared.normalization.phrases import PhraseIndex

BRANDS = Path(__file__).with_name("brands.tsv")
LICENSE = Path(__file__).with_name("brands.LICENSE.md")
_MIN_LETTERS = 3
_APOSTROPHES = re.compile(r"['’]")


@dataclass(frozen=True)
class BrandMatch:
    """A brand named in a text: where, its usual spelling, and its countries (ISO 3166; empty if worldwide)."""

    start: int
    end: int
    name: str
    countries: frozenset[str]


@lru_cache(maxsize=1)
def load_brands() -> tuple[PhraseIndex, Mapping[str, frozenset[str]]]:
    """Return the index of all brands and the countries of each; names with an apostrophe are found without it, too."""
    countries: dict[str, frozenset[str]] = {}
    for line in BRANDS.read_text(encoding="utf-8").splitlines():
        name, _, codes = line.partition("\t")
        countries[name] = frozenset(codes.split())
        countries.setdefault(_APOSTROPHES.sub("", name), countries[name])
    # A number is a brand only together with letters: 7-Eleven, but not 365.
    names = [name for name in countries if sum(map(str.isalpha, name)) >= _MIN_LETTERS or name.isalpha()]
    return PhraseIndex(names, with_numbers=True), countries


def find_brands(text: str) -> Iterator[BrandMatch]:
    """Yield the brands that a line names, from left to right."""
    index, countries = load_brands()
    for match in index.find(text):
        yield BrandMatch(match.start, match.end, match.phrase, countries[match.phrase])


def country_of_brand(company: ReceiptField | None) -> str | None:
    """Return the country (ISO 3166) of a company that is a brand of one country only; otherwise None."""
    name = company.value if company is not None else ""
    match = next(find_brands(name), None)
    if match is None or any(map(str.isalpha, name[: match.start] + name[match.end :])) or len(match.countries) != 1:
        return None
    return next(iter(match.countries))
