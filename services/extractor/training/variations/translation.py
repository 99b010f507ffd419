"""Receipts in other languages: words that announce values, month names and currency signs. Training only."""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence

import numpy as np

from services.extractor.features.numbers import find_numbers
from services.extractor.network.classes import CLASSES, KEY_CLASSES
from services.extractor.training.labeling.fields import IGNORED, LabeledText
from services.extractor.training.labeling.targets import BACKGROUND
from services.extractor.training.variations.amounts import replace_text
from shared.normalization import find_dates
from shared.normalization.cldr import load_cldr
from shared.normalization.vocabulary import find_concepts, load_vocabulary

_TRANSLATABLE = BACKGROUND | {CLASSES.index(name) for name in KEY_CLASSES}
# Printed before or after the amount, with or without a space.
_SIGNS = ("€", "£", "kr", "Kč", "zł", "Ft", "R$", "CHF", "lei", "₺", "TL", "Rp", "Rs.", "₱", "₫", "S/", "R", "EUR")
_MONTH_FORMS = ("{d} {m} {y}", "{d}. {m} {y}", "{d} de {m} de {y}", "{m} {d}, {y}", "{d}-{m}-{y}", "{d} {m} {s}")
_MIN_MONTH_LETTERS = 3


def translate(segments: Sequence[LabeledText], chance: random.Random) -> None:
    """Print the words of a receipt in one other language, in place; sometimes dates and currency signs, too.

    Words within names of shops, addresses and items stay.
    """
    language = chance.choice(sorted(load_vocabulary()))
    words = load_vocabulary()[language]
    for segment in segments:
        for concept, matches in find_concepts(segment.text).items():
            # One word per segment, since replacing it moves the others.
            span = slice(matches[0].start, matches[0].end)
            if concept in words and _TRANSLATABLE.issuperset(segment.labels[span].tolist()):
                word = chance.choice(words[concept])
                old = segment.text[span]
                replace_text(segment, span.start, span.stop, word.upper() if old.isupper() else word)
                break
    if chance.random() < 0.5:
        _name_months(segments, language, chance)
    if chance.random() < 0.5:
        _add_signs(segments, chance)


def _name_months(segments: Sequence[LabeledText], language: str, chance: random.Random) -> None:
    names: dict[int, list[str]] = {}
    for name, number in load_cldr().months.get(language, {}).items():
        if len(name) >= _MIN_MONTH_LETTERS:
            names.setdefault(number, []).append(name)
    form = chance.choice(_MONTH_FORMS)
    for segment in segments:
        for match in reversed(find_dates(segment.text)):
            day: datetime.date | None = match.date()
            if day is None or day.month not in names or not match.text[-2:].isdigit():
                continue
            name = chance.choice(names[day.month])
            text = form.format(d=day.day, m=name, y=day.year, s=f"{day.year % 100:02d}")
            replace_text(segment, match.start, match.end, text.upper() if chance.random() < 0.3 else text)


def _add_signs(segments: Sequence[LabeledText], chance: random.Random) -> None:
    """Print a currency sign at every price that has none; whether it belongs to the value is left open."""
    sign = chance.choice(_SIGNS)
    is_before = chance.random() < 0.5
    space = chance.choice(("", " "))
    text = f"{sign}{space}" if is_before else f"{space}{sign}"
    for one in reversed([number for number in find_numbers([segment.text for segment in segments]) if number.is_price]):
        segment = segments[one.place]
        alone = segment.text[: one.start].strip() == "" and segment.text[one.end :].strip() == ""
        if alone:
            _insert(segment, one.start if is_before else one.end, text)


def _insert(segment: LabeledText, place: int, text: str) -> None:
    segment.text = segment.text[:place] + text + segment.text[place:]
    fill = np.full(len(text), IGNORED, np.int64)
    segment.labels = np.concatenate([segment.labels[:place], fill, segment.labels[place:]])
