"""Decimal separators that were not read: 120339 is 1203.39 where the arithmetic of the receipt shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from decimal import Decimal

from shared.normalization import AmountMatch, NumberFormat, find_amounts

# A number whose decimal separator may not have been read.
_UNSEPARATED = re.compile(r"(?<![\w.,/:#*\-])(?P<digits>\d{3,8})(?![\w.,/:%#*\-])")
_DECIMALS, _MIN_SEPARATED = 2, 3


def separate(text: str, number_format: NumberFormat) -> Iterator[tuple[int, int, AmountMatch]]:
    """Yield each number of a line that may lack its separator: start, end, and the amount that it would be.

    Args:
        text: A line.
        number_format: Of the receipt.
    """
    for found in _UNSEPARATED.finditer(text):
        start, end = found.span("digits")
        match = _separate(text, start, end, number_format)
        if match is not None:
            yield start, end, match


def list_separated(matches: Iterable[AmountMatch], number_format: NumberFormat) -> Set[Decimal]:
    """Return the amounts that were read with a separator; none where they do not show what a receipt's amounts are."""
    found = {one.amount for one in matches if not is_whole(one)}
    return found if number_format.digits == _DECIMALS and len(found) >= _MIN_SEPARATED else set()


def is_sum(amount: Decimal, others: Set[Decimal]) -> bool:
    """Return whether an amount is among others, or the sum of two of them."""
    return amount in others or any(amount - one in others for one in others if amount > one > amount - one)


def is_shown(amount: Decimal, others: Set[Decimal]) -> bool:
    """Return whether an amount is among others, or the sum or the difference of two of them."""
    return is_sum(amount, others) or any(amount + one in others for one in others if one > 0)


def is_whole(match: AmountMatch) -> bool:
    """Return whether an amount is printed without any separator."""
    return match.text[match.number_start - match.start : match.number_end - match.start].isdigit()


def _separate(text: str, start: int, end: int, number_format: NumberFormat) -> AmountMatch | None:
    """Return the amount of a number with a decimal separator before its last two digits; None if it is a code."""
    point = end - _DECIMALS
    separated = f"{text[:point]}{number_format.decimal or '.'}{text[point:]}"
    for match in find_amounts(separated, number_format):
        if match.number_start == start:
            printed = text[match.start : match.end - 1]
            return replace(match, number_end=end, end=match.end - 1, text=printed)
    return None
