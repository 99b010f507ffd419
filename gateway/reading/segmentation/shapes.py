"""Describe what words look like, whatever their language: kinds of characters, amounts, dates and times."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache

import numpy as np

from shared.arrays import Floats

KINDS = (
    "capital", "small", "digit", "currency", "colon", "point", "dash", "opening", "closing", "slash", "hash", "percent",
    "star", "at", "other",
)  # fmt: skip
"""The kinds of characters."""
SHAPES = (
    "length", "one", "two", "digits", "letters", "capitals", "marks", "all_digits", "all_letters", "all_marks",
    "amount", "date", "time", "small_number", "mixed", "long_number",
)  # fmt: skip
"""The numbers that describe a word; see `describe_word`."""

_KIND_OF = {":": 4, ".": 5, ",": 5, "/": 9, "#": 10, "%": 11, "*": 12, "@": 13}
_KIND_OF_CATEGORY = {"Ll": 1, "Sc": 3, "Pd": 6, "Ps": 7, "Pi": 7, "Pe": 8, "Pf": 8}
_DIGIT, _LAST_LETTER, _FIRST_MARK, _OTHER = 2, 1, 4, 14
_AMOUNT = re.compile(r"\D{0,3}\d{1,3}(?:[.,']?\d{3})*[.,]\d{2}\D{0,2}")
_DATE = re.compile(r"\d+[/.-]\w+[/.-]\d+")
_TIME = re.compile(r"\d{1,2}:\d{2}")
_SMALL_NUMBER = re.compile(r"\d{1,3}")


@lru_cache(maxsize=4096)
def describe_word(word: str) -> Floats:
    """Return the numbers of `SHAPES` of a word that is not empty, and the indices of the kinds of both its ends.

    Do not change the array: it is kept for the same word.
    """
    kinds = [_find_kind(character) for character in word]
    count = len(kinds)
    digits = sum(kind == _DIGIT for kind in kinds) / count
    letters = sum(kind <= _LAST_LETTER for kind in kinds) / count
    marks = sum(kind >= _FIRST_MARK for kind in kinds) / count
    length = math.log(count)
    numbers = (
        length,
        count == 1,
        count == 2,
        digits,
        letters,
        kinds.count(0) / count,
        marks,
        digits == 1,
        letters == 1,
        marks == 1,
        _AMOUNT.fullmatch(word) is not None,
        _DATE.search(word) is not None,
        _TIME.search(word) is not None,
        _SMALL_NUMBER.fullmatch(word) is not None,
        digits > 0 and letters > 0,
        digits * length,
        kinds[0],
        kinds[-1],
    )
    # The cache shares it; arrays are stacked faster than tuples.
    return np.array(numbers, np.float32)


@lru_cache(maxsize=4096)
def _find_kind(character: str) -> int:
    if character in _KIND_OF:
        return _KIND_OF[character]
    category = unicodedata.category(character)
    if category[0] == "L":
        return _KIND_OF_CATEGORY.get(category, 0)
    return _DIGIT if category[0] == "N" else _KIND_OF_CATEGORY.get(category, _OTHER)
