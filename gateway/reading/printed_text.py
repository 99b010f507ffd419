"""Replace readings by the text layer of a PDF where the print confirms it.

A text layer is exact if it is honest, but nothing in a PDF says that it is: its letters may look like others, or be
covered. So every line is detected and recognized on the rendered page first. The layer replaces a reading where it says
the same but for case, accents and spaces, and, where the reading is uncertain, if it says nearly the same with the same
numbers, dates and currency. Elsewhere the reading stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from difflib import SequenceMatcher
from itertools import accumulate

import numpy as np

from gateway.documents.text_layer import TextLayer
from shared.arrays import Doubles, Flags, Indices
from shared.contracts import Line, Quad
from shared.normalization import currency, find_dates

# Share of equal characters from which an uncertain reading confirms the layer.
_MIN_RATIO = 0.75
_CERTAIN = 0.95
# Two agreeing sources, the network and the characters of the document; and two that nearly agree.
_AGREED, _NEARLY_AGREED = 1.0, 0.95
# Distance between two characters from which a space that was read is one, as a share of their height.
_MIN_SPACE = 0.1
_QUAD_DECIMALS = 1
# Digits with the separators between them.
_NUMBER = re.compile(r"\d(?:[.,:/-]?\d)*")
# A quad is taken as upright if its upper edge falls or rises less than this share of its length.
_MAX_SLOPE = 0.02


def use_text_layer(lines: Sequence[Line], layer: TextLayer) -> list[Line]:
    """Return the lines of a page, with text and position from the layer where the reading confirms it.

    Args:
        lines: As read, in pixels of the page.
        layer: The text layer of the page.
    """
    is_visible = np.array([character != " " for character in layer.characters], bool)
    boxes = np.array(layer.boxes, np.float64).reshape(-1, 4)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    return [_use(line, layer, boxes, np.flatnonzero(is_visible & _is_inside(centers, line.quad))) for line in lines]


def confirms(reading: str, confidence: float, printed: str) -> bool:
    """Return whether a reading of print confirms what a text layer says.

    Case, accents, spaces and the form of quotation marks and dashes do not count.

    Args:
        reading: Text as read.
        confidence: Confidence of the reading.
        printed: Text of the layer.
    """
    read, said = _fold(reading), _fold(printed)
    if read == said:
        return bool(said)
    if confidence >= _CERTAIN or _NUMBER.findall(read) != _NUMBER.findall(said):
        return False
    if SequenceMatcher(None, read, said, autojunk=False).ratio() < _MIN_RATIO:
        return False
    # Names of months and currencies may differ in a letter.
    return _list_dates(reading) == _list_dates(printed) and currency("", reading) == currency("", printed)


def _use(line: Line, layer: TextLayer, boxes: Doubles, indices: Indices) -> Line:
    text = _join(layer, boxes, indices, line.text)
    if not text or not confirms(line.text, line.confidence, text):
        return line
    return line.model_copy(
        update={
            "text": text,
            "confidence": _AGREED if _fold(line.text) == _fold(text) else _NEARLY_AGREED,
            "quad": _choose_quad(line.quad, boxes[indices]),
            "source": "text_layer",
        }
    )


def _join(layer: TextLayer, boxes: Doubles, indices: Indices, reading: str) -> str:
    """Return characters in their order.

    What lies between two of them in the layer becomes a space, and so does a distance between them where a space was
    read: many documents only move on where a word ends.
    """
    words = _count_before_spaces(reading)
    parts: list[str] = []
    count = 0
    for position, index in enumerate(indices):
        if position:
            previous = indices[position - 1]
            is_apart = count in words and _measure_gap(boxes[previous], boxes[index]) >= _MIN_SPACE
            if index > previous + 1 or is_apart:
                parts.append(" ")
        parts.append(layer.characters[index])
        count += len(_fold(layer.characters[index]))
    return "".join(parts)


def _count_before_spaces(text: str) -> set[int]:
    """Return the numbers of characters, as folded, before each space."""
    words = text.split()
    return set(accumulate(len(_fold(word)) for word in words[:-1]))


def _measure_gap(before: Doubles, behind: Doubles) -> float:
    """Return the distance between the boxes of two characters, as a share of the size of the first."""
    (left, top, right, bottom), (left_2, top_2, right_2, bottom_2) = before.tolist(), behind.tolist()
    gap = max(left_2 - right, left - right_2, top_2 - bottom, top - bottom_2)
    # Text that runs downwards has boxes on their sides: the larger side of a letter is about its height.
    return float(gap / max(bottom - top, right - left, 1e-6))


def _is_inside(points: Doubles, quad: Quad) -> Flags:
    """Return which of the points `(N, 2)` are inside a quad, whose corners are clockwise."""
    corners = np.array(quad, np.float64)
    inside = np.ones(len(points), bool)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge, offset = end - start, points - start
        inside &= edge[0] * offset[:, 1] - edge[1] * offset[:, 0] >= 0
    return inside


def _list_dates(text: str) -> list[tuple[date | None, date | None]]:
    return [(match.day_first, match.month_first) for match in find_dates(text)]


def _choose_quad(quad: Quad, boxes: Doubles) -> Quad:
    """Return the rectangle around the boxes `(N, 4)` of upright text; otherwise the quad that was found."""
    (left, top), (right, top_right) = quad[0], quad[1]
    if right <= left or abs(top_right - top) > _MAX_SLOPE * (right - left):
        return quad
    x0, y0 = (round(float(value), _QUAD_DECIMALS) for value in boxes[:, :2].min(axis=0))
    x1, y1 = (round(float(value), _QUAD_DECIMALS) for value in boxes[:, 2:].max(axis=0))
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


def _fold(text: str) -> str:
    """Reduce text to what a reading must get right: letters and digits without case and accents, and punctuation."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(_fold_character(character) for character in decomposed)


def _fold_character(character: str) -> str:
    category = unicodedata.category(character)
    if category.startswith("M") or character.isspace():
        return ""
    if category == "Pd":
        return "-"
    if category in ("Pi", "Pf") or character in "'\"`":
        return "'"
    # Digits of other scripts have the same values.
    return str(unicodedata.decimal(character, character))
