"""The prices of a receipt in other amounts and number formats, with the arithmetic intact. Training only."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import numpy as np

from services.extractor.features.numbers import find_numbers
from services.extractor.training.labeling.fields import LabeledText

# Thousands separator, decimal separator, decimals.
_FORMATS = ((",", ".", 2), ("", ".", 2), (".", ",", 2), ("", ",", 2), (",", ".", 0), (".", ",", 0), ("'", ".", 2))
_FORMAT_WEIGHTS = (3, 5, 2, 3, 1, 1, 0.3)
_FACTORS = (1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 20)
# Factor between prices without decimals and those with two: 16,500 becomes 16.50.
_WHOLE_PER_UNIT = 1000
_MAX_CENTS = 10**9


def change_prices(segments: Sequence[LabeledText], chance: random.Random) -> None:
    """Multiply all prices by one whole number and print them in one format, in place.

    Whole factors keep sums sums and products products. Amounts without any separator stay as they are, since they may
    as well be quantities.
    """
    texts = [segment.text for segment in segments]
    prices = [one for one in find_numbers(texts) if one.is_price]
    if not prices:
        return
    whole = [_decimals(texts[one.place][one.start : one.end]) == 0 for one in prices]
    mostly_whole = sum(whole) > len(whole) / 2
    factor = chance.choice(_FACTORS)
    style = chance.choices(_FORMATS, _FORMAT_WEIGHTS)[0] if chance.random() < 0.6 else None
    for one, is_whole in zip(reversed(prices), reversed(whole), strict=True):
        if is_whole != mostly_whole:
            continue
        segment = segments[one.place]
        printed = segment.text[one.start : one.end]
        # A number followed by a letter, such as 0.5L, is a size.
        if re.match(r"[^\W\d_]", segment.text[one.end : one.end + 1]):
            continue
        cents = round(one.value * (100 / _WHOLE_PER_UNIT if is_whole else 100) * factor)
        if is_whole and style is None:
            text = _print(round(one.value) * factor, 0, _separator(printed), ".")
        elif style is None:
            text = _print(cents, 2, _separator(printed[:-3]), printed[-3:-2])
        elif style[2] == 0:
            text = _print(round(one.value) * factor if is_whole else cents * 10, 0, style[0], style[1])
        else:
            text = _print(cents, 2, style[0], style[1])
        if cents < _MAX_CENTS and (is_whole or re.search(r"[.,]\d\d$", printed)):
            replace_text(segment, one.start, one.end, text)


def replace_text(segment: LabeledText, start: int, end: int, text: str) -> None:
    """Replace part of a text; the new part has the label of the first replaced character."""
    fill = np.full(len(text), segment.labels[start], np.int64)
    segment.text = segment.text[:start] + text + segment.text[end:]
    segment.labels = np.concatenate([segment.labels[:start], fill, segment.labels[end:]])


def _decimals(number: str) -> int:
    match = re.search(r"[.,](\d{1,2})$", number)
    return len(match.group(1)) if match else 0


def _separator(number: str) -> str:
    match = re.search(r"[.,']", number)
    return match.group() if match else ""


def _print(value: int, decimals: int, thousands: str, decimal: str) -> str:
    whole, rest = divmod(value, 10**decimals)
    text = f"{whole:,}".replace(",", thousands)
    return f"{text}{decimal}{rest:0{decimals}d}" if decimals else text
