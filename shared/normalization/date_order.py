"""Whether the dates of a receipt put the month or the day first."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.normalization.cldr import load_cldr
from shared.normalization.country import infer_country
from shared.normalization.dates import DateMatch, find_dates
from shared.normalization.folding import fold
from shared.normalization.vocabulary import Concept, find_concepts

_MONTH_FIRST_FORM = re.compile(r"\bmm\s?[/.\-]\s?dd\b")
_DAY_FIRST_FORM = re.compile(r"\bdd\s?[/.\-]\s?mm\b")
# Countries whose tills use both orders, whatever their language's convention is.
_BOTH = frozenset({"CA", "PH"})
# Dates that are never before the purchase.
_LATER_DATES: tuple[Concept, ...] = ("due_date", "expiry")


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
    if any(match.day_first and not match.month_first for match in matches):
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
    code = infer_country(text, default_country).code
    if code is None or code in _BOTH:
        return None
    return load_cldr().territories[code].month_first


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
