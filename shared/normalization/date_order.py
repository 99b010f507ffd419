"""Whether the dates of a receipt put the day, the month or the year first."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.normalization.cldr import load_cldr
from shared.normalization.country import infer_country
from shared.normalization.dates import DateMatch, find_dates
from shared.normalization.folding import fold
from shared.normalization.vocabulary import Concept, find_concepts

_MONTH_FIRST_FORM = re.compile(r"\bmm\s?[/.\-]\s?dd\b")
_DAY_FIRST_FORM = re.compile(r"\bdd\s?[/.\-]\s?mm\b")
# Countries whose tills use both orders, whatever their language's convention is.
_BOTH = frozenset({"CA", "PH"})
# Countries where years of two digits stand first or last, whatever the convention for all four digits is.
_YEAR_FIRST_OR_LAST = _BOTH | {"LK", "MA", "ZA"}
# Dates that are never before the purchase.
_LATER_DATES: tuple[Concept, ...] = ("due_date", "expiry")
_SHORT_DATE = re.compile(r"\d\d\s?(?P<separator>[/.\-])\s?\d\d\s?(?P=separator)\s?\d\d")
_FULL_YEAR = re.compile(r"(?P<first>\d{4})?(?P<separator>[/.\-])\s?\d{1,2}\s?(?P=separator)\s?(?P<last>\d{4})?")
# Dates of one receipt are hardly further apart, and no receipt is from further ahead.
_SPREAD = datetime.timedelta(days=366)


class DateReading(NamedTuple):
    """What a date of a receipt means.

    Attributes:
        day: The day; None if it cannot be one.
        is_ambiguous: Whether it has another reading, and nothing on the receipt tells which is meant.
        is_alone: Whether it has no other reading, from the date and its weekday alone.
    """

    day: datetime.date | None
    is_ambiguous: bool
    is_alone: bool


def read_date(
    match: DateMatch, text: str, default_country: str | None = None, *, prefer_month_first: bool = False
) -> DateReading:
    """Return the day that a date of a receipt means.

    Args:
        match: The date.
        text: The whole receipt.
        default_country: ISO 3166 code of the country to assume where the receipt does not tell.
        prefer_month_first: The order of day and month where nothing on the receipt tells.
    """
    month_first = month_comes_first(text, default_country)
    if month_first is None:
        prefer_month_first = prefer_month_first or _is_usual_month_first(text, default_country)
    day = match.date(prefer_month_first if month_first is None else month_first)
    is_ambiguous = month_first is None and match.is_ambiguous
    if match.year_first in (None, day) or match.year_first > _get_latest():
        return DateReading(day, is_ambiguous, not match.is_ambiguous)
    if day is None:
        return DateReading(match.year_first, False, True)
    year_first = year_comes_first(match, text, default_country)
    if year_first:
        return DateReading(match.year_first, False, False)
    is_told = _year_by_weekday(match) is not None
    return DateReading(day, is_ambiguous or year_first is None, is_told and not match.is_ambiguous)


def _is_usual_month_first(text: str, default_country: str | None) -> bool:
    """Return whether a country whose tills use both orders puts the month first by convention (CLDR)."""
    code = infer_country(text, default_country).code
    return code in _BOTH and load_cldr().territories[code].month_first


def month_comes_first(text: str, default_country: str | None = None) -> bool | None:
    """Return whether a receipt with this text writes the month before the day; None if nothing on it tells.

    A date that can be read in one way only decides first, then one with its weekday, then a printed form (MM/DD), then
    the receipt's other dates (the same day with the name of its month, one by which a payment is due), then the
    convention of its country (CLDR).

    Args:
        text: The whole receipt.
        default_country: ISO 3166 code of the country to assume where the receipt does not tell.
    """
    matches = find_dates(text)
    if any(match.day_first and not match.month_first and not match.year_first for match in matches):
        return False
    if any(match.month_first and not match.day_first for match in matches):
        return True
    by_weekday = next((order for match in matches if (order := match.order_by_weekday) is not None), None)
    if by_weekday is not None:
        return by_weekday
    folded = fold(text)
    if _MONTH_FIRST_FORM.search(folded):
        return True
    if _DAY_FIRST_FORM.search(folded):
        return False
    by_others = _order_by_other_dates(text, matches)
    if by_others is not None:
        return by_others
    if any(match.day_first and not match.month_first for match in matches):
        return False
    code = infer_country(text, default_country).code
    if code is None or code in _BOTH:
        return None
    return load_cldr().territories[code].month_first


def year_comes_first(match: DateMatch, text: str, default_country: str | None = None) -> bool | None:
    """Return whether a date of three numbers of two digits begins with the year; None if nothing on the receipt tells.

    A weekday decides first, then dates that are possible in one order only, then clear dates (the same day, the same
    separator with all digits of the year), then dates that are far apart in one order, then the separator and the
    convention of the country (CLDR).

    Args:
        match: The date.
        text: The whole receipt; all its dates of this form count.
        default_country: ISO 3166 code of the country to assume where the receipt does not tell.
    """
    others = find_dates(text)
    short = [one for one in others if _SHORT_DATE.fullmatch(one.text) and not _is_later_date(text, one)]
    short = [match, *(one for one in short if one.text != match.text)]
    clear = [one for one in others if not _SHORT_DATE.fullmatch(one.text)]
    for verdict in (
        _agree(_year_by_weekday(match) for match in short),
        _agree(_year_by_possibility(match) for match in short),
        _year_by_clear_dates(short, clear),
        _year_by_nearness(short),
    ):
        if verdict is not None:
            return verdict
    return _year_by_convention(short, infer_country(text, default_country).code)


def _get_latest() -> datetime.date:
    return datetime.date.today() + _SPREAD


def _agree(verdicts: Iterable[bool | None]) -> bool | None:
    """Return what all verdicts say that are not None; None if they differ or there are none."""
    found = set(verdicts) - {None}
    return found.pop() if len(found) == 1 else None


def _year_by_weekday(match: DateMatch) -> bool | None:
    if match.weekday is None:
        return None
    first = match.year_first is not None and match.year_first.weekday() == match.weekday
    last = any(day is not None and day.weekday() == match.weekday for day in (match.day_first, match.month_first))
    return None if first == last else first


def _year_by_possibility(match: DateMatch) -> bool | None:
    latest = _get_latest()
    first = match.year_first is not None and match.year_first <= latest
    last = any(day is not None and day <= latest for day in (match.day_first, match.month_first))
    return None if first == last else first


def _year_by_clear_dates(short: Sequence[DateMatch], clear: Sequence[DateMatch]) -> bool | None:
    days = {match.day_first for match in clear if match.day_first == match.month_first}
    same = [(match.year_first in days, match.day_first in days or match.month_first in days) for match in short]
    verdict = _agree(first if first != last else None for first, last in same)
    if verdict is not None:
        return verdict
    separators = {found["separator"] for match in short if (found := _SHORT_DATE.fullmatch(match.text))}
    full = [found for match in clear if (found := _FULL_YEAR.search(match.text)) and found["separator"] in separators]
    return _agree(bool(found["first"]) for found in full if found["first"] or found["last"])


def _year_by_nearness(short: Sequence[DateMatch]) -> bool | None:
    """Return the order in which the dates of a receipt are near each other, if they are far apart in the others."""
    years = [match.year_first for match in short if match.year_first is not None]
    is_near = [
        len(days) == len(short) and max(days) - min(days) <= _SPREAD
        for days in (
            years,
            [match.day_first for match in short if match.day_first is not None],
            [match.month_first for match in short if match.month_first is not None],
        )
        if days
    ]
    if len({match.text for match in short}) < 2 or not any(is_near):
        return None
    first, *last = is_near if years else (False, *is_near)
    return None if first and any(last) else first


def _year_by_convention(short: Sequence[DateMatch], country: str | None) -> bool | None:
    if country is not None and country not in _YEAR_FIRST_OR_LAST:
        territory = load_cldr().territories[country]
        if territory.year_first:
            return True
        # Where the month comes first, 24/02/13 breaks the convention either way.
        has_usual = any(match.month_first if territory.month_first else match.day_first for match in short)
        return False if has_usual else None
    # Years of two digits stand last where periods divide the numbers.
    return False if short and all("." in match.text for match in short) else None


def _order_by_other_dates(text: str, matches: Sequence[DateMatch]) -> bool | None:
    """Return the one order in which a date is the same day as a clear one, or no expiry is before the purchase."""
    ambiguous = [match for match in matches if match.is_ambiguous]
    clear = {match.day_first for match in matches if match.day_first and match.day_first == match.month_first}
    meant = [(match.day_first in clear, match.month_first in clear) for match in ambiguous]
    later = [match for match in ambiguous if _is_later_date(text, match)]
    purchases = [match for match in ambiguous if match not in later]
    possible = [(_is_before(one, other, False), _is_before(one, other, True)) for one in purchases for other in later]
    # (True, False) is a date that only fits with the day first.
    verdicts = {month_first for day_first, month_first in (*meant, *possible) if day_first != month_first}
    return verdicts.pop() if len(verdicts) == 1 else None


def _is_later_date(text: str, match: DateMatch) -> bool:
    words = text[text.rfind("\n", 0, match.start) + 1 : match.start]
    return any(concept in find_concepts(words) for concept in _LATER_DATES)


def _is_before(purchase: DateMatch, later: DateMatch, month_first: bool) -> bool:
    first, second = purchase.date(month_first), later.date(month_first)
    return first is not None and second is not None and first <= second
