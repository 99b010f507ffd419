"""Build `cldr.json`, the part of CLDR that receipts need: `python -m shared.normalization.build_cldr`.

Babel reads one file per locale, which takes seconds for all countries. Serving loads this one file instead. A test
compares the file with the installed Babel, so an upgrade that changes the data fails until the file is built again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.numbers import get_territory_currencies

from shared.normalization.vocabulary import load_vocabulary

OUTPUT = Path(__file__).with_name("cldr.json")

# A language counts for a territory from this share of speakers (percent) where it is not official.
_MIN_SHARE = 30
_WIDTHS = ("wide", "abbreviated")
_CONTEXTS = ("format", "stand-alone")


def build() -> dict[str, Any]:
    """Return the content of `cldr.json`; see `shared.normalization.cldr.Cldr` for its parts."""
    signs: dict[str, set[str]] = {}
    territories = {}
    for code in sorted(get_global("territory_languages")):
        if re.fullmatch(r"[A-Z]{2}", code):
            territories[code] = _territory(code, signs)
    return {
        "months": {language: _names("months", language) for language in load_vocabulary()},
        "weekdays": {language: _names("days", language) for language in load_vocabulary()},
        "date_words": sorted(set().union(*(_find_date_words(language) for language in load_vocabulary()))),
        "signs": {sign: sorted(currencies) for sign, currencies in sorted(signs.items())},
        "digits": {code: values[2] for code, values in sorted(get_global("currency_fractions").items())},
        "territories": territories,
    }


def _territory(code: str, signs: dict[str, set[str]]) -> dict[str, Any]:
    currencies = get_territory_currencies(code)
    names, languages, patterns, times = set(), [], [], []
    for locale in _locales(code):
        languages.append(locale.language)
        names.add(locale.territories.get(code, ""))
        patterns.append(locale.date_formats["short"].pattern)
        times.append(locale.time_formats["short"].pattern)
        for currency in currencies:
            sign = _plain(locale.currency_symbols.get(currency, ""))
            if sign and sign != currency:
                signs.setdefault(sign, set()).add(currency)
    names.add(Locale("en").territories.get(code, ""))
    return {
        "currencies": currencies,
        "languages": languages,
        "month_first": bool(patterns) and _order(patterns[0]) == "Mdy",
        "year_first": bool(patterns) and _order(patterns[0]) == "yMd",
        "half_days": bool(times) and "a" in times[0],
        "names": sorted(name for name in names if name.isascii() or _is_latin(name)),
    }


def _locales(territory: str) -> Iterator[Locale]:
    """Yield the locales of a territory, its most spoken language first."""
    spoken = get_global("territory_languages")[territory]
    for language, facts in sorted(spoken.items(), key=lambda item: -item[1]["population_percent"]):
        if not (facts["official_status"] or facts["population_percent"] >= _MIN_SHARE):
            continue
        for name in (f"{language}_{territory}", language):
            try:
                yield Locale.parse(name)
            except (UnknownLocaleError, ValueError):
                continue
            break


def _names(kind: str, language: str) -> dict[str, int]:
    """Return the names of months (1 to 12) or weekdays (0 is Monday) in a language, in lower case without periods."""
    numbers: dict[str, int] = {}
    table = getattr(Locale(language), kind)
    for context in _CONTEXTS:
        for width in _WIDTHS:
            for number, name in table[context][width].items():
                plain = name.strip(".").casefold()
                if len(plain) >= 2 and not any(character.isdigit() for character in plain):
                    numbers.setdefault(plain, number)
    return dict(sorted(numbers.items()))


def _find_date_words(language: str) -> set[str]:
    """Return the words that dates in full have besides month and weekday, such as "de" and "gada", in lower case."""
    patterns = (Locale(language).date_formats[width].pattern for width in ("full", "long", "medium"))
    quoted = (text for pattern in patterns for text in re.findall(r"'([^']+)'", pattern))
    return {word for text in quoted for word in re.findall(r"[^\W\d_]+", text.casefold())}


def _plain(sign: str) -> str:
    """Return a sign without invisible characters; '' if it is not written in Latin script or as a symbol."""
    sign = sign.replace("\u202f", " ").replace("￥", "¥").strip("\u200f\u200b ")
    return sign if all(_is_latin(character) or not character.isalpha() for character in sign) else ""


def _is_latin(text: str) -> bool:
    return all(ord(character) < 0x250 or 0x1E00 <= ord(character) < 0x1F00 for character in text if character.isalpha())


def _order(pattern: str) -> str:
    """Return the order of day, month and year in the pattern of a date: "dMy", "Mdy", "yMd"."""
    return "".join(dict.fromkeys(re.sub(r"[^dMy]", "", pattern)))


def main() -> None:
    """Write `cldr.json`."""
    OUTPUT.write_text(json.dumps(build(), ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
