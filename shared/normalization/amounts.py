"""Amounts as receipts print them, in every country's form, as decimal numbers.

The same digits mean different amounts in different countries: 1.234 is one thousand two hundred and thirty-four rupiah
and a little over one liter. `infer_format_of_numbers` therefore looks at all numbers of a receipt together, and
`find_amounts` reads each of them in that form.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from shared.normalization.cldr import cash_digits
from shared.normalization.signs import ATTACHED, after_pattern, before_pattern, sign_key, sign_meanings

# Apostrophes, and signs that look like them in print and are read instead.
_APOSTROPHES = "'’‘‛´`"
_FIXED_SPACES = "\u00a0\u202f\u2009"
_MINUS = "−–-"  # the hyphen last: these stand in character classes
_DASHES = _MINUS + "—"
_MAX_WHOLE_DIGITS = 4  # of an amount without decimals or separators on a receipt whose amounts have decimals
_MAX_DIGITS = 15  # before the point: no sum of money has more, and decimals compute with no more than 28
_LONGEST_CONTEXT = 12  # characters before a number that may hold a sign
# Numbers with a separator that is not a decimal one: 1,234 1.234.567 1'234 1,23,456 (Indian).
_GROUPED = (
    rf"\d{{1,3}}(?:,\d{{2,3}})*,\d{{3}}|\d{{1,3}}(?:\.\d{{3}})+|\d{{1,3}}(?:[{_APOSTROPHES}{_FIXED_SPACES}]\d{{3}})+"
)
_WITH_DECIMALS = "|".join(
    (
        r"\d{1,3}(?:,\s?\d{2,3})*,\s?\d{3}\.\d{2}",
        r"\d{1,3}(?:\.\s?\d{3})+,\d{2}",
        rf"\d{{1,3}}(?:[{_APOSTROPHES}] ?\d{{3}})+[.,]\d{{2}}",
        rf"\d{{1,3}}(?:[{_FIXED_SPACES}]\d{{3}})+[.,]\d{{2}}",
        r"\d{1,3}(?: \d{3})+,\d{2}",
        r"\d+\s?\.\s?\d{2}",
        r"\d+,\d{2}",
    )
)
_THREE_DECIMALS = r"\d{1,3}(?:,\d{3})*\.\d{3}|\d+\.\d{3}"
# 40,- and 40.-- stand for 40.00 in much of Europe; Swedish tills print 71:- and 71,90:-.
_ENDING = rf":[{_MINUS}](?!\w)"
_DASH_DECIMALS = rf"(?:{_GROUPED}|\d+)(?:[.,][—{_MINUS}]{{1,2}}|{_ENDING})"
_WHOLE = rf"{_GROUPED}|(?:[1-9]\d{{1,8}}|\d)"
_SEPARATED = re.compile(rf"(?<![\d.,/:\-])\d+(?:[.,{_APOSTROPHES}{_FIXED_SPACES}]\d+)+(?![\d/:%]|[.,]\d|\s?%)")

# A rate of exchange: 1 EUR = 1,0934 USD.
_RATE = re.compile(
    r"(?<![\w.,])1(?:[.,]0+)?\s?(?P<one>[A-Z]{3}|[€$£])\s?=\s?\d[\d.,]*\d(?:\s?(?P<other>[A-Z]{3}|[€$£]))?(?!\w)"
)
_SIGN_WORD = re.compile(r"(?<![^\W\d_])[A-Z]{3}(?![^\W\d_])|[€$£]")
# Rows of a receipt for each one that may be of a foreign currency.
_MIN_OWN = 4

Separator = Literal[".", ",", ""]


@dataclass(frozen=True)
class NumberFormat:
    """How a receipt prints amounts.

    Attributes:
        decimal: The decimal separator; "" if both occur or no number tells.
        digits: Digits after it: 2, 3 (some dinars), or 0 where amounts are whole numbers (rupiah, yen, forint).
    """

    decimal: Separator = ""
    digits: int = 2


ANY_FORMAT = NumberFormat()
"""Two decimals after a point or a comma: what amounts are read by where the rest of the receipt is not known."""


@dataclass(frozen=True)
class AmountMatch:
    """An amount found in a text, with the currency sign before or after it.

    Attributes:
        start: Where `text` starts; it takes in currency sign, minus and brackets.
        number_start: Where the digits start.
        number_end: Where the digits end.
        end: Where `text` ends.
        text: What is printed.
        amount: Its value, negative if a minus is before or after the number, or brackets are around it.
        sign: The currency sign in capitals without a period; "" if there is none.
    """

    start: int
    number_start: int
    number_end: int
    end: int
    text: str
    amount: Decimal
    sign: str


@lru_cache(maxsize=64)
def find_conversions(text: str) -> tuple[str, ...]:
    """Return the rows of a receipt that convert amounts to another currency; they say nothing about its own.

    These are the rows with a rate ("1 EUR = 1.0934 USD"), and those with the one of its currencies that the receipt
    prints less often.
    """
    rates = list(_RATE.finditer(text)) if "=" in text else []
    if not rates:
        return ()
    rows = text.split("\n")
    converting = {row for row in rows if _RATE.search(row)}
    pair = {sign_key(found) for rate in rates for found in (rate["one"], rate["other"]) if found}
    others = [row for row in rows if row not in converting]
    signed = {key: [row for row in others if _names_sign(row, key)] for key in pair}
    foreign = min(pair, key=lambda key: len(signed[key]) or len(rows))
    # A receipt in one currency may print its sign with the total only.
    is_rare = 0 < len(signed[foreign]) < max(len(others) // _MIN_OWN, 2)
    if is_rare and len({len(found) for found in signed.values()}) > 1:
        converting |= set(signed[foreign])
    return tuple(converting)


def without_conversions(text: str) -> str:
    """Return the text of a receipt without the rows that convert amounts to another currency."""
    converting = find_conversions(text)
    return "\n".join(row for row in text.split("\n") if row not in converting) if converting else text


def _names_sign(row: str, key: str) -> bool:
    return any(sign_key(word) == key for word in _SIGN_WORD.findall(row))


@lru_cache(maxsize=64)
def infer_format_of_numbers(text: str) -> NumberFormat:
    """Return how a receipt prints amounts, from all numbers in its text together; `ANY_FORMAT` if they do not tell."""
    text = without_conversions(text)
    decimals: Counter[str] = Counter()
    three_decimals = grouped = 0
    for match in _SEPARATED.finditer(text):
        number = match.group()
        last, tail = _last_separator(number)
        # 21.01.22 is a date.
        if len(tail) == 2 and last in ".," and number.count(last) == 1:
            decimals[last] += 1
        elif len(tail) == 3:
            separators = {character for character in number if not character.isdigit()}
            grouped += len(separators) == 1
            three_decimals += len(separators) == 2 and last == "."
    if decimals:
        point, comma = decimals["."], decimals[","]
        return NumberFormat("" if min(point, comma) * 4 > max(point, comma) else "." if point > comma else ",")
    if three_decimals:
        return NumberFormat(".", 3)
    if grouped or _has_whole_amount(text):
        return NumberFormat("", 0)
    return ANY_FORMAT


def find_amounts(text: str, number_format: NumberFormat = ANY_FORMAT) -> list[AmountMatch]:
    """Return all amounts in a text, from left to right.

    Percentages, dates, times and weights (0.482) are not amounts. A whole number is one if a currency sign stands by
    it, or if the receipt's amounts have no decimals.

    Args:
        text: A line or a whole receipt.
        number_format: Of the receipt that the text belongs to, see `infer_format_of_numbers`.
    """
    return list(_find_amounts(text, number_format))


# The stages of an extraction look for amounts in the same lines repeatedly.
@lru_cache(maxsize=4096)
def _find_amounts(text: str, number_format: NumberFormat) -> tuple[AmountMatch, ...]:
    matches: list[AmountMatch] = []
    for number in _number_pattern(number_format.digits).finditer(text):
        found = _read(text, number, number_format)
        if found is not None and (not matches or found.start >= matches[-1].end):
            matches.append(found)
    return tuple(matches)


def parse_amount(text: str) -> Decimal | None:
    """Return the first amount in a text; None if it has none."""
    found = find_amounts(text)
    return found[0].amount if found else None


@lru_cache(maxsize=4)
def _number_pattern(digits: int) -> re.Pattern[str]:
    """Return the pattern of numbers that may be amounts; the group `whole` is one without decimals."""
    numbers = [_DASH_DECIMALS, *([_THREE_DECIMALS] if digits == 3 else []), _WITH_DECIMALS]
    spaced = rf"\d{{1,3}}(?: \d{{3}})+(?=\s?{after_pattern()})"
    if not digits:
        spaced += r"|(?<!\d )(?<!\w)[1-9]\d{0,2}(?: \d{3})+(?=[^\S\n\t]*(?:[\n\t]|\Z))"
    return re.compile(
        rf"(?<![\d,/:])(?:(?<!\.)|(?<=[^\W\d_]\.))"
        rf"(?:{'|'.join(numbers)}|(?P<whole>{spaced}|{_WHOLE}))(?![\d/]|(?!{_ENDING}):|[.,]\d|\s?%)",
        re.IGNORECASE,
    )


@lru_cache(maxsize=1)
def _before_number() -> re.Pattern[str]:
    """Return the pattern of what stands right before a number: bracket, minus, currency sign."""
    return re.compile(
        rf"(?P<open>\()?(?P<minus>(?<![^\W_])[{_MINUS}]\s?)?"
        rf"(?:(?P<currency>{before_pattern()})[^\S\n]{{0,2}}(?P<inner>[{_MINUS}])?)?\Z",
        re.IGNORECASE,
    )


@lru_cache(maxsize=1)
def _after_number() -> re.Pattern[str]:
    """Return the pattern of what stands right after a number: currency sign, bracket, minus."""
    return re.compile(
        rf"(?P<ending>{_ENDING})?(?:[^\S\n]?(?P<currency>{after_pattern()}))?(?P<close>\s?\))?"
        rf"(?P<minus>[{_MINUS}](?![\w{_MINUS}]))?",
        re.IGNORECASE,
    )


def _read(text: str, number: re.Match[str], number_format: NumberFormat) -> AmountMatch | None:
    """Return the amount at a number with the signs around it; None if it is a number of another kind."""
    context = max(number.start() - _LONGEST_CONTEXT, 0)
    before = _before_number().search(text[context : number.start()])
    after = _after_number().match(text, number.end())
    if before is None or after is None:
        return None
    attached = re.search(rf"(?<![^\W_])(?:{ATTACHED})\Z", text[context : number.start()])
    currency = before["currency"] or (attached.group() if attached else None)
    start = context + next(
        (before.start(name) for name in ("minus", "currency", "inner") if before[name]), before.end()
    )
    if attached and not before["currency"]:
        start = context + attached.start()
    sign = currency or after["currency"] or ""
    if not _may_be_amount(text, number, sign, bool(attached and not before["currency"]), number_format):
        return None
    in_brackets = bool(before["open"] and after["close"])
    if in_brackets:
        start = context + before.start("open")
    end = after.end("minus") if after["minus"] else after.end("close") if in_brackets else after.end("currency")
    end = max(end, after.end("ending"), number.end())
    amount = _value(number.group(), number_format)
    if amount.adjusted() >= _MAX_DIGITS:
        return None
    negative = in_brackets or before["minus"] or before["inner"] or after["minus"]
    return AmountMatch(
        start, *number.span(), end, text[start:end], -amount if negative else amount, _written_sign(sign)
    )


def _may_be_amount(text: str, number: re.Match[str], sign: str, is_attached: bool, number_format: NumberFormat) -> bool:
    """Return whether the text before a number allows it to be an amount; A12.34, P6150 and No.187 are codes."""
    if number["whole"] and number_format.digits:
        # Where amounts have decimals, $120339 is an amount whose point was not read.
        is_long = number.group().isdigit() and len(number.group()) > _MAX_WHOLE_DIGITS
        if not sign or is_attached or (number_format.decimal and is_long):
            return False
    elif number["whole"] and is_attached:
        return False
    previous = text[: number.start()][-2:]
    if sign or not previous:
        return True
    if previous[-1].isalpha():
        return re.fullmatch(r"\d[xX×]", previous) is not None
    return not (number["whole"] and previous[-1] == ".")


def _written_sign(sign: str) -> str:
    return re.sub(r"\s", "", sign).upper().rstrip(".")


def _value(number: str, number_format: NumberFormat) -> Decimal:
    number = re.sub(r"\s", "", number)
    if number[-1] in _DASHES:
        return Decimal(re.sub(r"\D", "", number))
    separator, tail = _last_separator(number)
    digits = re.sub(r"\D", "", number)
    is_decimal = len(tail) == 2 or (len(tail) == 3 and number_format.digits == 3 and separator == ".")
    return Decimal(f"{digits[: -len(tail)]}.{tail}") if separator in (".", ",") and is_decimal else Decimal(digits)


def _last_separator(number: str) -> tuple[str, str]:
    """Return the last character of a number that is not a digit, and the digits after it; ("", "") if there is none."""
    for index in range(len(number) - 1, -1, -1):
        if not number[index].isdigit():
            return number[index], number[index + 1 :]
    return "", ""


def _has_whole_amount(text: str) -> bool:
    """Return whether a whole number has the sign of a currency that is paid without decimals."""
    return any(
        match.sign and any(cash_digits(code) == 0 for code in sign_meanings().get(sign_key(match.sign), ()))
        for match in find_amounts(text)
    )
