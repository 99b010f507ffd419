"""The merchant's tax ID and the number of the receipt."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.extractor.details.reading import Reading
from shared.contracts import ReceiptField, TaxIdField
from shared.normalization import find_amounts, find_concepts, find_dates, infer_country
from shared.normalization.country import countries_of_tax_id
from shared.normalization.vocabulary import Concept

_NUMBER = re.compile(r"(?=[A-Za-z\-/]*\d)[A-Za-z\d][A-Za-z\d\-/.]{2,}")
_LOOK_AHEAD = 40  # characters after an announcement in which its value begins
_ANNOUNCED_BY: dict[Concept, tuple[Concept, ...]] = {"receipt_number": ("receipt_number", "invoice")}
# What an announcement is worth, and a tax ID whose check digits are right.
_BY_RULE, _CHECKED = 0.6, 0.3
# What it is worth beside the network's probability.
_ANNOUNCED = 0.25
_MIN_PROBABILITY = 0.5
_WORD = re.compile(r"\S+")
_PHONE = re.compile(r"\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}")
_EDGES = "#:.,;*()"
# Words of one number, such as GB 220 4302 31.
_MAX_WORDS = 5
_MIN_DIGITS = 2


def find_tax_id(reading: Reading) -> TaxIdField | None:
    """Return the tax or company number of the merchant, the best one with right check digits.

    It is announced, or the network takes it for one.
    """
    best, best_score = None, 0.0
    inferred = infer_country(reading.document.text, reading.default_country).code
    for place, start, end, is_announced in _candidates(reading, "tax_id"):
        value = reading.document.text[start:end]
        countries = countries_of_tax_id(value)
        country = inferred if inferred in countries else min(countries) if len(countries) == 1 else None
        score = _BY_RULE * is_announced + _CHECKED * (country is not None)
        if reading.knows_everything:
            score = 0.5 * score + 0.5 * reading.probability("tax_id", start, end)
        if score > best_score:
            confidence = reading.confidence(score, place, end - start)
            best = TaxIdField(value=value, country=country, confidence=confidence, **reading.where(place))
            best_score = score
    return best


def find_receipt_number(reading: Reading) -> ReceiptField | None:
    """Return the number of the receipt or invoice: one that is announced, or that the network takes for it."""
    best, best_score = None, _MIN_PROBABILITY if reading.knows_everything else 0.0
    for place, start, end, is_announced in _candidates(reading, "receipt_number"):
        value = reading.document.text[start:end]
        if find_dates(value) or find_amounts(value) or _is_in_phone(reading, place, start):
            continue
        score = _BY_RULE * is_announced
        if reading.knows_everything:
            score = _ANNOUNCED * is_announced + (1 - _ANNOUNCED) * reading.probability("receipt_number", start, end)
        if score > best_score:
            confidence = reading.confidence(score, place, end - start)
            best, best_score = ReceiptField(value=value, confidence=confidence, **reading.where(place)), score
    return best


def _is_in_phone(reading: Reading, place: int, start: int) -> bool:
    """Return whether a character is in a telephone number as North America writes it."""
    at = start - int(reading.document.start[place])
    return any(match.start() <= at < match.end() for match in _PHONE.finditer(reading.document.segment_text(place)))


def _candidates(reading: Reading, concept: Concept) -> Iterator[tuple[int, int, int, bool]]:
    """Yield (place, start, end, whether it is announced) of what may be a number; the network tells where it ends."""
    learned = list(_learned(reading, concept))
    announced = list(_announced(reading, concept))
    for place, start, end in learned:
        is_announced = any(first < end and start < last for _, first, last in announced)
        yield place, start, end, is_announced
    for place, start, end in announced:
        if not any(first < end and start < last for _, first, last in learned):
            yield place, start, end, True


def _learned(reading: Reading, concept: Concept) -> Iterator[tuple[int, int, int]]:
    """Yield (place, start, end) of each run of words with digits that the network takes for a number."""
    if not reading.knows_everything:
        return
    for place in reading.list_likely(concept, _MIN_PROBABILITY):
        offset, text = int(reading.document.start[place]), reading.document.segment_text(place)
        run: list[tuple[int, int]] = []
        for match in _WORD.finditer(text):
            start, end = offset + match.start(), offset + match.end()
            # A receipt's number is one word, with the name of its series in front of it.
            is_whole = concept == "receipt_number" and bool(run) and _has_digit(reading, *run[-1])
            is_likely = reading.probability(concept, start, end) > _MIN_PROBABILITY
            if is_likely and not is_whole and len(run) < _MAX_WORDS:
                run.append((start, end))
            elif run:
                break
        if not run:
            continue
        start, end = _trim(reading.document.text, run[0][0], run[-1][1])
        if sum(map(str.isdigit, reading.document.text[start:end])) >= _MIN_DIGITS:
            yield place, start, end


def _has_digit(reading: Reading, start: int, end: int) -> bool:
    return any(map(str.isdigit, reading.document.text[start:end]))


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of a number without punctuation around it, and without what it is announced by ("Nr.:4711")."""
    colon = text.rfind(":", start, end - 1)
    start = colon + 1 if colon >= 0 else start
    while start < end and text[start] in _EDGES:
        start += 1
    while end > start and text[end - 1] in _EDGES:
        end -= 1
    return start, end


def _announced(reading: Reading, concept: Concept) -> Iterator[tuple[int, int, int]]:
    """Yield (place, start, end) of each number that follows an announcement on its row."""
    document = reading.document
    for place, text in reading.segments():
        concepts = find_concepts(text)
        words = [word for name in _ANNOUNCED_BY.get(concept, (concept,)) for word in concepts.get(name, ())]
        if not words:
            continue
        offset = int(document.start[place])
        row_end = offset + len(text)
        for other in range(place + 1, len(document.order)):
            if document.row[other] != document.row[place]:
                break
            row_end = int(document.start[other + 1]) - 1
        for word in words:
            begin = offset + word.end
            number = _NUMBER.search(document.text[begin : min(row_end, begin + _LOOK_AHEAD)])
            if number is not None:
                start = begin + number.start()
                yield int(document.segment[start]), start, begin + number.end()
