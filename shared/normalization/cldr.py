"""Names, signs and habits of countries from the Unicode CLDR, as `build_cldr` extracts them with Babel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_PATH = Path(__file__).with_name("cldr.json")
DEFAULT_DIGITS = 2
"""Digits after the decimal separator of a currency that CLDR does not list."""


@dataclass(frozen=True)
class Territory:
    """A country or dependency.

    Attributes:
        currencies: ISO 4217 codes in use, the main one first.
        languages: ISO 639 codes, the most spoken first.
        month_first: True if short dates put the month before the day and the year last, as in the United States.
        year_first: True if short dates put the year first, as in Hungary.
        half_days: True if the time of day is written with AM and PM.
        names: Names in English and in its own languages, as far as they are written in Latin script.
    """

    currencies: tuple[str, ...]
    languages: tuple[str, ...]
    month_first: bool
    year_first: bool
    half_days: bool
    names: tuple[str, ...]


@dataclass(frozen=True)
class Cldr:
    """The tables of `cldr.json`.

    Attributes:
        months: For each language, the number (1 to 12) of each month name, in lower case.
        weekdays: For each language, the number (0 is Monday) of each weekday name, in lower case.
        date_words: The words that dates in full have besides month and weekday ("de", "gada"), in lower case.
        signs: For each currency sign ("$", "zł"), the ISO 4217 codes that it may mean.
        digits: Digits after the decimal separator in cash, for currencies that differ from two.
        territories: By ISO 3166 code.
    """

    months: Mapping[str, Mapping[str, int]]
    weekdays: Mapping[str, Mapping[str, int]]
    date_words: tuple[str, ...]
    signs: Mapping[str, tuple[str, ...]]
    digits: Mapping[str, int]
    territories: Mapping[str, Territory]


@lru_cache(maxsize=1)
def load_cldr() -> Cldr:
    """Return the tables; they are read once."""
    content = json.loads(_PATH.read_text(encoding="utf-8"))
    return Cldr(
        months=content["months"],
        weekdays=content["weekdays"],
        date_words=tuple(content["date_words"]),
        signs={sign: tuple(codes) for sign, codes in content["signs"].items()},
        digits=content["digits"],
        territories={
            code: Territory(
                currencies=tuple(one["currencies"]),
                languages=tuple(one["languages"]),
                month_first=one["month_first"],
                year_first=one["year_first"],
                half_days=one["half_days"],
                names=tuple(one["names"]),
            )
            for code, one in content["territories"].items()
        },
    )


def cash_digits(currency: str) -> int:
    """Return how many digits after the decimal separator amounts in a currency (ISO 4217) have."""
    return load_cldr().digits.get(currency, DEFAULT_DIGITS)
