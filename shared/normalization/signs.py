"""Currency signs as receipts print them, and the ISO 4217 currencies that they may mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from shared.normalization.cldr import load_cldr
from shared.normalization.folding import fold

# Print forms that CLDR does not list: abbreviations of shops, older signs, signs without their accents.
_PRINT_FORMS: Mapping[str, tuple[str, ...]] = {
    "Rs": ("INR", "PKR", "LKR", "NPR", "MUR", "SCR"),
    "Rs.": ("INR", "PKR", "LKR", "NPR", "MUR", "SCR"),
    "INR.": ("INR",),
    "TL": ("TRY",),
    "YTL": ("TRY",),
    "$": ("USD", "MYR"),  # many Malaysian tills print $ for ringgit
    "S$": ("SGD",),
    "NT$": ("TWD",),
    "NZ$": ("NZD",),
    "AU$": ("AUD",),
    "C$": ("CAD", "NIO"),
    "MX$": ("MXN",),
    "R$": ("BRL",),
    "Php": ("PHP",),
    "Rp.": ("IDR",),
    "R M": ("MYR",),
    "Fr.": ("CHF",),
    "SFr.": ("CHF",),
    "kn": ("HRK",),
    "lei": ("RON",),
    "Lei": ("RON",),
    "zl": ("PLN",),
    "Kc": ("CZK",),
    "euro": ("EUR",),
    "euros": ("EUR",),
    "SAR": ("SAR",),
    "Dh": ("AED", "MAD"),
    "Dh.": ("AED", "MAD"),
    "Dhs": ("AED", "MAD"),
    "Dhs.": ("AED", "MAD"),
    "SR": ("SAR", "SCR"),
    "KSh": ("KES",),
    "KSh.": ("KES",),
    "Tsh": ("TZS",),
    "Ush": ("UGX",),
    "VND": ("VND",),
    "đ": ("VND",),
    "ISK": ("ISK",),
    "¥": ("JPY", "CNY"),
    "円": ("JPY",),
    "元": ("CNY", "TWD"),
    "원": ("KRW",),
    "WON": ("KRW",),
    "Bs.": ("BOB", "VES"),
    "S/.": ("PEN",),
    "GH¢": ("GHS",),
    "N": ("NGN",),
}
# Signs of one or two letters that are words, tax codes or units as well: CLDR lists them, receipts seldom mean them.
_MIN_LETTERS = 2
_UNSAFE = frozenset(
    {"ar", "br", "cf", "d", "da", "dt", "db", "e", "fc", "fg", "g", "k", "km", "l", "le", "m", "mk", "n", "p", "q", "r"}
    | {"rf", "s", "sr", "vt", "den", "kz", "bs", "fdj"}
)
# Letters and codes that stand right before the number, as in R10.50, P150 and RON86.20; with a space they are words.
_ATTACHED: Mapping[str, tuple[str, ...]] = {
    "R": ("ZAR",), "P": ("PHP", "BWP"), "K": ("PGK", "ZMW"), "Q": ("GTQ",), "N": ("NGN",),
} | {code: (code,) for code in ("BAM", "GEL", "MAD", "PEN", "RON", "TRY")}  # fmt: skip
ATTACHED = "|".join(_ATTACHED)
# Codes that are words, octane numbers (RON 95) or legal forms (SDN BHD) before a number.
_WORDS_BEFORE = frozenset(
    {"ALL", "TOP", "CUP", "LAK", "MOP", "SOS", "AMD", "BAM", "GEL", "RON", "BHD", "TRY", "PEN", "MAD"}
)
_WORDS_AFTER = frozenset({"ALL", "TOP", "CUP", "LAK", "SOS", "AMD", "GEL", "BHD", "PEN", "Dh", "Dh.", "WON"})


@lru_cache(maxsize=1)
def sign_meanings() -> Mapping[str, tuple[str, ...]]:
    """Return the currencies that each sign may mean, by the folded sign without spaces and periods."""
    meanings: dict[str, list[str]] = {}
    minor = _minor_currencies()
    for table in (_PRINT_FORMS, _ATTACHED, load_cldr().signs):
        for sign, currencies in table.items():
            known = meanings.setdefault(sign_key(sign), [])
            known += [code for code in currencies if code not in known and code not in minor]
    for code in sorted(known_codes()):
        meanings[sign_key(code)] = [code]
    return {key: tuple(codes) for key, codes in meanings.items()}


def _minor_currencies() -> frozenset[str]:
    """Return the currencies of places so small that their sign means another one: £ is not the Falkland pound."""
    return frozenset({"FKP", "GIP", "SHP", "SSP"})


def sign_key(sign: str) -> str:
    """Return the form of a sign that `sign_meanings` knows it by."""
    return fold(sign).replace(" ", "").replace(".", "")


@lru_cache(maxsize=1)
def known_codes() -> frozenset[str]:
    """Return the ISO 4217 codes of all currencies in use."""
    return frozenset(code for territory in load_cldr().territories.values() for code in territory.currencies)


@lru_cache(maxsize=1)
def before_pattern() -> str:
    """Return the regular expression of a sign before a number; to be compiled with IGNORECASE."""
    letters, symbols = _alternatives(_WORDS_BEFORE)
    return rf"(?:(?<![^\W\d_])(?:{letters})|{symbols})"


@lru_cache(maxsize=1)
def after_pattern() -> str:
    """Return the regular expression of a sign after a number; to be compiled with IGNORECASE."""
    letters, symbols = _alternatives(_WORDS_AFTER)
    return rf"(?:(?:{letters})(?![^\W\d_])|{symbols})"


@lru_cache(maxsize=1)
def standalone_pattern() -> re.Pattern[str]:
    """Return the pattern of signs that stand alone, as at the head of a column, in their usual capitals."""
    letters, symbols = _alternatives(_WORDS_BEFORE | _ONLY_WITH_NUMBERS)
    return re.compile(rf"(?<![^\W_])(?:{letters})(?![^\W_])|{symbols}")


# Initials such as KC stand alone for other things.
_ONLY_WITH_NUMBERS = frozenset({"Kc", "zl", "Fr.", "SR", "Dh", "Dh.", "Dhs", "WON", "euro", "euros"})


def _alternatives(words: frozenset[str]) -> tuple[str, str]:
    """Return the signs that begin with a letter, and the others, each as alternatives with the longest first."""
    signs = ({sign for sign in (*_PRINT_FORMS, *load_cldr().signs) if _is_safe(sign)} | known_codes()) - words
    ordered = sorted(signs, key=lambda one: (-len(one), one))
    letters, symbols = [one for one in ordered if one[0].isalpha()], [one for one in ordered if not one[0].isalpha()]
    return "|".join(map(_escape, letters)), "|".join(map(_escape, symbols))


def _escape(sign: str) -> str:
    return re.escape(sign).replace(r"\ ", r"\s?")


def _is_safe(sign: str) -> bool:
    letters = sign_key(sign)
    return not sign.isascii() or not letters.isalpha() or (len(letters) >= _MIN_LETTERS and letters not in _UNSAFE)
