"""Join pages that were read before into one receipt, with text that two pictures show read once.

Pictures of a long receipt, from top to bottom, overlap: the last rows of one are the first rows of the next. Rows are
aligned by their text (Smith and Waterman, 1981, with ends as in overlaps of sequences). Of two readings of a row, the
more certain one is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np

from gateway.codes.reader import CODES_UNREAD
from gateway.documents.renderer import EINVOICE_UNREAD
from gateway.reading.page_reader import PageReading
from shared.contracts import Code, Line, Receipt
from shared.reading_order import group_rows, straighten

# Similarity of two readings of one row.
_MIN_SIMILARITY = 0.75
# Score of a row that only one of the pictures shows; that of two similar ones is their similarity.
_GAP = -0.3
# Minimum number of rows that two pictures share, and of the characters in them.
_MIN_ROWS, _MIN_CHARACTERS = 2, 16
# Rows of each picture that are compared.
_MAX_ROWS = 120
# Rows at the cut edge of a picture that may be unreadable.
_MAX_CUT_ROWS = 2


@dataclass(frozen=True)
class _Row:
    lines: list[Line]
    text: str

    @property
    def confidence(self) -> float:
        return sum(line.confidence for line in self.lines) / len(self.lines)


def join_parts(parts: Sequence[Receipt], *, is_overlapping: bool) -> list[PageReading]:
    """Return the pages of receipts as the pages of one.

    Args:
        parts: Receipts that were read separately, in order.
        is_overlapping: Whether they are pictures of one receipt, which may show the same rows.
    """
    readings: list[PageReading] = []
    for number, part in enumerate(parts):
        readings += _describe_pages(part, len(readings), number if is_overlapping else None)
    if is_overlapping:
        for index in range(1, len(readings)):
            readings[index - 1], readings[index] = _drop_overlap(readings[index - 1], readings[index])
    return readings


def _describe_pages(part: Receipt, first: int, picture: int | None) -> list[PageReading]:
    """Return the pages of a receipt, the first one with this index; `picture` is the number of the picture sent."""
    models = {"detector": part.models.detector, "recognizer": part.models.recognizer}
    warnings = {warning.code for warning in part.warnings}
    readings = []
    for number, page in enumerate(part.pages):
        index = page.index if picture is None else picture
        lines = [line.model_copy(update={"page": first + number}) for line in part.lines if line.page == number]
        codes: list[Code] | None
        codes = [code.model_copy(update={"page": first + number}) for code in part.codes if code.page == number]
        if not codes and CODES_UNREAD in warnings:
            codes = None
        reading = PageReading(page.model_copy(update={"index": index}), models, 0.0, 0.0, lines, codes=codes)
        readings.append(reading)
    times = part.timings_ms
    readings[0] = replace(
        readings[0],
        detect_ms=times.detect,
        recognize_ms=times.recognize,
        einvoice=part.einvoice,
        has_unread_einvoice=EINVOICE_UNREAD in warnings,
    )
    return readings


def _drop_overlap(before: PageReading, behind: PageReading) -> tuple[PageReading, PageReading]:
    upper, lower = _group_rows(before.lines), _group_rows(behind.lines)
    start = max(0, len(upper) - _MAX_ROWS)
    pairs = _align(upper[start:], lower[:_MAX_ROWS])
    pairs = [(above + start, below) for above, below in pairs]
    characters = sum(len(lower[below].text) for _, below in pairs)
    if len(pairs) < _MIN_ROWS or characters < _MIN_CHARACTERS:
        return before, behind
    # What follows the last shared row above, and precedes the first one below, was cut off by the edge.
    dropped_above = set(range(pairs[-1][0] + 1, len(upper)))
    dropped_below = set(range(pairs[0][1]))
    for above, below in pairs:
        if upper[above].confidence >= lower[below].confidence:
            dropped_below.add(below)
        else:
            dropped_above.add(above)
    seen = {(code.format, code.text) for code in before.codes or []}
    codes = behind.codes and [code for code in behind.codes if (code.format, code.text) not in seen]
    lines = _keep(upper, dropped_above), _keep(lower, dropped_below)
    return replace(before, lines=lines[0]), replace(behind, lines=lines[1], codes=codes)


def _keep(rows: Sequence[_Row], dropped: set[int]) -> list[Line]:
    return [line for index, row in enumerate(rows) if index not in dropped for line in row.lines]


def _group_rows(lines: Sequence[Line]) -> list[_Row]:
    if not lines:
        return []
    boxes = straighten(np.array([line.quad for line in lines], np.float32))
    rows = []
    for indices in group_rows(boxes):
        members = [lines[index] for index in indices]
        text = "".join("".join(line.text.split()) for line in members).casefold()
        rows.append(_Row(members, text))
    return rows


def _align(upper: Sequence[_Row], lower: Sequence[_Row]) -> list[tuple[int, int]]:
    """Return the pairs of rows that are the same, from the end of the upper picture and the start of the lower one."""
    similarity = np.array([[_compare(above.text, below.text) for below in lower] for above in upper])
    if not similarity.size:
        return []
    rows, columns = similarity.shape
    score = np.full((rows + 1, columns + 1), -np.inf)
    score[:, 0] = 0.0
    score[0, : _MAX_CUT_ROWS + 1] = _GAP * np.arange(min(columns, _MAX_CUT_ROWS) + 1)
    for above in range(1, rows + 1):
        for below in range(1, columns + 1):
            same = similarity[above - 1, below - 1]
            matched = score[above - 1, below - 1] + same if same >= _MIN_SIMILARITY else -np.inf
            score[above, below] = max(matched, score[above - 1, below] + _GAP, score[above, below - 1] + _GAP)
    lowest = max(0, rows - _MAX_CUT_ROWS)
    ends = score[lowest:] + _GAP * (rows - np.arange(lowest, rows + 1))[:, None]
    above, below = (int(value) for value in np.unravel_index(int(np.argmax(ends)), ends.shape))
    return _trace(score, similarity, above + lowest, below)


def _trace(score: np.ndarray, similarity: np.ndarray, above: int, below: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    while above > 0 and below > 0:
        same = similarity[above - 1, below - 1]
        if same >= _MIN_SIMILARITY and score[above, below] == score[above - 1, below - 1] + same:
            above, below = above - 1, below - 1
            pairs.append((above, below))
        elif score[above, below] == score[above - 1, below] + _GAP:
            above -= 1
        else:
            below -= 1
    return pairs[::-1]


def _compare(one: str, other: str) -> float:
    """Return the similarity of two rows, 0 to 1; 0 if it is certainly too low."""
    if one == other:
        return 1.0 if one else 0.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < _MIN_SIMILARITY or matcher.quick_ratio() < _MIN_SIMILARITY:
        return 0.0
    return matcher.ratio()
