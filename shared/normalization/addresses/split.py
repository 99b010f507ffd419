"""Split an address into street, postal code, city and country.

The postal code is found by the format of the country, and the city next to it, on the side where the country writes it.
Without a code, the city is the last part that is neither a state nor a street. The street is what remains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.normalization.addresses.postal import PostalFormat, fold_region, load_postal_format
from shared.normalization.cldr import load_cldr
from shared.normalization.country import country_aliases
from shared.normalization.folding import fold
from shared.normalization.streets import STREET_WORD

_BREAK = "\n"
_EDGES = " \t\n,;.|-–—()[]:"
_PARTS = re.compile(r"[,\n;|()]|\s[-–—]\s|\s?[-–—](?=\s)")
# Words that announce a postal code.
_CODE_WORDS = re.compile(
    r"(?:\b(?:cep|c\.?\s?p|zip(?: code)?|post(?:al)?\s?code|postcode|plz|kode pos|pin(?: code)?)\b[\s.:]*)$"
)
# Delivery offices that follow a city, as in "75008 Paris Cedex 08".
_OFFICE = re.compile(r"\bcedex\b.*", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]{2,}")
# Words before a state or county, as in "jud. Cluj" and "W.P. Kuala Lumpur".
_ABBREVIATIONS = re.compile(r"^(?:\w{1,5}\.\s*)+")
_MIN_NAME = 4
# Longest codes of states: NSW, CDMX.
_MAX_CODE_LETTERS = 4
# Shorter words for streets ("al", "st") begin names of places as well.
_MIN_STREET_WORD = 3

_Span = tuple[int, int]


@dataclass(frozen=True)
class AddressParts:
    """Parts of an address, as printed; None for what it does not have.

    Attributes:
        street: Street, house number, building and quarter.
        postal_code: The postal code.
        city: The city, without state or province.
        country: ISO 3166 code.
    """

    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None


def split_address(lines: Sequence[str], country: str | None = None) -> AddressParts:
    """Split an address.

    Args:
        lines: Its lines from top to bottom, or the whole address as one.
        country: ISO 3166 code of the country of the receipt; a country in the address goes before.
    """
    printed = _BREAK.join(line.strip() for line in lines)
    text, named = _take_country(printed)
    country = named or country
    form = load_postal_format(country)
    if named and form.code_first and text[-1:].isdigit():
        text = printed  # "L-1236 Luxembourg": a city that is called like its country
    code = _find_code(text, form)
    if form.has_city:
        city = _find_city_at(text, code, form) if code is not None else _find_city_alone(text, form)
    else:
        city = _find_city_state(printed, code, form, country or "")
    spans = [one for one in (city, code.span() if code is not None else None) if one is not None]
    return AddressParts(
        street=_take_street(text, spans, form) or None,
        postal_code=code["code"] if code is not None else None,
        city=printed[slice(*city)] if city is not None else None,
        country=country,
    )


def _take_country(text: str) -> tuple[str, str | None]:
    """Return the text without the country at its end, and the ISO 3166 code of that country."""
    folded = fold(text).rstrip(_EDGES)
    for name, code in _country_names().items():
        start = len(folded) - len(name)
        if start > 0 and folded.endswith(name) and not folded[start - 1].isalnum():
            return text[:start].rstrip(_EDGES), code
    return text, None


@lru_cache(maxsize=1)
def _country_names() -> Mapping[str, str]:
    """Return the ISO 3166 code of each name, the longest names first."""
    names = {fold(name): code for code, one in load_cldr().territories.items() for name in one.names}
    names = {**{name: code for name, code in names.items() if len(name) >= _MIN_NAME}, **country_aliases()}
    return dict(sorted(names.items(), key=lambda item: -len(item[0])))


def _find_code(text: str, form: PostalFormat) -> re.Match[str] | None:
    """Return the likeliest postal code: one that stands next to a city rather than to a street."""
    if form.code is None:
        return None
    capitals = "".join(upper if len(upper := one.upper()) == 1 else one for one in text)
    best, best_score = None, 0.0
    for match in form.code.finditer(capitals):
        if not any(character.isdigit() for character in match["code"]):
            continue
        left, right = text[_line_start(text, match) : match.start()], text[match.end() : _line_end(text, match)]
        beside = {True: bool(_LETTERS.search(right)), False: bool(_LETTERS.search(left))}
        is_alone = not any(character.isalnum() for character in left + right)
        fits = is_alone or (any(beside.values()) if form.code_first is None else beside[form.code_first])
        is_street = STREET_WORD.search(fold(_PARTS.split(right, maxsplit=1)[0]))
        is_announced = _CODE_WORDS.search(fold(left)) is not None
        score = 1.0 + 2.0 * fits + 4.0 * is_announced - 2.5 * bool(is_street) + match.start() / max(len(text), 1)
        if score > best_score:
            best, best_score = match, score
    return best


def _line_start(text: str, code: re.Match[str]) -> int:
    return text.rfind(_BREAK, 0, code.start()) + 1


def _line_end(text: str, code: re.Match[str]) -> int:
    return (text + _BREAK).index(_BREAK, code.end())


def _find_city_at(text: str, code: re.Match[str], form: PostalFormat) -> _Span | None:
    """Return the part that is the city next to a postal code."""
    before = _names(text, 0, code.start(), form)[::-1]
    after = _names(text, code.end(), len(text), form)
    near_before = [span for span in before if span[0] >= _line_start(text, code)]
    near_after = [span for span in after if span[1] <= _line_end(text, code)]
    if form.code_first is not False and near_after:
        # In "Torrox 29793 (Málaga)", the city is before the code, and the state after it.
        in_brackets = text[: near_after[0][0]].endswith("(") and _is_region(text, near_after[0], form)
        if not (in_brackets and near_before):
            return near_after[0]
    if form.code_first is not False and not near_before and after:
        return after[0]
    if form.code_first is False and not near_before and near_after:
        return near_after[0]
    return _last_words(text, _choose(text, before, form) or next(iter(near_after), None))


def _find_city_state(text: str, code: re.Match[str] | None, form: PostalFormat, country: str) -> _Span | None:
    """Return the name of a country that is a city, at the end of an address or before the postal code."""
    names = _names(text, 0, code.start() if code is not None else len(text), form)[-1:]
    for start, end in names:
        for name in load_cldr().territories[country].names:
            if fold(text[start:end]) == fold(name) or fold(text[start:end]).endswith(f" {fold(name)}"):
                return end - len(name), end
    return None


def _find_city_alone(text: str, form: PostalFormat) -> _Span | None:
    """Return the part that may be a city in an address without a postal code."""
    parts = list(_parts(text, 0, len(text)))
    if not parts:
        return None
    if len(parts) == 1:
        whole = _names(text, *parts[0], form)
        # A state at the end of the only part may be a city, too.
        end = whole[0][1] if whole else parts[0][1]
        rest = list(_parts(text, end, parts[0][1]))
        return rest[0] if rest else None
    later = _names(text, parts[1][0], len(text), form)[::-1]
    found = _choose(text, later, form, streets=False)
    first = _names(text, *parts[0], form)
    return found or _choose(text, first, form, streets=False)


def _choose(text: str, names: Sequence[_Span], form: PostalFormat, *, streets: bool = True) -> _Span | None:
    """Return the city among parts, the likeliest place first.

    Args:
        text: The address.
        names: The parts.
        form: Of the country.
        streets: Whether a part with a street is answered if there is no other.
    """
    if names and _is_region(text, names[0], form):
        # A state is next to the city; a city may be named like its state.
        is_code = sum(character.isalpha() for character in text[slice(*names[0])]) <= _MAX_CODE_LETTERS
        others = [span for span in names[1:] if not _is_street(text, span)]
        found = others[0] if others and (is_code or others[0] == names[1]) else None
        if found is None and is_code and streets and len(names) > 1:
            found = _last_words(text, names[1])
        return found or names[0]
    places = [span for span in names if not _is_street(text, span)]
    return next(iter((*places, *(names if streets else ()))), None)


def _is_street(text: str, span: _Span) -> bool:
    part = fold(text[slice(*span)])
    words = (
        match
        for match in STREET_WORD.finditer(part)
        if match.end() == len(part) or match.end() - match.start() >= _MIN_STREET_WORD
    )
    # "Dublin 2" is a city, unless the address begins with it.
    is_district = span[0] > 0 and re.fullmatch(r"[^\W\d]+ \d{1,2}", part) is not None
    return (any(character.isdigit() for character in part) and not is_district) or any(words)


def _parts(text: str, start: int, end: int) -> Iterator[_Span]:
    """Yield what separators divide, without print around it."""
    place = start
    for separator in (*_PARTS.finditer(text, start, end), None):
        stop = end if separator is None else separator.start()
        part = text[place:stop]
        first, last = len(part) - len(part.lstrip(_EDGES)), len(part.rstrip(_EDGES))
        if first < last:
            yield place + first, place + last
        place = stop if separator is None else separator.end()


def _names(text: str, start: int, end: int, form: PostalFormat) -> list[_Span]:
    """Return the parts that may name a city, without the state or office at their end."""
    found = []
    for first, last in _parts(text, start, end):
        part = _OFFICE.sub("", text[first:last])
        part = _without_code_words(_without_region(part.rstrip(_EDGES), form)).rstrip(_EDGES)
        if _LETTERS.search(part):
            found.append((first, first + len(part)))
    return found


def _without_region(part: str, form: PostalFormat) -> str:
    """Return a part without the state at its end; a part that is nothing else stays."""
    for word in re.finditer(r"(?<=\s)\S", part):
        rest = part[: word.start()].rstrip(_EDGES)
        # "New" of "New Delhi" is not a city.
        if len(rest) >= _MIN_NAME and _names_region(part[word.start() :], form):
            return rest
    return part


def _without_code_words(part: str) -> str:
    match = _CODE_WORDS.search(fold(part))
    return part[: match.start()] if match else part


def _is_region(text: str, span: _Span, form: PostalFormat) -> bool:
    return _names_region(text[slice(*span)], form)


def _names_region(text: str, form: PostalFormat) -> bool:
    plain = text.strip(_EDGES)
    return any(fold_region(one) in form.regions for one in (plain, _ABBREVIATIONS.sub("", plain)))


def _last_words(text: str, span: _Span | None) -> _Span | None:
    """Return the end of a part behind street and house number, if it has them."""
    if span is None or not _is_street(text, span):
        return span
    folded = fold(text[slice(*span)])
    streets = [
        match.end()
        for match in STREET_WORD.finditer(folded)
        if match.start() > 0 and _LETTERS.search(folded[match.end() :])
    ]
    cut = streets[-1] if streets else folded.rfind(" ") + 1
    rest = folded[cut:]
    start = span[0] + cut + len(rest) - len(rest.lstrip(_EDGES + "0123456789"))
    return (start, span[1]) if _LETTERS.search(text[start : span[1]]) else None


def _take_street(text: str, spans: Sequence[_Span], form: PostalFormat) -> str:
    """Return what is left of an address without city, postal code and state."""
    if not spans:
        return _as_one_line(text)
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    before = _without_code_words(text[:first].rstrip(_EDGES)).strip(_EDGES)
    rest = [span for span in _parts(text, last, len(text)) if not _is_region(text, span, form)]
    after = [text[slice(*span)] for span in rest if not _OFFICE.match(text[slice(*span)])]
    between = _between(text, spans, form)
    return ", ".join(part for part in (_as_one_line(before), between, ", ".join(after)) if part)


def _between(text: str, spans: Sequence[_Span], form: PostalFormat) -> str:
    """Return the street between city and postal code, as in Hungary."""
    if len(spans) < 2:
        return ""
    (_, start), (end, _) = sorted(spans)
    return (
        ", ".join(text[slice(*span)] for span in _names(text, start, end, form) if _is_street(text, span))
        if start < end
        else ""
    )


def _as_one_line(text: str) -> str:
    lines = [line.strip() for line in text.split(_BREAK) if line.strip(_EDGES)]
    return " ".join(line if line.endswith(",") or line is lines[-1] else f"{line}," for line in lines).strip(_EDGES)
