"""The country of a receipt, from everything on it that tells: signs, tax terms, phone numbers, addresses, language.

Each piece of evidence adds its weight to the countries that it fits, less to each the more they are. The country with
the largest sum is answered if it leads clearly; otherwise it is unknown, as no country is the default.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import phonenumbers
from stdnum.eu import vat as eu_vat
from stdnum.util import get_cc_module

from shared.normalization.amounts import find_amounts, infer_format_of_numbers, without_conversions
from shared.normalization.cldr import load_cldr
from shared.normalization.folding import fold
from shared.normalization.phrases import PhraseIndex
from shared.normalization.signs import sign_key, sign_meanings, standalone_pattern
from shared.normalization.vocabulary import count_language_words, find_concepts

_PATH = Path(__file__).with_name("countries.toml")
_MIN_SCORE = 1.2
_MIN_LEAD = 0.5
_SHARPNESS = 1.5  # turns the lead into a probability
_MAX_WORDS = 5  # words of a language or country that count
# Names that are food, people or other places as well.
_OTHER_MEANINGS = frozenset(
    {"turkey", "china", "georgia", "jersey", "jordan", "chad", "togo", "guinea", "mali", "oman"}
)
_HALF_DAY = re.compile(r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2})?\s?[ap]\.?m\b")
# Taxes with a name of their own; where nothing but "tax" is charged, it is the sales tax of the United States.
_NAMED_TAXES = re.compile(r"\b(?:[gphqs]st|vat|sst|tps|tvq|itbis|iva|tva|service tax)\b|\btax (?:invoice|reg|id|no)\b")
_PLAIN_TAX = re.compile(r"(?<![a-z])(?:sales |state |local |city |county )?tax(?:es)?(?![a-z])")
_NOT_DIGITS = re.compile(r"\D")
_NORTH_AMERICAN_PHONE = re.compile(r"(?<![\d.+-])(?:\(\d{3}\)\s?|\d{3}[-.\s])\d{3}[-.]\d{4}(?![\d-])")
_WEB = re.compile(
    r"(?:www\.|https?://|@)[a-z0-9.\-]+\.(?P<site>[a-z]{2})(?![a-z.])"
    r"|[a-z0-9\-]+\.(?:co|com|org|net|gov)\.(?P<second>[a-z]{2})(?![a-z.])"
    r"|[a-z][a-z0-9\-]{3,}\.(?P<bare>de|fr|pl|nl|cz|sk|hu|ro|hr|se|dk|fi|ee|lv|lt|at|ch|be|ie)(?![a-z.])"
)
_VAT_NUMBER = re.compile(r"\b(?P<country>[a-z]{2})\s?(?P<number>u?\d[\d .]{6,13}\d)\b")
_NUMBER = re.compile(r"[\da-z][\da-z.\-/ ]{5,18}[\da-z]")
_TAX_ID_REACH = 30
_DOMAIN_COUNTRIES = {"uk": "GB"}


@dataclass(frozen=True)
class Evidence:
    """Something printed that tells the country.

    Attributes:
        kind: "currency", "word", "postal code", "phone", "web address", "tax ID", "tax", "time" or "language".
        text: What is printed.
        countries: ISO 3166 codes that it fits.
        weight: How much it counts for one country if it fits no other.
    """

    kind: str
    text: str
    countries: frozenset[str]
    weight: float

    @property
    def share(self) -> float:
        """What it adds to each of its countries."""
        return self.weight / math.sqrt(len(self.countries))


@dataclass(frozen=True)
class Country:
    """The country of a receipt.

    Attributes:
        code: ISO 3166; None if the receipt does not tell.
        probability: That it is this one, 0 to 1.
        evidence: What speaks for it, the strongest first.
    """

    code: str | None
    probability: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class _Habits:
    words: tuple[str, ...]
    names: tuple[str, ...]
    postal: re.Pattern[str] | None
    tax_ids: tuple[str, ...]
    coin: Decimal | None


def infer_country(text: str, default: str | None = None) -> Country:
    """Return the country whose receipt has this text.

    Args:
        text: The whole receipt, a line per row.
        default: ISO 3166 code of the country to assume where the receipt does not tell.
    """
    country = _infer_country(text)
    if country.code is None and default is not None:
        return Country(default, 0.0, ())
    return country


@lru_cache(maxsize=64)
def _infer_country(text: str) -> Country:
    scores: defaultdict[str, float] = defaultdict(float)
    evidence = list(_evidence(text))
    for one in evidence:
        for code in one.countries:
            scores[code] += one.share
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    if not ranked:
        return Country(None, 0.0, ())
    best, score = ranked[0]
    probability = 1.0 / sum(math.exp(_SHARPNESS * (other - score)) for _, other in ranked)
    lead = score - (ranked[1][1] if len(ranked) > 1 else 0.0)
    if score < _MIN_SCORE or lead < _MIN_LEAD:
        return Country(None, probability, ())
    fitting = sorted((one for one in evidence if best in one.countries), key=lambda one: -one.share)
    return Country(best, probability, tuple(fitting))


def _evidence(text: str) -> Iterator[Evidence]:
    text = without_conversions(text)
    folded = fold(text)
    yield from _currencies(text)
    yield from _words(text)
    yield from _places(folded)
    yield from _phones(text)
    yield from _web(folded)
    yield from _tax_ids(folded)
    yield from _taxes(folded)
    yield from _times(folded)
    yield from _languages(text)


def _currencies(text: str) -> Iterator[Evidence]:
    signs = {sign_key(match.sign) for match in find_amounts(text, infer_format_of_numbers(text)) if match.sign}
    signs |= {sign_key(sign) for sign in standalone_pattern().findall(text)}
    for sign in sorted(signs):
        meanings = sign_meanings().get(sign, ())
        countries = frozenset(
            code
            for code, territory in load_cldr().territories.items()
            if code in _habits() and territory.currencies and territory.currencies[0] in meanings
        )
        if countries:
            yield Evidence("currency", sign, countries, 3.0)


def _words(text: str) -> Iterator[Evidence]:
    index, owners = _word_table()
    counts: defaultdict[frozenset[str], int] = defaultdict(int)
    for word in dict.fromkeys(match.phrase for match in index.find(text)):
        countries = owners[word]
        counts[countries] += 1
        if counts[countries] <= _MAX_WORDS:
            yield Evidence("word", word, countries, 1.5 if len(word) > 3 else 1.0)


def _places(folded: str) -> Iterator[Evidence]:
    matches: defaultdict[str, set[str]] = defaultdict(set)
    for code, habits in _habits().items():
        if habits.postal is not None and (match := habits.postal.search(folded)):
            matches[match.group().strip()].add(code)
    for place, codes in matches.items():
        yield Evidence("postal code", place, frozenset(codes), 1.5)


def _phones(text: str) -> Iterator[Evidence]:
    if "+" in text:
        for match in phonenumbers.PhoneNumberMatcher(text, None):
            region = phonenumbers.region_code_for_number(match.number)
            if region is not None and region in _habits():
                yield Evidence("phone", match.raw_string, frozenset({region}), 3.0)
    if american := _NORTH_AMERICAN_PHONE.search(text):
        number = phonenumbers.parse(f"+1{_NOT_DIGITS.sub('', american.group())}")
        is_local = phonenumbers.number_type(number) != phonenumbers.PhoneNumberType.TOLL_FREE
        region = phonenumbers.region_code_for_number(number) if is_local else None
        countries = frozenset({region} if region in ("US", "CA") else {"US", "CA"})
        yield Evidence("phone", american.group(), countries, 1.4)


def _web(folded: str) -> Iterator[Evidence]:
    for match in _WEB.finditer(folded):
        domain = match["site"] or match["second"] or match["bare"]
        code = _DOMAIN_COUNTRIES.get(domain, domain.upper())
        if code in _habits():
            yield Evidence("web address", match.group(), frozenset({code}), 2.5)


def _taxes(folded: str) -> Iterator[Evidence]:
    if (match := _PLAIN_TAX.search(folded)) and not _NAMED_TAXES.search(folded):
        yield Evidence("tax", match.group(), frozenset({"US"}), 0.7)


def _times(folded: str) -> Iterator[Evidence]:
    if match := _HALF_DAY.search(folded):
        countries = (code for code in _habits() if load_cldr().territories[code].half_days)
        yield Evidence("time", match.group(), frozenset(countries), 2.0)


def _tax_ids(folded: str) -> Iterator[Evidence]:
    for match in _VAT_NUMBER.finditer(folded):
        if eu_vat.is_valid(match["country"] + match["number"]):
            code = match["country"].upper()
            yield Evidence("tax ID", match.group(), frozenset({"GR" if code == "EL" else code}), 3.5)
    for word in find_concepts(folded).get("tax_id", ()):
        number = _NUMBER.search(folded[word.end : word.end + _TAX_ID_REACH])
        if number is None or not any(character.isdigit() for character in number.group()):
            continue
        countries = countries_of_tax_id(number.group())
        if countries:
            yield Evidence("tax ID", number.group(), countries, 2.0)


def countries_of_tax_id(number: str) -> frozenset[str]:
    """Return the countries (ISO 3166) whose tax IDs have this form and these check digits."""
    return frozenset(
        code for code, habits in _habits().items() if any(_is_valid(module, number) for module in habits.tax_ids)
    )


def smallest_coin(country: str | None) -> Decimal | None:
    """Return the coin to which totals in cash are rounded in a country (ISO 3166); None where they are not."""
    habits = _habits().get(country or "")
    return habits.coin if habits is not None else None


def country_aliases() -> Mapping[str, str]:
    """Return the ISO 3166 code of each folded name that addresses end in and CLDR does not list, such as "usa"."""
    return {name: code for code, habits in _habits().items() for name in habits.names}


def _languages(text: str) -> Iterator[Evidence]:
    for language, count in count_language_words(text).items():
        countries = frozenset(
            code
            for code, territory in load_cldr().territories.items()
            if code in _habits() and language in territory.languages[:2]
        )
        if countries:
            yield Evidence("language", language, countries, 0.5 * min(count, _MAX_WORDS))


@lru_cache(maxsize=1)
def _habits() -> Mapping[str, _Habits]:
    content = tomllib.loads(_PATH.read_text(encoding="utf-8"))
    return {
        code: _Habits(
            words=tuple(map(fold, one["words"])),
            names=tuple(map(fold, one.get("names", ()))),
            # A code and its place are on one line.
            postal=re.compile(one["postal"].replace(r"\s", " "), re.MULTILINE) if "postal" in one else None,
            tax_ids=tuple(one.get("tax_ids", ())),
            coin=Decimal(one["coin"]) if "coin" in one else None,
        )
        for code, one in content.items()
    }


@lru_cache(maxsize=1)
def _word_table() -> tuple[PhraseIndex, Mapping[str, frozenset[str]]]:
    """Return the index of all countries' words and names, and the countries that have each."""
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for code, habits in _habits().items():
        for word in (*habits.words, *_names(load_cldr().territories[code].names)):
            owners[word].add(code)
    return PhraseIndex(owners), {word: frozenset(codes) for word, codes in owners.items()}


def _names(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        folded = fold(name)
        if folded not in _OTHER_MEANINGS and len(folded) > 3:
            yield folded


@lru_cache(maxsize=1024)
def _is_valid(module: str, number: str) -> bool:
    rules = _load_rules(module)
    return rules is not None and bool(rules.is_valid(number))


# Looking a module up takes longer than checking a number.
@lru_cache(maxsize=128)
def _load_rules(module: str) -> Any:
    return get_cc_module(*module.split("."))
