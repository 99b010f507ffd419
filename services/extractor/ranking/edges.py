"""The ends of an address: rows beside it that were left out, print of other kinds that was taken in. numpy only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from services.extractor.companies.mentions import find_mentions, to_key
from services.extractor.encoding import FEATURES, Document
from services.extractor.spans import Part, mean_probability, row_text
from shared.arrays import Floats
from shared.normalization import find_amounts, find_concepts, find_dates
from shared.normalization.addresses.postal import PostalFormat, fold_region, load_postal_format
from shared.normalization.folding import fold
from shared.normalization.streets import ADDRESS_CAPTION, BRANCH_NUMBER, STREET_WORD

# The number of a shop at the end of its name; a line that begins with a number has that of a house.
_SHOP_NUMBER = re.compile(r"[^\W\d].*\s\W?[A-Z]{0,2}\d{2,5}\W?$", re.IGNORECASE)
# Words of a line with a postal code and its place, besides the code.
_MAX_WORDS = 6
# Shorter words of a company's name are in addresses, too.
_DISTINCTIVE = 5
# The number of a till or a member of staff, alone or with a name.
_STAFF = re.compile(r"\W*\d{1,6}(?:\s+[^\W\d_]+)?\W*")
# The number and the name of who opened a check, or of the shift, above the row of the table and the check: "12 Lunch".
_OPENED_BY = re.compile(r"\W*\d{1,6}\s+[^\W\d_]+\W*")
_CHECK = re.compile(r"\b(?:chk|check|gst|guests?|mesa|tavolo|tbl|table|tisch)\W{0,3}[a-z]?\d", re.IGNORECASE)
# Of the 526 training labels of SROIE, none begins with a line in brackets.
_IN_BRACKETS = re.compile(r"\s*\([^()]*\)\s*")
# A number after this sign is that of a shop.
_HASH = re.compile(r"#\s?$")
_SIDES = [FEATURES.index("left"), FEATURES.index("right")]
# An address goes on within this many rows, where the network is this sure.
_NEAR, _SURE = 2, 0.9


@dataclass(frozen=True)
class _Page:
    """What the ends of an address are judged by."""

    document: Document
    probability: Floats
    postal: PostalFormat

    def text(self, part: Part) -> str:
        return self.document.text[part.start : part.end]

    def whole(self, place: int) -> Part:
        start = int(self.document.start[place])
        end = start + len(self.document.segment_text(place))
        return Part(place, start, end, mean_probability(self.document, self.probability, start, end))

    def has_code(self, text: str) -> bool:
        return _find_code(text, self.postal) is not None


def complete_address(
    document: Document, parts: Sequence[Part], probability: Floats, country: str | None, company: str
) -> tuple[Part, ...]:
    """Return an address without print of other kinds, and with the rows beside it that belong to it.

    Names of shops, payments and members of staff are left out; the result may be empty. Where there is no postal code,
    the rest of the address is looked for below other print, and the code on the row below or above.

    Args:
        document: The receipt.
        parts: What was chosen as the address.
        probability: (T,) of the address, for each character.
        country: ISO 3166 code of the receipt's country; without, a postal code is not recognized.
        company: The company; "" if there is none.
    """
    page = _Page(document, probability, load_postal_format(country))
    kept = [part for part in parts if not _is_opened_by(page, part)]
    kept = [rest for part in kept if (rest := _without_tail(page, part)) is not None] or kept
    if not kept:
        return ()
    kept = _without_names(page, _without_caption(page, kept), company)
    if country is None:
        return tuple(kept)
    kept = _without_staff(page, kept)
    if page.postal.code is None or any(page.has_code(page.text(part)) for part in kept):
        return tuple(_with_street(page, kept))
    kept = _with_the_rest(page, kept)
    if any(page.has_code(page.text(part)) for part in kept):
        return tuple(kept)
    below = next((place for place in _below(page, kept[-1].place) if _is_place(page, place, kept[-1].place)), None)
    if below is not None:
        return (*kept, page.whole(below))
    above = kept[0].place - 1
    if above >= 0 and _is_place(page, above, kept[0].place):
        return (page.whole(above), *kept)
    return tuple(kept)


def _without_tail(page: _Page, part: Part) -> Part | None:
    """Leave out the number of a shop (Store 012) and a site at the end of a line; None if that is all."""
    text = page.text(part)
    branch = BRANCH_NUMBER.search(fold(text))
    end = branch.start() if branch is not None else len(text)
    *_, last = text[:end].split() or [""]
    if any(one.in_site for one in find_mentions(last)):
        end = text.rindex(last, 0, end)
    rest = text[:end].rstrip(" |-–,") if end < len(text) else text
    return replace(part, end=part.start + len(rest)) if any(map(str.isalnum, rest)) else None


def _without_caption(page: _Page, parts: list[Part]) -> list[Part]:
    """Leave out what announces an address: of "Address: 12 Main St", the first word."""
    caption = ADDRESS_CAPTION.match(fold(page.text(parts[0])))
    if caption is None:
        return parts
    return [replace(parts[0], start=parts[0].start + caption.end()), *parts[1:]]


def _is_opened_by(page: _Page, part: Part) -> bool:
    """Return whether a line says who opened the check whose number is on the next row."""
    document = page.document
    if not _OPENED_BY.fullmatch(page.text(part)):
        return False
    row = int(document.row[part.place]) + 1
    return row <= int(document.row[-1]) and bool(_CHECK.search(row_text(document, row)))


def _without_names(page: _Page, parts: list[Part], company: str) -> list[Part]:
    """Leave out a first line that names a shop or a branch, and from a shop on what follows a complete address."""
    while len(parts) > 1 and _IN_BRACKETS.fullmatch(page.text(parts[0])):
        parts = parts[1:]
    words = {to_key(word) for word in company.split() if len(to_key(word)) >= _DISTINCTIVE}
    names = [_is_name(page, page.text(part), words) for part in parts]
    while len(parts) > 1 and names[0]:
        parts, names = parts[1:], names[1:]
    for number in range(1, len(parts)):
        before = any(page.has_code(page.text(part)) for part in parts[:number])
        after = any(page.has_code(page.text(part)) for part in parts[number:])
        if names[number] and before and after:
            return parts[:number]
    return parts


def _without_staff(page: _Page, parts: list[Part]) -> list[Part]:
    """Leave out last lines that are a number that is not a postal code, with at most a name, or a payment."""
    while len(parts) > 1 and not page.text(parts[-2]).rstrip().endswith(","):
        text = page.text(parts[-1])
        is_staff = bool(_STAFF.fullmatch(text)) and not page.has_code(text) and not STREET_WORD.search(fold(text))
        is_payment = bool(find_amounts(text)) and bool({"card", "cash", "total", "change"} & set(find_concepts(text)))
        # A house number may stand alone on the row of its street.
        beside = page.document.row[parts[-1].place] == page.document.row[parts[-2].place]
        if beside or not (is_staff or is_payment):
            break
        parts = parts[:-1]
    return parts


def _with_the_rest(page: _Page, parts: list[Part]) -> list[Part]:
    """Take in the next rows that the network is sure of, where other print divides them from the address."""
    while True:
        place = next((one for one in _below(page, parts[-1].place) if page.whole(one).score >= _SURE), None)
        if place is None or page.has_code(page.text(parts[-1])):
            return parts
        parts = [*parts, page.whole(place)]


def _with_street(page: _Page, parts: list[Part]) -> list[Part]:
    """Take in the street above a postal code and its place, or below it, where the address has none."""
    if len(parts) > 1 or not _is_place(page, parts[0].place, parts[0].place):
        return parts
    place = parts[0].place
    for beside, is_above in ((place - 1, True), (place + 1, False)):
        if 0 <= beside < len(page.document.order) and _is_street(page, beside, place):
            return [page.whole(beside), *parts] if is_above else [*parts, page.whole(beside)]
    return parts


def _is_street(page: _Page, place: int, beside: int) -> bool:
    """Return whether a segment on the next row is a street with a house number."""
    text = page.document.segment_text(place)
    is_near = abs(int(page.document.row[place]) - int(page.document.row[beside])) == 1
    if not is_near or not any(map(str.isdigit, text)) or not STREET_WORD.search(fold(text)):
        return False
    return not (find_concepts(text) or find_amounts(text) or find_dates(text))


def _below(page: _Page, place: int) -> Iterator[int]:
    """Yield the segments of the next rows that are below a segment, and the one that follows it, the nearest first."""
    document = page.document
    left, right = _extent(page, place)
    for other in range(place + 1, len(document.order)):
        if document.row[other] > document.row[place] + _NEAR:
            return
        first, last = _extent(page, other)
        overlaps = min(right, last) - max(left, first) > 0
        if other == place + 1 or (document.row[other] > document.row[place] and overlaps):
            yield other


def _extent(page: _Page, place: int) -> tuple[float, float]:
    """Return the left and right end of a segment, in shares of the width of the receipt."""
    left, right = page.document.features[int(page.document.start[place]), _SIDES]
    return float(left), float(right)


def _is_name(page: _Page, text: str, words: set[str]) -> bool:
    """Return whether a line is the name of a shop with its number."""
    if not _SHOP_NUMBER.match(text) or "," in text or STREET_WORD.search(fold(text)) or page.has_code(text):
        return False
    named = {to_key(word) for word in text.split()} & words
    return bool(named) or any(len(one.key) >= _DISTINCTIVE for one in find_mentions(text))


def _find_code(text: str, postal: PostalFormat) -> re.Match[str] | None:
    """Return the postal code in a text; the number of a shop ("# 03270") is none."""
    if postal.code is None:
        return None
    folded = fold(text).upper()
    return next((one for one in postal.code.finditer(folded) if not _HASH.search(folded[: one.start()])), None)


def _is_place(page: _Page, place: int, beside: int) -> bool:
    """Return whether a segment is a postal code, alone or with its place, on a row next to another segment."""
    document = page.document
    text = document.segment_text(place)
    match = _find_code(text, page.postal)
    if match is None or abs(int(document.row[place]) - int(document.row[beside])) > 1:
        return False
    rest = text[: match.start()] + text[match.end() :]
    # A number alone is a code where the address goes on.
    if place > beside and not any(map(str.isalpha, rest)) and not _goes_on(page, document.segment_text(beside)):
        return False
    is_short = len(rest.split()) <= _MAX_WORDS and not any(map(str.isdigit, rest))
    return is_short and not (find_concepts(text) or find_amounts(text) or find_dates(text))


def _goes_on(page: _Page, text: str) -> bool:
    """Return whether a line ends in a comma or a state, as lines before a postal code do."""
    *_, last = re.split(r"[\s,]+", text.strip()) or [""]
    return last == "" or fold_region(last) in page.postal.regions
