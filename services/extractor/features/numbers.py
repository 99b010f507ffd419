"""The numbers on a receipt and what arithmetic says about them, as inputs of the network. numpy only.

Unlike amounts in `shared.normalization`, a number here needs neither a currency nor decimals: prices in rupiah, yen or
forint have none. The network decides what a number means, from its size and the equations it
takes part in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
import numpy.typing as npt

from shared.arrays import Doubles, Floats

NUMBER_FEATURES = (
    "number",  # 1 within a number
    "magnitude",  # logarithm of the number
    "number_share",  # the number over the largest price on the receipt
    "number_count",  # how often the number occurs
    "product",  # quantity x unit price on the same or a neighboring row gives this number
    "factor",  # the number is the quantity or the unit price of such a product
    "column_sum",  # the numbers above it in its column add up to this number
    "pair_sum",  # two neighbors add up to this number: subtotal and tax, total and change
    "addend",  # the number is part of such a pair
)

# Dates, times, telephone numbers and long codes do not match.
_NUMBER = re.compile(
    r"(?<![\d/:.,-])(?<!\d[ ])"
    r"(?P<number>\d{1,3}(?:[.,']\d{3})+(?:[.,]\d{1,2})?|\d{1,9}[.,]\d{1,3}|\d{1,8})(?![\d/:]|[.,'-]\d)"
)
_MAX_NUMBERS = 250
_LARGEST_MAGNITUDE = 8.0
# Maximum distance in the list of prices between a sum and its two addends.
_PAIR_REACH = 6
_MAX_SUM_TERMS = 40
_TOLERANCE = 0.011
_FEW = 16


@dataclass(frozen=True)
class PrintedNumber:
    """A number in the text of a segment.

    Attributes:
        place: The segment, by its place in reading order.
        start: First character, from the start of the segment.
        end: End, from the start of the segment.
        value: Its value, never negative.
        is_price: Whether it is grouped or has decimals, as a price is in most currencies.
    """

    place: int
    start: int
    end: int
    value: float
    is_price: bool


def find_numbers(texts: Sequence[str]) -> list[PrintedNumber]:
    """Find the numbers in the segments of a receipt, in reading order."""
    return [
        PrintedNumber(place, *match.span("number"), *_value_of(match["number"]))
        for place, text in enumerate(texts)
        for match in _NUMBER.finditer(text)
    ]


def number_features(
    texts: Sequence[str], start: npt.NDArray[np.int64], row: Sequence[int], right: Floats, height: float, length: int
) -> Floats:
    """Compute NUMBER_FEATURES for every character.

    Args:
        texts: Text of each of the S segments, in reading order.
        start: (S + 1,) where each segment starts in the document.
        row: (S,) row of each segment.
        right: (S,) right end of each segment, pixels.
        height: Typical height of a segment, pixels.
        length: T, characters of the document.

    Returns:
        (T, len(NUMBER_FEATURES)), about 0 to 1 each.
    """
    features = np.zeros((length, len(NUMBER_FEATURES)), np.float32)
    numbers = find_numbers(texts)[:_MAX_NUMBERS]
    if not numbers:
        return features
    values = np.array([one.value for one in numbers])
    prices = [one.value for one in numbers if one.is_price] or [one.value for one in numbers if one.value < 1e7]
    largest = max(prices, default=0.0) or 1.0
    counts = Counter(values.tolist())
    rows = np.array([row[one.place] for one in numbers])
    ends = np.array([right[one.place] for one in numbers])
    table = np.zeros((len(numbers), len(NUMBER_FEATURES)), np.float32)
    table[:, 0] = 1.0
    table[:, 1] = np.minimum(np.log10(1.0 + values) / _LARGEST_MAGNITUDE, 1.0)
    table[:, 2] = np.minimum(values / largest, 1.5)
    table[:, 3] = np.minimum([counts[value] for value in values.tolist()], 5) / 5
    table[:, 4], table[:, 5] = _products(values, rows)
    money = np.flatnonzero(values >= (0.01 if any(one.is_price for one in numbers) else 100))
    table[money, 6] = _column_sums(values[money], ends[money], height)
    table[money, 7], table[money, 8] = _pair_sums(values[money])
    for one, numbers_row in zip(numbers, table, strict=True):
        begin = int(start[one.place])
        features[begin + one.start : begin + one.end] = numbers_row
    return features


def _value_of(number: str) -> tuple[float, bool]:
    """Return the value of a number as printed, and whether it looks like a price."""
    separators = [character for character in number if not character.isdigit()]
    if not separators:
        return float(number), False
    last = max(number.rfind(separator) for separator in separators)
    decimals = len(number) - last - 1
    digits = re.sub(r"\D", "", number)
    if decimals == 3:
        return float(digits), True
    return float(digits) / 10**decimals, True


def _products(values: Doubles, rows: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Mark numbers that are the product of two others on the same or a neighboring row, and the factors."""
    count = len(values)
    product, factor = np.zeros(count, np.float32), np.zeros(count, np.float32)
    numbers = values.tolist()
    # Numbers are in the order of their rows.
    first_near = np.searchsorted(rows, rows - 1, side="left").tolist()
    end_near = np.searchsorted(rows, rows + 1, side="right").tolist()
    for index, value in enumerate(numbers):
        if value <= 0:
            continue
        near = [other for other in range(first_near[index], end_near[index]) if other != index]
        # 1 x 5.00 = 5.00 counts as well: the price occurs twice next to a 1.
        for one, other in _list_factors(numbers, near, value):
            product[index] = factor[one] = factor[other] = 1.0
    return product, factor


