"""What receipts print, in forms that programs use: ISO 8601 dates, decimal amounts, ISO 4217 currencies, countries.

These forms are part of the contract of a receipt: the extractor answers them for what it reads, the gateway for what
people correct, and both have to agree. What cannot be read is None.
"""

from __future__ import annotations

from shared.normalization.amounts import (
    ANY_FORMAT,
    AmountMatch,
    NumberFormat,
    find_amounts,
    parse_amount,
)
from shared.normalization.country import Country, infer_country
from shared.normalization.currency import currency
from shared.normalization.date_order import DateReading, month_comes_first, read_date
from shared.normalization.dates import DateMatch, find_dates, parse_date
from shared.normalization.number_formats import infer_number_format
from shared.normalization.vocabulary import find_concepts, names_concept

__all__ = [
    "ANY_FORMAT",
    "AmountMatch",
    "Country",
    "DateMatch",
    "DateReading",
    "NumberFormat",
    "currency",
    "find_amounts",
    "find_concepts",
    "find_dates",
    "infer_country",
    "infer_number_format",
    "month_comes_first",
    "names_concept",
    "parse_amount",
    "parse_date",
    "read_date",
]
