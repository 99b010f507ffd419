"""How a receipt prints amounts, from its numbers and from its country."""

from __future__ import annotations

from functools import lru_cache

from shared.normalization.amounts import ANY_FORMAT, NumberFormat, infer_format_of_numbers
from shared.normalization.cldr import cash_digits, load_cldr
from shared.normalization.country import infer_country


@lru_cache(maxsize=64)
def infer_number_format(text: str, default_country: str | None = None) -> NumberFormat:
    """Return how a receipt prints amounts.

    All its numbers tell together. Where none has a separator or a sign, amounts are whole numbers if the country pays
    without decimals (forint, rupiah, yen).

    Args:
        text: The whole receipt, a line per row.
        default_country: ISO 3166 code of the country to assume where the receipt does not tell.
    """
    found = infer_format_of_numbers(text)
    if found != ANY_FORMAT:
        return found
    country = infer_country(text, default_country).code
    currencies = load_cldr().territories[country].currencies if country else ()
    return NumberFormat("", 0) if currencies and cash_digits(currencies[0]) == 0 else found
