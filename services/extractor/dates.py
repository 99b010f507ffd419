"""Choose the date of purchase among the dates on a receipt. numpy only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.extractor.encoding import Document
from services.extractor.spans import mean_probability, row_text
from shared.arrays import Floats
from shared.normalization import DateMatch, find_concepts, find_dates
from shared.normalization.dates import find_yearless_dates
from shared.normalization.vocabulary import Concept

# Letters that digits are misread as; one for one, so that places in the text stay.
MISREAD_DIGITS = str.maketrans("OoQDIil|!SsBZz", "00001111155822")
_NEARLY_DATE = re.compile(r"[\dOoQDIil|!SsBZz]{1,4}\s?[/.\-][\dOoQDIil|!SsBZz]{1,2}\s?[/.\-][\dOoQDIil|!SsBZz]{2,4}")
_LEAST_DIGITS = 4
# Impossible years: two digits and a stray one, or a future century.
_STRAY_DIGIT = re.compile(r"(?<![\d./-])(\d{1,2}([/.-])\d{1,2}\2\d{2})\d(?!\d)")
_LATE_CENTURY = re.compile(r"(?<![\d./-])(\d{1,2}([/.-])\d{1,2}\2)2[1-9](\d{2})(?!\d)")
# Minimum mean probability of the characters of the date of purchase, and of one without a year.
_LEAST, _LEAST_YEARLESS = 0.25, 0.5
_OTHER_DATES: tuple[Concept, ...] = ("due_date", "order_date", "expiry")
_OTHER_DATE = 0.3
# Minimum mean probability of the letters of a weekday that belongs to the date; data sets differ in this habit.
_LEAST_WEEKDAY = 0.32
_CLOSING = re.compile(r"[.)]+")


@dataclass(frozen=True)
class DateCandidate:
    """A date on a row of a receipt.

    Attributes:
        start: Where the text of the row starts in the document's text.
        match: The date within the row.
        score: Mean probability of its characters, 0 to 1.
    """

    start: int
    match: DateMatch
    score: float


def best_date(document: Document, probability: Floats) -> DateCandidate | None:
    """Return the date of purchase; None if no date is likely to be the right one.

    Impossible dates count half. A date that the row announces as another one (due, expiry, delivery) counts less, too.
    A day without a year counts if there is no other date.
    """
    best, best_rank = None, _LEAST
    for start, text in _list_rows(document):
        for match in _find_on_row(text) or _find_on_row(_repaired(text)):
            score = mean_probability(document, probability, start + match.start, start + match.end)
            rank = score if match.readings else 0.5 * score
            if _is_other_date(text[: match.start]):
                rank *= _OTHER_DATE
            if rank > best_rank:
                best, best_rank = DateCandidate(start, match, score), rank
    return best or _best_yearless(document, probability)


def describe_date(document: Document, probability: Floats, found: DateCandidate) -> dict[str, float]:
    """Return what supports a date or speaks against it, by name; 0 to 1 each.

    Args:
        document: The receipt.
        probability: (T,) of the date, for each character.
        found: The date.
    """
    again, runner_up = 0, 0.0
    for start, text in _list_rows(document):
        for match in _find_on_row(text):
            if found.match.readings & match.readings:
                again += 1
            else:
                score = mean_probability(document, probability, start + match.start, start + match.end)
                runner_up = max(runner_up, score)
    row = int(document.row[document.segment[found.start]])
    return {
        "impossible": float(not found.match.readings),
        "year_of_two": float(not re.search(r"\d{4}", found.match.text)),
        "two_readings": float(found.match.is_ambiguous),
        "announced": float("date" in find_concepts(row_text(document, row))),
        "again": float(again > 1),
        "runner_up": runner_up,
    }


def write_date(document: Document, probability: Floats, found: DateCandidate) -> tuple[str, list[tuple[int, int]]]:
    """Return a date as printed, with the weekday beside it where the network finds that it belongs to the date.

    Args:
        document: The receipt.
        probability: (T,) of the date, for each character.
        found: The date.

    Returns:
        The text; and for each segment that has a part of it, its place in reading order and the length of the part.
    """
    match = found.match
    start, end = found.start + match.start, found.start + match.end
    before = after = ""
    if match.weekday_span is not None:
        first, last = (found.start + place for place in match.weekday_span)
        if mean_probability(document, probability, first, last) > _LEAST_WEEKDAY:
            closing = _CLOSING.match(document.text, last)
            last = closing.end() if closing else last
            before, after = document.text[first:start], document.text[end:last]
            start, end = min(first, start), max(last, end)
    places = range(int(document.segment[start]), int(document.segment[end - 1]) + 1)
    bounds = [(max(start, int(document.start[one])), min(end, int(document.start[one + 1]) - 1)) for one in places]
    parts = [(place, last - first) for place, (first, last) in zip(places, bounds, strict=True)]
    return f"{before}{match.text}{after}".replace("\t", " "), parts


def _list_rows(document: Document) -> list[tuple[int, str]]:
    """Return where the text of each row starts, and the text, with tabs between segments, which may divide dates."""
    firsts = np.flatnonzero(np.diff(document.row, prepend=-1))
    return [(int(document.start[first]), row_text(document, int(document.row[first]))) for first in firsts]


def _find_on_row(text: str) -> list[DateMatch]:
    """Return the dates on a row; those that several segments make up ("APRIL", "1, 2016") only beside other dates."""
    together = find_dates(text)
    if all("\t" not in match.text for match in together):
        return together
    whole = [match for match in together if "\t" not in match.text]
    for segment in re.finditer(r"[^\t]+", text):
        for match in find_dates(segment.group()):
            moved = replace(
                match, start=match.start + segment.start(), end=match.end + segment.start(), weekday_span=None
            )
            if not _overlaps(moved, whole):
                whole.append(moved)
    joined = [match for match in together if "\t" in match.text and not _overlaps(match, whole)]
    return sorted([*whole, *joined], key=lambda match: match.start)


def _overlaps(match: DateMatch, others: Sequence[DateMatch]) -> bool:
    return any(match.start < other.end and other.start < match.end for other in others)


def _best_yearless(document: Document, probability: Floats) -> DateCandidate | None:
    best, best_score = None, _LEAST_YEARLESS
    for start, text in _list_rows(document):
        for match in find_yearless_dates(text):
            score = mean_probability(document, probability, start + match.start, start + match.end)
            if score > best_score:
                best, best_score = DateCandidate(start, match, score), score
    return best


def _is_other_date(words: str) -> bool:
    """Return whether the last words before a date on its row announce another date than that of the purchase."""
    last = {concept: matches[-1].end for concept, matches in find_concepts(words).items()}
    other = max((last[concept] for concept in _OTHER_DATES if concept in last), default=-1)
    return other > last.get("date", -1)


def _repaired(text: str) -> str:
    """Return the text with misread dates corrected; the length stays the same.

    Corrects letters read for digits, a digit after a two-digit year (24/05/184) and an impossible year (12/03/2918).
    """

    def repair(match: re.Match[str]) -> str:
        found = match.group()
        digits = sum(character.isdigit() for character in found)
        return found.translate(MISREAD_DIGITS) if digits >= _LEAST_DIGITS else found

    text = _NEARLY_DATE.sub(repair, text)
    return _LATE_CENTURY.sub(r"\g<1>20\g<3>", _STRAY_DIGIT.sub(r"\g<1> ", text))
