"""The ends of an address: a postal code beside it that was left out, names of shops that were taken in. numpy only."""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.extractor.companies.mentions import find_mentions, to_key
from services.extractor.encoding import Document
from services.extractor.spans import Part
from shared.normalization import find_amounts, find_concepts, find_dates
from shared.normalization.addresses.postal import PostalFormat, load_postal_format
from shared.normalization.folding import fold
from shared.normalization.streets import STREET_WORD

# The number of a shop at the end of its name; a line that begins with a number has that of a house.
_SHOP_NUMBER = re.compile(r"[^\W\d].*\s\W?[A-Z]{0,2}\d{2,5}\W?$", re.IGNORECASE)
# Words of a line with a postal code and its place, besides the code.
_MAX_WORDS = 6
# Shorter words of a company's name are in addresses, too.
_DISTINCTIVE = 5


def complete_address(document: Document, parts: Sequence[Part], country: str | None, company: str) -> tuple[Part, ...]:
    """Return an address without names of shops, and with the postal code and city on the row above or below it.

    Args:
        document: The receipt.
        parts: What was chosen as the address.
        country: ISO 3166 code of the receipt's country; without, a postal code is not recognized.
        company: The company; "" if there is none.
    """
    postal = load_postal_format(country)
    kept = _without_names(document, list(parts), postal, company)
    if country is None or postal.code is None or any(_has_code(_text(document, part), postal) for part in kept):
        return tuple(kept)
    below, above = kept[-1].place + 1, kept[0].place - 1
    if below < len(document.order) and _is_place(document, below, kept[-1].place, postal):
        return (*kept, _whole(document, below))
    if above >= 0 and _is_place(document, above, kept[0].place, postal):
        return (_whole(document, above), *kept)
    return tuple(kept)


def _without_names(document: Document, parts: list[Part], postal: PostalFormat, company: str) -> list[Part]:
    """Leave out a first line that names a shop, and from such a line on what follows a complete address."""
    words = {to_key(word) for word in company.split() if len(to_key(word)) >= _DISTINCTIVE}
    names = [_is_name(_text(document, part), postal, words) for part in parts]
    while len(parts) > 1 and names[0]:
        parts, names = parts[1:], names[1:]
    for number in range(1, len(parts)):
        before = any(_has_code(_text(document, part), postal) for part in parts[:number])
        after = any(_has_code(_text(document, part), postal) for part in parts[number:])
        if names[number] and before and after:
            return parts[:number]
    return parts


def _is_name(text: str, postal: PostalFormat, words: set[str]) -> bool:
    """Return whether a line is the name of a shop with its number."""
    if not _SHOP_NUMBER.match(text) or "," in text or STREET_WORD.search(fold(text)) or _has_code(text, postal):
        return False
    named = {to_key(word) for word in text.split()} & words
    return bool(named) or any(len(one.key) >= _DISTINCTIVE for one in find_mentions(text))


def _has_code(text: str, postal: PostalFormat) -> bool:
    return postal.code is not None and postal.code.search(fold(text).upper()) is not None


def _is_place(document: Document, place: int, beside: int, postal: PostalFormat) -> bool:
    """Return whether a segment is a postal code, alone or with its place, on a row next to another segment."""
    text = document.segment_text(place)
    match = postal.code.search(fold(text).upper()) if postal.code is not None else None
    if match is None or abs(int(document.row[place]) - int(document.row[beside])) > 1:
        return False
    rest = text[: match.start()] + text[match.end() :]
    # A number alone is a code where the address goes on.
    if place > beside and not any(map(str.isalpha, rest)) and not document.segment_text(beside).rstrip().endswith(","):
        return False
    is_short = len(rest.split()) <= _MAX_WORDS and not any(map(str.isdigit, rest))
    return is_short and not (find_concepts(text) or find_amounts(text) or find_dates(text))


def _text(document: Document, part: Part) -> str:
    return document.text[part.start : part.end]


def _whole(document: Document, place: int) -> Part:
    start = int(document.start[place])
    return Part(place, start, start + len(document.segment_text(place)), 0.0)
