"""Whether the dates of a receipt put the month or the day first."""

from __future__ import annotations

import re

from shared.normalization.cldr import load_cldr
from shared.normalization.country import infer_country
from shared.normalization.dates import find_dates
from shared.normalization.folding import fold

_MONTH_FIRST_FORM = re.compile(r"\bmm\s?[/.\-]\s?dd\b")
_DAY_FIRST_FORM = re.compile(r"\bdd\s?[/.\-]\s?mm\b")
# Countries whose tills use both orders, whatever their language's convention is.
_BOTH = frozenset({"CA", "PH"})


def month_comes_first(text: str, default_country: str | None = None) -> bool | None:
    """Return whether a receipt with this text writes the month before the day; None if nothing on it tells.

    A date that can be read in one way only decides first, then one with its weekday, then a printed form (MM/DD), then
    the convention of the receipt's country (CLDR).

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
    code = infer_country(text, default_country).code
    if code is None or code in _BOTH:
        return None
    return load_cldr().territories[code].month_first
