"""The currency of an amount, from its sign and the receipt around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from shared.normalization.amounts import find_amounts, without_conversions
from shared.normalization.cldr import cash_digits, load_cldr
from shared.normalization.country import infer_country
from shared.normalization.number_formats import infer_number_format
from shared.normalization.signs import sign_key, sign_meanings

# Amounts that may be converted ones, how many more there are without a sign, and the least probability of the country.
_MAX_CONVERTED, _MIN_OWN, _SURE = 2, 4, 0.9


@lru_cache(maxsize=512)
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
    of_country = _currency_of_country(text, default_country)
    meanings = sign_meanings().get(sign_key(sign), ()) if sign else ()
    if of_country is not None and sign and _is_misread_sign(sign, of_country):
        return of_country
    if len(meanings) == 1:
        return meanings[0]
    printed = _printed_currencies(text, of_country)
    if meanings:
        if of_country in meanings:
            return of_country
        named = _only(code for code in printed if code in meanings) or _by_digits(text, meanings)
        # A country that does not pay in dollars of its own names the best-known ones with a bare sign.
        return named or (meanings[0] if of_country is not None else None)
    if printed:
        is_own = of_country in printed or (not sign and _is_foreign_rare(text, default_country))
        return of_country if is_own and _is_shown_by_others(text, default_country) else _only(printed)
    foreign = _most_printed_foreign_sign(text, of_country)
    return of_country if foreign is None else currency(foreign, text, default_country)


def _is_misread_sign(sign: str, currency_code: str) -> bool:
    """Return whether a sign differs in one character from a sign of the country's currency, as RM and RS from R$."""
    key = sign_key(sign)
    own = [
        other for other, codes in sign_meanings().items() if codes == (currency_code,) and len(other) == len(key) > 1
    ]
    return any(sum(a != b for a, b in zip(key, other, strict=True)) == 1 and key[0] == other[0] for other in own)


def _currency_of_country(text: str, default_country: str | None) -> str | None:
    code = infer_country(text, default_country).code
    currencies = load_cldr().territories[code].currencies if code else ()
    return currencies[0] if currencies else None


def _is_foreign_rare(text: str, default_country: str | None) -> bool:
    """Return whether one or two amounts of a receipt have a sign, many have none, and its country is sure."""
    matches = find_amounts(without_conversions(text), infer_number_format(text))
    signed = sum(bool(match.sign) for match in matches)
    is_rare = signed <= _MAX_CONVERTED and len(matches) >= _MIN_OWN * signed
    return is_rare and infer_country(text, default_country).probability >= _SURE


def _is_shown_by_others(text: str, default_country: str | None) -> bool:
    """Return whether more than the signs of currencies tells the country of a receipt."""
    evidence = infer_country(text, default_country).evidence
    return any(sign_key(one.text) not in sign_meanings() for one in evidence)


@lru_cache(maxsize=64)
def _printed_currencies(text: str, of_country: str | None) -> Sequence[str]:
    """Return the currencies of most amounts whose sign has one meaning: several if they are printed equally often."""
    counts: Counter[str] = Counter()
    for match in find_amounts(without_conversions(text), infer_number_format(text)):
        meanings = sign_meanings().get(sign_key(match.sign), ()) if match.sign else ()
        if of_country is not None and match.sign and _is_misread_sign(match.sign, of_country):
            meanings = (of_country,)
        if len(meanings) == 1:
            counts[meanings[0]] += 1
    most = max(counts.values(), default=0)
    return sorted(code for code, count in counts.items() if count == most)


def _most_printed_foreign_sign(text: str, of_country: str | None) -> str | None:
    """Return the sign of most amounts, if no meaning of it is the country's currency: $ on a receipt from London."""
    if of_country is None:
        return None
    own = without_conversions(text)
    signs = Counter(match.sign for match in find_amounts(own, infer_number_format(text)) if match.sign)
    if not signs:
        return None
    sign = signs.most_common(1)[0][0]
    return None if of_country in sign_meanings().get(sign_key(sign), (of_country,)) else sign


def _by_digits(text: str, meanings: Iterable[str]) -> str | None:
    """Return the one currency that has as many decimals as the receipt: ¥ without decimals is yen, with them yuan."""
    digits = infer_number_format(text).digits
    return _only(code for code in meanings if cash_digits(code) == digits)


def _only(codes: Iterable[str]) -> str | None:
    found = list(codes)
    return found[0] if len(found) == 1 else None
