"""Time, phone and means of payment."""

from __future__ import annotations

import re
from typing import Literal

import phonenumbers

from services.extractor.details.reading import Reading
from shared.contracts import PaymentField, PhoneField, TimeField
from shared.normalization import find_amounts, find_concepts, find_dates, infer_country
from shared.normalization.times import TIME, to_iso_time

_HOURS = re.compile(r"\d{1,2}[:.]\d{2}\s?(?:[ap]m)?\s?(?:-|–|to|bis|a|do)\s?\d{1,2}[:.]\d{2}", re.IGNORECASE)
_LAST_FOUR = re.compile(r"[*xX#•.]{2,}[\s*xX#•.]*(?P<digits>\d{4})(?!\d)")
_MEANS: tuple[Literal["cash", "card", "wallet", "voucher"], ...] = ("cash", "card", "wallet", "voucher")
_MIN_PHONE_DIGITS = 5
_PHONE = re.compile(r"(?<![\w+])\+?\(?\d[\d\s().\-/]{5,}\d(?!\w)")
_MIN_UNPARSED_DIGITS, _MAX_PHONE_DIGITS = 7, 15
_PHONE_GAP = 6  # characters between an announcement and the number
# What the kinds of evidence are worth where the network does not know the class.
_BY_RULE = 0.6
_MIN_PROBABILITY = 0.5
# With a lower probability of the network nothing reaches the minimum.
_LEAST_LEARNED = 0.2


def find_time(reading: Reading) -> TimeField | None:
    """Return the time of purchase: beside the date, or announced; opening hours do not count."""
    best, best_score = None, _MIN_PROBABILITY
    for place, text in reading.likely_segments("time", _LEAST_LEARNED):
        row = reading.rows[int(reading.document.row[place])]
        concepts, dates = find_concepts(row), find_dates(text)
        for match in TIME.finditer(text):
            if any(match.start() < date.end and date.start < match.end() for date in dates):
                continue  # 05.03 of 05.03.2023
            is_clear = match["separator"] == ":" or bool(match["half"]) or "time" in concepts
            if not is_clear or _HOURS.search(row):
                continue
            start = int(reading.document.start[place])
            score = 0.55 + 0.25 * bool(find_dates(row)) + 0.1 * ("time" in concepts) + 0.05 * bool(match["second"])
            if reading.knows_everything:
                score = 0.3 * score + 0.7 * reading.probability("time", start + match.start(), start + match.end())
            if score > best_score:
                field = TimeField(
                    value=match.group().strip(),
                    iso=to_iso_time(match),
                    confidence=reading.confidence(score, place, len(match.group())),
                    **reading.where(place),
                )
                best, best_score = field, score
    return best


def find_phone(reading: Reading) -> PhoneField | None:
    """Return the phone number of the merchant: a valid one of its country, or one that is announced."""
    country = infer_country(reading.document.text, reading.default_country).code
    for place, text in reading.likely_segments("phone", _LEAST_LEARNED):
        if sum(map(str.isdigit, text)) < _MIN_PHONE_DIGITS or ("fax" in text.lower() and "tel" not in text.lower()):
            continue
        concepts = find_concepts(text)
        for match in phonenumbers.PhoneNumberMatcher(text, country):
            start = int(reading.document.start[place])
            announced = "phone" in concepts or match.raw_string.startswith("+")
            score = _BY_RULE + 0.3 * announced
            if reading.knows_everything:
                learned = reading.probability("phone", start + match.start, start + match.end)
                score = 0.4 * score + 0.6 * learned
            elif not announced and ("tax_id" in concepts or "receipt_number" in concepts):
                continue
            if score > _MIN_PROBABILITY:
                return PhoneField(
                    value=match.raw_string,
                    e164=phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164),
                    confidence=reading.confidence(score, place, len(match.raw_string)),
                    **reading.where(place),
                )
    return _find_unparsed_phone(reading)


def _find_unparsed_phone(reading: Reading) -> PhoneField | None:
    """Return the likeliest number that is announced as a phone or that the network takes for one.

    The receipt may not show its country, by whose rules numbers are checked, or the number is misread.
    """
    best, best_score = None, _MIN_PROBABILITY
    for place, text in reading.likely_segments("phone", _LEAST_LEARNED):
        offset = int(reading.document.start[place])
        words = find_concepts(text).get("phone", ())
        for match in _PHONE.finditer(text):
            if not _MIN_UNPARSED_DIGITS <= sum(map(str.isdigit, match.group())) <= _MAX_PHONE_DIGITS:
                continue
            announced = any(0 <= match.start() - word.end <= _PHONE_GAP for word in words)
            if "fax" in text[: match.start()].lower() or find_dates(match.group()):
                continue
            score = _BY_RULE * announced
            if reading.knows_everything:
                learned = reading.probability("phone", offset + match.start(), offset + match.end())
                score = 0.2 * announced + 0.8 * learned
            if score > best_score:
                value = match.group()
                confidence = reading.confidence(score, place, len(value))
                best = PhoneField(value=value, e164=None, confidence=confidence, **reading.where(place))
                best_score = score
    return best


def find_payment_method(reading: Reading) -> PaymentField | None:
    """Return how the receipt was paid: the means on the row of a payment, the last one if there are several."""
    last4 = _LAST_FOUR.search(reading.document.text)
    best = None
    for place, text in reading.segments():
        row = reading.rows[int(reading.document.row[place])]
        concepts = find_concepts(text)
        for method in _MEANS:
            words = concepts.get(method, ())
            if not words or not (find_amounts(row, reading.number_format) or (method == "card" and last4)):
                continue
            if "change" in find_concepts(row):
                continue
            best = PaymentField(
                value=text[words[0].start : words[0].end],
                method=method,
                last4=last4["digits"] if last4 and method == "card" else None,
                confidence=reading.confidence(_BY_RULE + 0.2, place, len(text)),
                **reading.where(place),
            )
    return best
