"""What a receipt prints, in forms that programs take: ISO 8601 dates, decimal amounts, ISO 4217 currencies.

These forms are part of the contract of a receipt: the extractor gives them for what it reads, the gateway for what
people correct, and both have to agree. Standard library only. Nothing is guessed: what cannot be read is None.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# Malay names that differ from the English ones in their first letters.
_OTHER_MONTHS = {"MAC": 3, "MEI": 5, "JULAI": 7, "OGO": 8, "OGOS": 8, "OKT": 10, "DIS": 12}
_MONTH = r"(?:JAN|FEB|MAR|MAC|APR|MAY|MEI|JUN|JUL|AUG|OGO|SEP|OCT|OKT|NOV|DEC|DIS)[A-Z]{0,6}"
# A year may be followed by a time with no space between them: 25/12/201818:25.
_END = r"(?:(?!\d)|(?=\d{1,2}:\d{2}))"
_YEAR = rf"(?P<year>(?:19|20)\d{{2}}{_END}|\d{{2}}{_END})"
_SEPARATOR = r"\s?[/.\-]\s?"

_DATE_FORMS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\d)(?P<year>(?:19|20)\d{{2}})(?P<s>{_SEPARATOR})(?P<month>\d{{1,2}})(?P=s)(?P<day>\d{{1,2}}){_END}",
        rf"(?<![\d.,/-])(?P<first>\d{{1,2}})(?P<s>{_SEPARATOR})(?P<second>\d{{1,2}})(?P=s){_YEAR}",
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:ST|ND|RD|TH)?[\s/.,\-]{{0,2}}(?P<name>{_MONTH})[\s/.,'\-]{{0,2}}{_YEAR}",
        rf"(?<![A-Z])(?P<name>{_MONTH})[\s/.\-]{{0,2}}(?P<day>\d{{1,2}})(?:ST|ND|RD|TH)?[\s/.,'\-]{{1,2}}{_YEAR}",
        rf"(?<!\d)(?P<year>(?:19|20)\d{{2}})[\s/.\-]?(?P<name>{_MONTH})[\s/.\-]?(?P<day>\d{{1,2}})(?!\d)",
        r"(?<!\d)(?P<year>(?:19|20)\d{2})\s?年\s?(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})\s?日",
        r"(?<!\d)(?P<year>20[0-4]\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?!\d)",
    )
)

_SYMBOLS = {"€": "EUR", "£": "GBP", "₹": "INR", "₱": "PHP", "฿": "THB", "₫": "VND", "₩": "KRW"}
_PREFIXES = {"RM": "MYR", "US$": "USD", "S$": "SGD", "A$": "AUD", "C$": "CAD", "HK$": "HKD", "NT$": "TWD", "RP": "IDR"}
_CODES = (
    "MYR", "USD", "EUR", "GBP", "SGD", "IDR", "THB", "PHP", "VND", "INR", "AUD", "NZD", "CAD", "CHF", "SEK",
    "NOK", "DKK", "PLN", "CZK", "HUF", "JPY", "CNY", "HKD", "TWD", "KRW", "AED", "ZAR", "BND",
)  # fmt: skip
# RM also as it is misread or spaced: "R M", and stuck to the number: "RM9.00".
_CURRENCY = r"(?:US\$|S\$|A\$|C\$|HK\$|NT\$|\$|€|£|₹|₱|฿|₫|₩|¥|RM|RP\.?|" + "|".join(_CODES) + ")"
_NUMBER = (
    r"(?:\d{1,3}(?:,\s?\d{3})+\.\d{2}|\d{1,3}(?:\.\d{3})+,\d{2}|\d{1,3}(?: \d{3})+[.,]\d{2}"
    r"|\d+\s?\.\s?\d{2}|\d+,\d{2})"
)
_AMOUNT = re.compile(
    rf"(?P<currency>(?<![A-Z]){_CURRENCY})?\s{{0,2}}(?P<sign>-)?"
    rf"(?<![\d.,/:])(?P<number>{_NUMBER})(?![\d/:]|[.,]\d|\s?%)(?:\s?(?P<after>€|EUR\b))?",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    rf"(?P<currency>{_CURRENCY})\s?(?P<sign>-)?(?P<number>\d{{1,3}}(?:[,.]\d{{3}})+|\d+)(?![\d.,])", re.IGNORECASE
)

_MALAYSIA = re.compile(
    r"\b(?:MALAYSIA|SDN\.?|BHD\.?|KUALA LUMPUR|SELANGOR|JOHOR|PENANG|PULAU PINANG|MELAKA|PAHANG|SARAWAK|SABAH"
    r"|JALAN|JLN)\b"
)
_UNITED_STATES = re.compile(
    r"\b(?:USA|U\.S\.A\.?|UNITED STATES)\b"
    r"|[,\s](?:AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|IA|ID|IL|IN|KS|KY|LA|MA|MD|ME|MI|MN|MO|MS|MT|NC|ND|NE|NH|NJ|NM|NV|NY|OH|OK"
    r"|OR|PA|RI|SC|SD|TN|TX|UT|VA|VT|WA|WI|WV|WY|DC)[.,]?\s+\d{5}(?:-\d{4})?\b"
)
_SINGAPORE = re.compile(r"\bSINGAPORE\b|\bPTE\.?\s+LTD\b")
_MONTH_FIRST_FORM = re.compile(r"\bMM\s?[/.\-]\s?DD\b", re.IGNORECASE)
_JALAN = re.compile(r"\b(?:JALAN|JLN|SDN\.?\s?BHD)\b")
_RINGGIT = re.compile(r"(?<![A-Z])(?:RM|MYR)(?![A-Z])|\bRINGGIT\b")
_CODE_WORD = re.compile(r"(?<![A-Z])(" + "|".join(_CODES) + r")(?![A-Z])")


@dataclass(frozen=True)
class DateMatch:
    """A date found in a text: where it stands, and the dates it may mean (day first, month first)."""

    start: int
    end: int
    text: str
    day_first: datetime.date | None
    month_first: datetime.date | None

    @property
    def two_ways(self) -> bool:
        """Whether day and month could be swapped to give another date."""
        return None not in (self.day_first, self.month_first) and self.day_first != self.month_first

    def date(self, prefer_month_first: bool = False) -> datetime.date | None:
        """The date meant; None if it cannot be one. The other order counts only if the preferred one is impossible."""
        first, second = self.day_first, self.month_first
        if prefer_month_first:
            first, second = second, first
        return first or second


@dataclass(frozen=True)
class AmountMatch:
    """An amount found in a text, with the currency sign before or after it.

    `text` runs from `start` to `end` and takes in the sign; the number alone from `number_start` to `number_end`.
    `sign` is '' if there is none.
    """

    start: int
    number_start: int
    number_end: int
    end: int
    text: str
    amount: Decimal
    sign: str


def find_dates(text: str) -> list[DateMatch]:
    """All dates in a text, from left to right; also those that cannot be (32/13/2018), which have no meaning."""
    found: list[DateMatch] = []
    for form in _DATE_FORMS:
        for match in form.finditer(text):
            if any(match.start() < other.end and other.start < match.end() for other in found):
                continue
            found.append(_date_match(match))
    return sorted(found, key=lambda match: match.start)


def parse_date(text: str, prefer_month_first: bool = False) -> datetime.date | None:
    """The first date in a text that can be; None if there is none."""
    dates = (match.date(prefer_month_first) for match in find_dates(text))
    return next((date for date in dates if date is not None), None)


def _date_match(match: re.Match[str]) -> DateMatch:
    groups = match.groupdict()
    year = _full_year(groups["year"])
    if groups.get("first") is not None:
        first, second = int(groups["first"]), int(groups["second"])
        readings = (_date(year, second, first), _date(year, first, second))
    else:
        month = _month_number(groups["name"]) if groups.get("name") else int(groups["month"])
        readings = (_date(year, month, int(groups["day"])),) * 2
    return DateMatch(match.start(), match.end(), match.group(), *readings)


def _full_year(digits: str) -> int:
    """Two digits mean 2000 to 2069 or 1970 to 1999, as POSIX has it."""
    year = int(digits)
    if len(digits) > 2:
        return year
    return 2000 + year if year < 70 else 1900 + year


def _month_number(name: str) -> int:
    name = name.upper()
    if name[:3] in _MONTHS:
        return _MONTHS.index(name[:3]) + 1
    return _OTHER_MONTHS[name[:3]]


def _date(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def month_comes_first(text: str) -> bool | None:
    """Whether a receipt with this text writes the month before the day; None if it does not tell.

    Told by a date that can be read in one way only, by a form (MM/DD), or by the country: the United States write the
    month first, countries known by their currency or address the day. The Philippines and Canada write both.
    """
    matches = find_dates(text)
    if any(match.day_first and not match.month_first for match in matches):
        return False
    if any(match.month_first and not match.day_first for match in matches):
        return True
    upper = text.upper()
    if _MONTH_FIRST_FORM.search(upper) or _UNITED_STATES.search(upper):
        return True
    money = currency("", text)
    return None if money in (None, "USD", "PHP", "CAD") and not _JALAN.search(upper) else False


def find_amounts(text: str) -> list[AmountMatch]:
    """All amounts with two decimals in a text, from left to right; percentages, dates and times are none."""
    found = []
    for match in _AMOUNT.finditer(text):
        amount = _decimal(match["number"])
        if amount is None:
            continue
        start = match.start("currency") if match["currency"] else match.start("sign")
        if start < 0:
            start = match.start("number")
        if match["sign"]:
            amount = -amount
        sign = (match["currency"] or match["after"] or "").upper().rstrip(".")
        end = match.end("after") if match["after"] else match.end("number")
        found.append(AmountMatch(start, *match.span("number"), end, text[start:end], amount, sign))
    return found


def parse_amount(text: str) -> Decimal | None:
    """The first amount in a text; a number without decimals counts only after a currency sign."""
    found = find_amounts(text)
    if found:
        return found[0].amount
    whole = _WHOLE.search(text)
    if whole is None:
        return None
    value = Decimal(re.sub(r"[,.]", "", whole["number"]))
    return -value if whole["sign"] else value


def _decimal(number: str) -> Decimal | None:
    number = re.sub(r"\s", "", number)
    # The last separator parts the decimals; every other one is for thousands.
    whole, decimals = number[:-3], number[-2:]
    try:
        return Decimal(re.sub(r"[,.]", "", whole) + "." + decimals)
    except InvalidOperation:
        return None


def currency(sign: str, text: str) -> str | None:
    """The ISO 4217 code of an amount.

    Args:
        sign: What stands before the amount (`RM`, `$`, ...), '' if nothing.
        text: The whole text of the receipt, which tells where `$` or no sign is ambiguous.

    Returns:
        None where the receipt does not tell.
    """
    sign = sign.upper().rstrip(".")
    if sign in _CODES:
        return sign
    known = _PREFIXES.get(sign) or _SYMBOLS.get(sign)
    if known:
        return known
    upper = text.upper()
    if _RINGGIT.search(upper) or _MALAYSIA.search(upper):
        return "MYR"
    if sign == "$":
        if _SINGAPORE.search(upper):
            return "SGD"
        return "USD" if _UNITED_STATES.search(upper) or re.search(r"(?<![A-Z])USD(?![A-Z])", upper) else None
    if sign == "":
        return _only_currency(upper)
    return None


def _only_currency(upper: str) -> str | None:
    """The one currency that a text names anywhere; None if it names none or several."""
    named = set(_CODE_WORD.findall(upper))
    named |= {code for symbol, code in _SYMBOLS.items() if symbol in upper}
    if not named and "$" in upper:
        return currency("$", upper)
    return named.pop() if len(named) == 1 else None
