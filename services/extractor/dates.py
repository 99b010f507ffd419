"""Choose the date of purchase among the dates on a receipt. numpy only."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
_LEAST_WEEKDAY = 0.5
_CLOSING = re.compile(r"[.)]+")


@dataclass(frozen=True)
class DateCandidate:
    """A date with the place of its segment in reading order and the mean probability of its characters."""

    place: int
    match: DateMatch
    score: float


def best_date(document: Document, probability: Floats) -> DateCandidate | None:
    """Return the date of purchase; None if no date is likely to be the right one.

    Impossible dates count half. A date that the row announces as another one (due, expiry, delivery) counts less, too.
    A day without a year counts if there is no other date.
    """
    best, best_rank = None, _LEAST
    for place in range(len(document.order)):
        offset, text = int(document.start[place]), document.segment_text(place)
        for match in find_dates(text) or find_dates(_repaired(text)):
            score = mean_probability(document, probability, offset + match.start, offset + match.end)
            rank = score if match.readings else 0.5 * score
            if _is_other_date(document, place, offset + match.start):
                rank *= _OTHER_DATE
            if rank > best_rank:
                best, best_rank = DateCandidate(place, match, score), rank
    return best or _best_yearless(document, probability)


def describe_date(document: Document, probability: Floats, found: DateCandidate) -> dict[str, float]:
    """Return what supports a date or speaks against it, by name; 0 to 1 each.

    Args:
        document: The receipt.
        probability: (T,) of the date, for each character.
        found: The date.
    """
    days = found.match.readings
    again, runner_up = 0, 0.0
    for place in range(len(document.order)):
        offset = int(document.start[place])
        for match in find_dates(document.segment_text(place)):
            if days & match.readings:
                again += 1
            else:
                score = mean_probability(document, probability, offset + match.start, offset + match.end)
                runner_up = max(runner_up, score)
    return {
        "impossible": float(not found.match.readings),
        "year_of_two": float(not re.search(r"\d{4}", found.match.text)),
        "two_readings": float(found.match.is_ambiguous),
        "announced": float("date" in find_concepts(row_text(document, int(document.row[found.place])))),
        "again": float(again > 1),
        "runner_up": runner_up,
    }


def with_weekday(document: Document, probability: Floats, found: DateCandidate) -> str:
    """Return a date as printed, with the weekday beside it where the network finds that it belongs to the date.

    Args:
        document: The receipt.
        probability: (T,) of the date, for each character.
        found: The date.
    """
    match, text = found.match, document.segment_text(found.place)
    if match.weekday_span is None:
        return match.text
    first, last = match.weekday_span
    offset = int(document.start[found.place])
    if mean_probability(document, probability, offset + first, offset + last) <= _LEAST_WEEKDAY:
        return match.text
    if first < match.start:
        return text[first : match.start] + match.text
    closing = _CLOSING.match(text, last)
    return text[match.start : closing.end() if closing else last]


def _best_yearless(document: Document, probability: Floats) -> DateCandidate | None:
    best, best_score = None, _LEAST_YEARLESS
    for place in range(len(document.order)):
        offset = int(document.start[place])
        for match in find_yearless_dates(document.segment_text(place)):
            score = mean_probability(document, probability, offset + match.start, offset + match.end)
            if score > best_score:
                best, best_score = DateCandidate(place, match, score), score
    return best


def _is_other_date(document: Document, place: int, start: int) -> bool:
    """Return whether the last words before a date on its row announce another date than that of the purchase.

    Args:
        document: The receipt.
        place: Of the segment with the date, in reading order.
        start: Of the date in the document's text.
    """
    first = int(document.start[int(np.flatnonzero(document.row == document.row[place])[0])])
    concepts = find_concepts(document.text[first:start])
    last = {concept: matches[-1].end for concept, matches in concepts.items()}
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
