"""The currency of an amount, from its sign and the receipt around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from shared.normalization.amounts import find_amounts, infer_number_format
from shared.normalization.cldr import cash_digits, load_cldr
from shared.normalization.country import infer_country
from shared.normalization.signs import sign_key, sign_meanings


def currency(sign: str, text: str, default_country: str | None = None) -> str | None:
    """Return the ISO 4217 code of an amount.

    A sign of one currency decides. One of several ("$", "kr", "Rs.") and no sign at all are decided by the other
    amounts and the country of the receipt.

    Args:
        sign: What stands by the amount ("RM", "$"), "" if nothing does.
        text: The whole text of the receipt.
        default_country: ISO 3166 code of the country to assume where the receipt does not tell.

    Returns:
        None if the receipt does not tell.
    """
    meanings = sign_meanings().get(sign_key(sign), ()) if sign else ()
    if len(meanings) == 1:
        return meanings[0]
    printed = _printed_currencies(text)
    if meanings:
        of_country = _currency_of_country(text, default_country)
        return of_country or _only(code for code in printed if code in meanings) or _by_digits(text, meanings)
    if printed:
        return _only(printed)
    return _currency_of_country(text, default_country)


def _currency_of_country(text: str, default_country: str | None) -> str | None:
    code = infer_country(text, default_country).code
    currencies = load_cldr().territories[code].currencies if code else ()
    return currencies[0] if currencies else None


def _printed_currencies(text: str) -> list[str]:
    """Return the currencies of most amounts whose sign has one meaning: several if they are printed equally often."""
    counts: Counter[str] = Counter()
    for match in find_amounts(text):
        meanings = sign_meanings().get(sign_key(match.sign), ()) if match.sign else ()
        if len(meanings) == 1:
            counts[meanings[0]] += 1
    most = max(counts.values(), default=0)
    return sorted(code for code, count in counts.items() if count == most)


def _by_digits(text: str, meanings: Iterable[str]) -> str | None:
    """Return the one currency that has as many decimals as the receipt: ¥ without decimals is yen, with them yuan."""
    digits = infer_number_format(text).digits
    return _only(code for code in meanings if cash_digits(code) == digits)


def _only(codes: Iterable[str]) -> str | None:
    found = list(codes)
    return found[0] if len(found) == 1 else None
