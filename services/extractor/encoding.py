"""A receipt as one sequence of characters with features for each. numpy only.

Rows are in reading order. A tab separates the segments of a row, a newline ends the row. Every character knows its
segment (a separator belongs to the segment before it), so that what the network says about characters can be traced
back to places on the page.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from services.extractor.features.numbers import NUMBER_FEATURES, number_features
from services.extractor.features.wording import WORDING_FEATURES, wording_features
from shared.arrays import Doubles, Flags, Floats
from shared.normalization import find_amounts, find_dates, infer_number_format
from shared.reading_order import group_rows, straighten

# Case is folded for the network (not in values): most training text is in capitals, other receipts are not.
ALPHABET = "\t\n ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-(),/%*@&$#'!=+\"[]?~_;^><|\\{}`€£¥"
_PADDING, _LETTER, _DIGIT, _OTHER = 0, 1, 2, 3
_FIRST = 4
CODES = _FIRST + len(ALPHABET)
_CODE_OF = {character: _FIRST + index for index, character in enumerate(ALPHABET)}

FEATURES = (
    "x",  # of the character, 0 to 1 over the width of the printed area
    "y",  # of its segment, 0 to 1 over the height of the printed area
    "left",  # of the segment
    "right",
    "centering",  # distance of the segment's center from the middle of the printed area
    "height",  # of the segment over the median height, logarithm
    "row_from_top",
    "row_from_bottom",
    "row_segments",  # segments on the row
    "position_in_row",
    "position_in_segment",
    "characters_left",  # of the segment
    "gap_before",  # to the segment on the left, in median heights
    "gap_after",
    "gap_above",  # to the row above
    "gap_below",
    "in_date",
    "in_amount",
    "amount_share",  # the amount over the largest of the receipt
    "amount_count",  # how often the same amount occurs
    "letters",  # share of letters in the segment
    "digits",
    "doubt",  # 1 minus the confidence of the segment's reading
    *NUMBER_FEATURES,
    *WORDING_FEATURES,
)
_INDEX = {name: index for index, name in enumerate(FEATURES)}
_NUMBERS = slice(_INDEX[NUMBER_FEATURES[0]], _INDEX[NUMBER_FEATURES[-1]] + 1)
_WORDING = slice(_INDEX[WORDING_FEATURES[0]], _INDEX[WORDING_FEATURES[-1]] + 1)


@dataclass(frozen=True)
class TextSegment:
    """A run of text on a page.

    Attributes:
        quad: (4, 2) pixels, clockwise from the top left.
        text: The text as read.
        page: Index of the page, from 0.
        confidence: Confidence of the reading, 0 to 1.
    """

    quad: Floats
    text: str
    page: int = 0
    confidence: float = 1.0


@dataclass(frozen=True)
class Document:
    """An encoded receipt of T characters in S segments.

    Attributes:
        text: T characters, in the case as printed.
        codes: (T,) int64, indices into the embedding.
        features: (T, len(FEATURES)) float32.
        segment: (T,) int64, place of the character's segment in reading order.
        separator: (T,) bool, True for tabs and newlines between segments.
        order: (S,) int64, index of each segment in the list given to `encode`, in reading order.
        start: (S + 1,) int64, start of each segment in `text`; it ends one character (the separator) before the next.
        row: (S,) int64, row of each segment, in reading order.
    """

    text: str
    codes: npt.NDArray[np.int64]
    features: Floats
    segment: npt.NDArray[np.int64]
    separator: Flags
    order: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]

    @cached_property
    def _texts(self) -> list[str]:
        bounds = self.start.tolist()
        return [self.text[start : end - 1] for start, end in pairwise(bounds)]

    @cached_property
    def row_texts(self) -> list[str]:
        """The text of each row, with tabs between segments."""
        firsts = np.flatnonzero(np.diff(self.row, prepend=-1))
        bounds = [*self.start[firsts].tolist(), len(self.text)]
        return [self.text[start : end - 1] for start, end in pairwise(bounds)]

    def segment_text(self, index: int) -> str:
        """Return the text of a segment by its place in reading order."""
        return self._texts[index]


@lru_cache(maxsize=4096)
def code(character: str) -> int:
    """Return the index of a character in the embedding, without regard to accents and case."""
    found = _CODE_OF.get(character) or _CODE_OF.get(character.upper())
    if found is not None:
        return found
    base = unicodedata.normalize("NFKD", character)[:1].upper()
    found = _CODE_OF.get(base)
    if found is not None:
        return found
    if character.isalpha():
        return _LETTER
    return _DIGIT if character.isdigit() else _OTHER


def encode(segments: Sequence[TextSegment]) -> Document:
    """Encode the segments of a receipt, given in any order; pages follow each other."""
    order, row, boxes = _reading_order(segments)
    texts = [_one_line(segments[index].text) for index in order]
    pieces, segment_of, separators = [], [], []
    for place, text in enumerate(texts):
        last_of_row = place + 1 == len(texts) or row[place + 1] != row[place]
        pieces.append(text + ("\n" if last_of_row else "\t"))
        segment_of += [place] * (len(text) + 1)
        separators += [False] * len(text) + [True]
    text = "".join(pieces)
    start = np.cumsum([0, *(len(piece) for piece in pieces)])
    segment = np.array(segment_of, np.int64)
    features = np.zeros((len(text), len(FEATURES)), np.float32)
    if len(text):
        _fill_layout(features, segment, start, row, boxes)
        doubt = np.array([1.0 - segments[index].confidence for index in order])
        features[:, _INDEX["doubt"]] = doubt[segment]
        _fill_contents(features, texts, start)
        height = float(np.median(boxes[:, 3] - boxes[:, 1]))
        numbers = number_features(texts, start, row, boxes[:, 2], max(height, 1.0), len(text))
        features[:, _NUMBERS] = numbers
        features[:, _WORDING] = wording_features(texts, start, np.array(row), len(text))
    return Document(
        text=text,
        codes=np.array([code(character) for character in text], np.int64),
        features=features,
        segment=segment,
        separator=np.array(separators, bool),
        order=np.array(order, np.int64),
        start=start.astype(np.int64),
        row=np.array(row, np.int64),
    )


def _one_line(text: str) -> str:
    """Replace white space by spaces, since tabs and newlines are separators; every character keeps its place."""
    return "".join(" " if character.isspace() else character for character in text)


def _reading_order(segments: Sequence[TextSegment]) -> tuple[list[int], list[int], Floats]:
    """Return indices in reading order, the row of each, and the straightened boxes with pages stacked, (S, 4)."""
    order: list[int] = []
    row: list[int] = []
    boxes: list[Floats] = []
    row_count, offset = 0, 0.0
    for page in sorted({segment.page for segment in segments}):
        members = [i for i, segment in enumerate(segments) if segment.page == page and segment.text.strip()]
        if not members:
            continue
        straight = straighten(np.stack([segments[i].quad for i in members]).astype(np.float32))
        straight[:, [1, 3]] += offset - straight[:, 1].min()
        for found in group_rows(straight):
            order += [members[i] for i in found]
            row += [row_count] * len(found)
            boxes += [straight[i] for i in found]
            row_count += 1
        offset = float(straight[:, 3].max()) + float(np.median(straight[:, 3] - straight[:, 1]))
    return order, row, np.stack(boxes) if boxes else np.zeros((0, 4), np.float32)


def _fill_layout(
    features: Floats,
    segment: npt.NDArray[np.int64],
    start: npt.NDArray[np.int64],
    row_of: Sequence[int],
    boxes: Floats,
) -> None:
    row = np.array(row_of)
    x0, y0, x1, y1 = boxes.T.astype(np.float64)
    height = np.maximum(y1 - y0, 1.0)
    typical = float(np.median(height))
    left, width = x0.min(), max(float(x1.max() - x0.min()), 1.0)
    top, tall = y0.min(), max(float(y1.max() - y0.min()), 1.0)
    counts = np.bincount(row)
    first_of_row = np.searchsorted(row, np.arange(len(counts)))
    row_top = np.minimum.reduceat(y0, first_of_row)
    row_bottom = np.maximum.reduceat(y1, first_of_row)
    above = np.concatenate([[0.0], row_top[1:] - row_bottom[:-1]]) / typical
    below = np.concatenate([above[1:], [0.0]])
    gap = np.where(row[1:] == row[:-1], (x0[1:] - x1[:-1]) / typical, 0.0) if len(row) > 1 else np.zeros(0)
    columns = {
        "y": ((y0 + y1) / 2 - top) / tall,
        "left": (x0 - left) / width,
        "right": (x1 - left) / width,
        "centering": ((x0 + x1) / 2 - left) / width - 0.5,
        "height": np.log(height / typical),
        "row_from_top": np.minimum(row, 20) / 20,
        "row_from_bottom": np.minimum(len(counts) - 1 - row, 20) / 20,
        "row_segments": np.minimum(counts[row], 6) / 6,
        "position_in_row": (np.arange(len(row)) - first_of_row[row]) / np.maximum(counts[row] - 1, 1),
        "gap_before": _squash(np.concatenate([[0.0], gap])),
        "gap_after": _squash(np.concatenate([gap, [0.0]])),
        "gap_above": _squash(above[row]),
        "gap_below": _squash(below[row]),
    }
    for name, values in columns.items():
        features[:, _INDEX[name]] = values[segment]
    lengths = np.maximum(np.diff(start) - 1, 1)
    position = np.minimum((np.arange(len(segment)) - start[segment] + 0.5) / lengths[segment], 1.0)
    features[:, _INDEX["position_in_segment"]] = position
    features[:, _INDEX["characters_left"]] = np.minimum((1.0 - position) * lengths[segment], 40) / 40
    features[:, _INDEX["x"]] = ((x0[segment] + position * (x1 - x0)[segment]) - left) / width


def _squash(gaps: Doubles) -> Doubles:
    """Map gaps in heights to -1 to 1, so that the size of large ones hardly matters."""
    return np.asarray(np.tanh(gaps / 4.0))


def _fill_contents(features: Floats, texts: Sequence[str], start: npt.NDArray[np.int64]) -> None:
    number_format = infer_number_format("\n".join(texts))
    amounts = [find_amounts(text, number_format) for text in texts]
    values = Counter(abs(match.amount) for matches in amounts for match in matches)
    largest = max((float(value) for value in values), default=0.0)
    for place, text in enumerate(texts):
        begin, length = int(start[place]), max(len(text), 1)
        features[begin : begin + length, _INDEX["letters"]] = sum(map(str.isalpha, text)) / length
        features[begin : begin + length, _INDEX["digits"]] = sum(map(str.isdigit, text)) / length
        for date in find_dates(text):
            features[begin + date.start : begin + date.end, _INDEX["in_date"]] = 1.0
        for match in amounts[place]:
            span = slice(begin + match.start, begin + match.end)
            share = float(abs(match.amount)) / largest if largest > 0 else 0.0
            features[span, _INDEX["in_amount"]] = 1.0
            features[span, _INDEX["amount_share"]] = share
            features[span, _INDEX["amount_count"]] = min(values[abs(match.amount)], 5) / 5