def _list_factors(numbers: Sequence[float], near: Sequence[int], value: float) -> list[tuple[int, int]]:
    """Return the pairs of some numbers whose product is a value."""
    if len(near) <= _FEW:
        # For few numbers this takes a tenth of the time.
        return [
            pair for pair in combinations(near, 2) if abs(numbers[pair[0]] * numbers[pair[1]] - value) <= _TOLERANCE
        ]
    factors = np.array([numbers[one] for one in near])
    first, second = np.nonzero(np.triu(np.abs(factors[:, None] * factors[None, :] - value) <= _TOLERANCE, 1))
    return [(near[one], near[other]) for one, other in zip(first.tolist(), second.tolist(), strict=True)]


def _column_sums(values: Doubles, ends: Doubles, height: float) -> Floats:
    """Mark numbers that are the sum of two or more consecutive numbers above them in the same column."""
    found = np.zeros(len(values), np.float32)
    numbers, right = values.tolist(), ends.tolist()
    for index in range(2, len(numbers)):
        above = (other for other in range(index - 1, -1, -1) if abs(right[other] - right[index]) < 1.5 * height)
        column = [numbers[other] for other in islice(above, _MAX_SUM_TERMS)]
        # Up to two numbers may stand between the last term and the sum.
        if any(_sums_to(column[skipped:], numbers[index]) for skipped in range(3)):
            found[index] = 1.0
    return found


def _sums_to(terms: Sequence[float], value: float) -> bool:
    """Return whether the first two terms, or the first three and so on, add up to a value; no term is negative."""
    most, total = value + _TOLERANCE, 0.0
    for number, term in enumerate(terms):
        total += term
        if total > most:
            return False
        if number and abs(total - value) <= _TOLERANCE:
            return True
    return False


def _pair_sums(values: Doubles) -> tuple[Floats, Floats]:
    """Mark numbers that two others within reach add up to, and those others."""
    count = len(values)
    total, addend = np.zeros(count, np.float32), np.zeros(count, np.float32)
    numbers = values.tolist()
    for index, value in enumerate(numbers):
        reach = range(max(index - _PAIR_REACH, 0), min(index + _PAIR_REACH + 1, count))
        near = [other for other in reach if other != index and numbers[other] < value]
        for one, other in combinations(near, 2):
            if abs(numbers[one] + numbers[other] - value) <= _TOLERANCE:
                total[index] = addend[one] = addend[other] = 1.0
    return total, addend
