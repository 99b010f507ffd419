"""Dates as receipts print them, with month names in every language of `cldr.json`, as calendar dates.

Numbers alone do not tell day and month apart (03/04/2018), so a match keeps both readings. What decides between them is
in `shared.normalization.date_order`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.normalization.cldr import load_cldr
from shared.normalization.folding import fold
from shared.normalization.vocabulary import load_vocabulary

_MIN_MONTH_LETTERS = 3
_SHORT_YEAR = 2  # digits
# English and Malay as tills abbreviate them; CLDR has other lengths.
_PRINT_FORMS: Mapping[str, int] = {"sept": 9, "mac": 3, "ogo": 8, "okt": 10, "dis": 12, "mrt": 3, "mrz": 3, "jui": 7}
# A year may be followed by a time with no space between them (25/12/201818:25), but 20:15 behind a day is a time.
_END = r"(?:(?!\d)|(?=\d{1,2}:\d{2}))"
_YEAR = rf"(?P<year>(?:19|20)\d{{2}}{_END}|\d{{2}}{_END}(?!:\d{{2}}))"
_LONG_YEAR = r"(?P<year>(?:19|20)\d{2})"
_ORDINAL = r"(?:ST|ND|RD|TH|ER|O|\.|A)?"
# Words between day, month and year that CLDR does not list.
_PRINT_WORDS = ("of", "del", "di", "d'", "men")
_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[^\W\d_]+")
_ZERO_IN_WORD = re.compile(r"(?<![a-z\d])(?:0(?=[a-z]{2})|[a-z]{1,3}0(?=[a-z]))[a-z]*")
_NEARLY_MONTH = re.compile(
    r"(?P<day>(?<!\d)\d{1,2}[\s./\-]{1,2})(?P<word>[a-z]{4,10})(?P<year>[\s./\-]{1,2}(?:19|20)\d{2})"
)
_WEEKDAY_REACH = 14
_MIN_WEEKDAY_LETTERS = 3  # "on" and "to" are weekdays in Norwegian
# Two digits of a year mean 1970 to 2069, as POSIX has it.
_PIVOT = 70


@dataclass(frozen=True)
class DateMatch:
    """A date found in a text.

    Attributes:
        start: Where it starts in the text.
        end: Where it ends.
        text: What is printed.
        day_first: The date if the day comes first; None if that is not a date.
        month_first: The date if the month comes first; the same if only one order is possible.
        weekday: The weekday printed next to it, 0 is Monday; None if there is none.
        weekday_span: Where the weekday starts and ends in the text; None if there is none.
        year_first: The date if three numbers of two digits begin with a year from 2000 on (24/02/13); None if that is
            not a date.
    """

    start: int
    end: int
    text: str
    day_first: datetime.date | None
    month_first: datetime.date | None
    weekday: int | None = None
    weekday_span: tuple[int, int] | None = None
    year_first: datetime.date | None = None

    @property
    def readings(self) -> frozenset[datetime.date]:
        """The dates that it may mean, of every order."""
        days = (self.day_first, self.month_first, self.year_first)
        return frozenset(day for day in days if day is not None)

    @property
    def is_ambiguous(self) -> bool:
        """Whether day and month could be swapped to give another date, and no weekday tells which is meant."""
        return (
            None not in (self.day_first, self.month_first)
            and self.day_first != self.month_first
            and self.order_by_weekday is None
        )

    @property
    def order_by_weekday(self) -> bool | None:
        """True if only the reading with the month first falls on the printed weekday, False if only the other does."""
        if self.weekday is None or None in (self.day_first, self.month_first):
            return None
        fits = [date is not None and date.weekday() == self.weekday for date in (self.day_first, self.month_first)]
        return None if fits[0] == fits[1] else fits[1]

    def date(self, prefer_month_first: bool = False) -> datetime.date | None:
        """Return the date meant; None if it cannot be one.

        The printed weekday decides first, then the preferred order; the other order counts if that is impossible.
        """
        first, second = self.day_first, self.month_first
        by_weekday = self.order_by_weekday
        if prefer_month_first if by_weekday is None else by_weekday:
            first, second = second, first
        return first or second


def find_dates(text: str) -> list[DateMatch]:
    """Return all dates in a text, from left to right; also impossible ones (32/13/2018), which have no meaning."""
    return list(_find_dates(text))


# The stages of an extraction look for dates in the same lines repeatedly.
@lru_cache(maxsize=4096)
def _find_dates(text: str) -> tuple[DateMatch, ...]:
    folded = fold(text)
    if not _DIGIT.search(folded):
        return ()
    folded = _with_month_names_repaired(folded)
    names_month = not _month_numbers().keys().isdisjoint(_LETTERS.findall(folded))
    found: list[DateMatch] = []
    for form, needs_month in _forms():
        if needs_month and not names_month:
            continue
        for match in form.finditer(folded):
            if not any(match.start() < other.end and other.start < match.end() for other in found):
                found.append(_read(match, text, folded))
    return tuple(sorted(found, key=lambda match: match.start))


def find_yearless_dates(text: str) -> list[DateMatch]:
    """Return days and months without a year ("Jun 15"), which are no calendar dates, from left to right."""
    folded = fold(text)
    if not _DIGIT.search(folded) or _month_numbers().keys().isdisjoint(_LETTERS.findall(folded)):
        return []
    return [
        DateMatch(*match.span(), text[match.start() : match.end()], None, None)
        for match in _yearless_form().finditer(folded)
    ]


def parse_date(text: str, prefer_month_first: bool = False) -> datetime.date | None:
    """Return the first possible date in a text; None if there is none."""
    dates = (match.date(prefer_month_first) for match in find_dates(text))
    return next((date for date in dates if date is not None), None)


def _with_month_names_repaired(folded: str) -> str:
    """Return the text with months put right: 0ct, and words between a day and a year that differ in one letter."""

    def repair(match: re.Match[str]) -> str:
        word = match["word"]
        if word in _month_numbers():
            return match.group()
        near = [name for name in _month_numbers() if _differs_in_one_letter(word, name)]
        meanings = {_month_numbers()[name] for name in near}
        return match["day"] + near[0] + match["year"] if len(meanings) == 1 else match.group()

    def put_letter(match: re.Match[str]) -> str:
        word = match.group().replace("0", "o")
        return word if word in _month_numbers() else match.group()

    return _NEARLY_MONTH.sub(repair, _ZERO_IN_WORD.sub(put_letter, folded))


def _differs_in_one_letter(word: str, name: str) -> bool:
    return len(word) == len(name) and sum(a != b for a, b in zip(word, name, strict=True)) == 1


@lru_cache(maxsize=1)
def _month_numbers() -> dict[str, int]:
    """Return the number of each month name, folded."""
    names = _named(load_cldr().months, _MIN_MONTH_LETTERS)
    return names | {name: number for name, number in _PRINT_FORMS.items() if name not in names}


@lru_cache(maxsize=1)
def _weekday_numbers() -> dict[str, int]:
    names = _named(load_cldr().weekdays, _MIN_WEEKDAY_LETTERS)
    return {name: number for name, number in names.items() if name not in _month_numbers()}


def _named(tables: Mapping[str, Mapping[str, int]], min_letters: int) -> dict[str, int]:
    result: dict[str, int] = {}
    # Where a name means another month in another language (srp: August in Czech, July in Croatian), the first in the
    # vocabulary wins.
    for language in load_vocabulary():
        for name, number in tables[language].items():
            if len(name) >= min_letters:
                result.setdefault(fold(name), number)
    return result


def _one_of(names: Sequence[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))


@lru_cache(maxsize=1)
def _forms() -> tuple[tuple[re.Pattern[str], bool], ...]:
    """Return the patterns of dates in folded text, the surest first, and whether each has the name of a month."""
    name = rf"(?P<name>{_one_of(list(_month_numbers()))})(?![a-z])\.?"
    separator, again = r"(?P<s>\s?[/.\-]\s?)", r"(?P=s)"
    gap = r"[\s/.,'\-]{0,2}"
    of = rf"(?:{_one_of([*map(fold, load_cldr().date_words), *_PRINT_WORDS])})"
    word = rf"[\s/.,\-]{{0,2}}(?:{of}\.?\s?)?"
    patterns = (
        rf"(?<!\d){_LONG_YEAR}{separator}(?P<month>\d{{1,2}}){again}(?P<day>\d{{1,2}}){_END}",
        # After a slash only behind a long number: 80101911/26.06.2025 is a document number and a date.
        rf"(?<![\d.,-])(?:(?<!/)|(?<=\d{{5}}/))(?P<first>\d{{1,2}}){separator}(?P<second>\d{{1,2}}){again}{_YEAR}",
        # Swedish: 30/12-2022.
        rf"(?<![\d.,/-])(?P<day>\d{{1,2}})/(?P<month>\d{{1,2}})-{_LONG_YEAR}{_END}",
        # Numbers of one digit padded with a space: 18- 9-2022.
        rf"(?<![\d.,/-])(?P<first>\d{{1,2}})(?P<s>[/.\-])\s?(?P<second>\d{{1,2}})(?P=s)\s?{_LONG_YEAR}{_END}",
        rf"(?<!\d)(?P<day>\d{{1,2}}){_ORDINAL}[\s/.,\-]{{0,2}}{of}?\s?{name}{gap}{of}?\s?{_YEAR}",
        rf"(?<![a-z]){name}[\s/.\-]{{0,2}}(?P<day>\d{{1,2}}){_ORDINAL}(?:[\s/.,'\-]{{1,2}}|\s[,.'\-]\s){_YEAR}",
        # Lithuanian: 2018 m. gruodžio 25 d.; Latvian: 2018. gada 25. decembris.
        rf"(?<!\d){_LONG_YEAR}{word}{name}{word}(?P<day>\d{{1,2}})(?!\d)",
        rf"(?<!\d){_LONG_YEAR}\.?\s{of}\.?\s?(?P<day>\d{{1,2}})\.?\s{{0,2}}{name}",
        # As the C function ctime prints: Jun 15 12:47:59 2011.
        rf"(?<![a-z]){name}\s{{1,2}}(?P<day>\d{{1,2}})(?=\s\d{{1,2}}:\d{{2}}(?::\d{{2}})?\s(?:[a-z]{{3,4}}\s)?{_LONG_YEAR}(?!\d))",
        rf"(?<!\d){_LONG_YEAR}\s?年\s?(?P<month>\d{{1,2}})\s?月\s?(?P<day>\d{{1,2}})\s?日",
        rf"(?<!\d){_LONG_YEAR}\s?년\s?(?P<month>\d{{1,2}})\s?월\s?(?P<day>\d{{1,2}})\s?일",
        r"(?:ngay\s?)?(?<!\d)(?P<day>\d{1,2})\s?(?:thang|thg)\s?(?P<month>\d{1,2})\s?,?\s?(?:nam\s?)?(?P<year>20\d{2})(?!\d)",
        r"(?<!\d)(?P<year>20[0-4]\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?!\d)",
    )
    return tuple((re.compile(pattern, re.IGNORECASE), "<name>" in pattern) for pattern in patterns)


@lru_cache(maxsize=1)
def _yearless_form() -> re.Pattern[str]:
    name = rf"(?:{_one_of(list(_month_numbers()))})(?![a-z])\.?"
    return re.compile(rf"(?<![\da-z])(?:{name}\s?\d{{1,2}}(?![\d:.,])|\d{{1,2}}[\s.\-]{{0,2}}{name}(?!\s?\d))")


def _read(match: re.Match[str], text: str, folded: str) -> DateMatch:
    groups = match.groupdict()
    year = _full_year(groups["year"])
    year_first: datetime.date | None = None
    if groups.get("first") is not None:
        first, second = int(groups["first"]), int(groups["second"])
        readings = (_date(year, second, first), _date(year, first, second))
        numbers = (groups["first"], groups["second"], groups["year"])
        # Who puts the year first pads the other numbers: 24/02/13.
        if {len(number) for number in numbers} == {_SHORT_YEAR} and int(groups["first"]) < _PIVOT:
            year_first = _date(_full_year(groups["first"]), second, int(groups["year"]))
    else:
        month = _month_numbers()[groups["name"]] if groups.get("name") else int(groups["month"])
        readings = (_date(year, month, int(groups["day"])),) * 2
    start, end = match.span()
    weekday = _weekday_near(folded, start, end)
    return DateMatch(start, end, text[start:end], *readings, *weekday, year_first=year_first)


@lru_cache(maxsize=1)
def _weekday_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    names = _one_of(list(_weekday_numbers()))
    return (
        re.compile(rf"(?<![a-z0-9])(?P<name>{names})[.,]{{0,2}}\s{{0,2}}(?:den|the|le|el)?\s?\Z"),
        re.compile(rf"\s{{0,2}}[,(]?\s?(?P<name>{names})(?![a-z])"),
    )


def _weekday_near(folded: str, start: int, end: int) -> tuple[int | None, tuple[int, int] | None]:
    """Return the weekday before or after a date, and where it stands."""
    before, after = _weekday_patterns()
    match = before.search(folded, max(start - _WEEKDAY_REACH, 0), start) or after.match(folded, end)
    return (None, None) if match is None else (_weekday_numbers()[match["name"]], match.span("name"))


def _full_year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:
        return year
    return 2000 + year if year < _PIVOT else 1900 + year


def _date(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None
