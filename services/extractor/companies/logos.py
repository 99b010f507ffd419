"""Names that replace a misread logo: the brand that the rest of the receipt names. numpy only.

A logo is often misread (LSDL) or not read at all, and a line below it is taken for the company. The receipt names its
company elsewhere, in its web address, its thanks, its conditions. Such a name counts only where several places agree on
it and the top of the receipt resembles it or has nothing better.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rapidfuzz.distance import Levenshtein

from services.extractor.companies.brands import find_brands
from services.extractor.companies.mentions import Mention, find_mentions, to_key
from services.extractor.companies.search import find_legal_forms
from services.extractor.encoding import Document
from services.extractor.spans import Part, mean_probability
from shared.arrays import Floats
from shared.normalization import find_concepts
from shared.normalization.vocabulary import Concept

# A line of the first rows that is this similar to a brand is that brand misread; one letter of four may differ.
_SIMILAR, _TOP_ROWS = 0.7, 3
_MIN_LETTERS, _LONG = 3, 6
_NOT_NAMES: tuple[Concept, ...] = ("thanks", "invoice", "refund", "card_slip", "receipt_number")
_DECORATION = " -=~_<>|"
# Letters that a mark beside a logo is read as.
_MARK_LETTERS = 3
# Mean length of the words of a logo whose letters stand apart.
_SPACED_OUT = 2.0
# Places that have to name a brand; a web address and thanks count twice.
_ENOUGH, _PLENTY = 2, 4
# Probability below which nothing at the top is likely the name.
_UNLIKELY = 0.25
_EVEN_ODDS = 0.5
# Probability from which a name below a brand stands.
_LIKELY = 0.6
_NUMBER_OF_SHOP = re.compile(r"\s*#\s?\d+\W*$")


@dataclass
class _Named:
    """A brand and the segments that name it."""

    mentions: list[Mention] = field(default_factory=list)
    places: set[int] = field(default_factory=set)
    score: int = 0
    is_thanked: bool = False


def find_logo(document: Document, parts: Sequence[Part], chance: float) -> Mention | None:
    """Return the brand whose logo was not read; None if the choice stands.

    Args:
        document: The receipt.
        parts: What was chosen as the company.
        chance: Its probability, 0 to 1.
    """
    chosen = " ".join(document.text[part.start : part.end] for part in parts)
    named = sorted(_list_brands(document).values(), key=lambda one: -one.score)
    if not named or named[0].score < _ENOUGH or next(find_legal_forms(chosen), None) is not None:
        return None
    spaced_out = {to_key(line) for line in _list_spaced_out(document)} - {to_key(chosen)}
    drawn = next((one for one in named if one.score >= _ENOUGH and one.mentions[0].key in spaced_out), None)
    if drawn is not None:
        return drawn.mentions[0]
    places = {part.place for part in parts}
    inside = [one for one in named if one.places & places]
    if inside:
        is_greeting = "thanks" in find_concepts(chosen) and len(inside[0].places) >= _ENOUGH
        within = next(one for one in inside[0].mentions if int(document.segment[one.start]) in places)
        is_better = is_greeting or (inside[0] is named[0] and chance < _UNLIKELY and _is_certain(inside[0]))
        return within if is_better else None
    for one in named:
        if one.score >= _ENOUGH and _resembles_top(document, one):
            return one.mentions[0]
    if named[0].is_thanked and next(find_brands(chosen), None) is None:
        return named[0].mentions[0]
    return named[0].mentions[0] if chance < _UNLIKELY and _is_certain(named[0]) else None


def clean_name(document: Document, parts: Sequence[Part], chance: float) -> tuple[Part, ...]:
    """Return a company without what is printed beside it, above it and below it; it may be empty.

    Args:
        document: The receipt.
        parts: What was chosen as the company.
        chance: Its probability, 0 to 1.
    """
    first, *others = keep_site_name(document, parts)
    first = strip_greeting(document, strip_marks(document, first))
    kept = strip_decoration(document, (first, *others))
    return prefer_brand(document, keep_one_name(document, kept, chance), chance) if kept else ()


def keep_site_name(document: Document, parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return the one part that is the name in a web or mail address, if the others are print beside it; otherwise all.

    What is on another row may belong to the name: Basil Thai, and below it Restaurant & Bar.
    """
    if len(parts) > 1 and len({int(document.row[part.place]) for part in parts}) == 1:
        sites = {one.key for one in find_mentions(document.text) if one.in_site}
        named = [part for part in parts if to_key(document.text[part.start : part.end]) in sites]
        return tuple(named or parts)
    return tuple(parts)


def strip_decoration(document: Document, parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return the parts of a name without strokes around it: of "--SPAR--", SPAR."""
    first, last = parts[0], parts[-1]
    text = document.text[first.start : first.end]
    parts = [replace(first, start=first.end - len(text.lstrip(_DECORATION))), *parts[1:]]
    text = document.text[parts[-1].start : last.end]
    parts = [*parts[:-1], replace(parts[-1], end=parts[-1].start + len(text.rstrip(_DECORATION)))]
    return tuple(part for part in parts if part.end > part.start)


def strip_greeting(document: Document, part: Part) -> Part:
    """Return only the brand of a line that welcomes to it: of "Welcome to Spar", Spar."""
    text = document.text[part.start : part.end]
    greetings = find_concepts(text).get("thanks", ())
    if not greetings or text[: greetings[0].start].strip(_DECORATION):
        return part
    for mention in find_mentions(text):
        words = text[greetings[-1].end : mention.start].split()
        if mention.brand is not None and mention.start >= greetings[-1].end and len(words) <= 1:
            return replace(part, start=part.start + mention.start)
    return part


def keep_one_name(document: Document, parts: Sequence[Part], chance: float) -> tuple[Part, ...]:
    """Return one of two rows that name a company twice: SPAR, and below it Spar Ltd.

    So do a brand and the legal name below it; the row stays that the network is surer of. Below a brand is its branch,
    if both rows together are not likely the name.

    Args:
        document: The receipt.
        parts: The company.
        chance: Its probability, 0 to 1.
    """
    if len(parts) != 2 or document.row[parts[0].place] == document.row[parts[1].place]:
        return tuple(parts)
    first, second = (document.text[part.start : part.end] for part in parts)
    keys = to_key(first), to_key(second)
    is_repeated = len(keys[0]) >= _MIN_LETTERS and (keys[1].startswith(keys[0]) or keys[0].startswith(keys[1]))
    is_owned = _is_brand(first) and _has_whole_legal_name(second)
    if is_repeated or is_owned:
        return (max(parts, key=lambda part: part.score),)
    is_branch = (
        chance < _EVEN_ODDS and len(keys[0]) >= _LONG - 1 and _is_brand(first) and not _is_brand(f"{first} {second}")
    )
    return (parts[0],) if is_branch else tuple(parts)


def prefer_brand(document: Document, parts: Sequence[Part], chance: float) -> tuple[Part, ...]:
    """Return the brand alone on the row above an unlikely company, its owner or its branch; otherwise the parts.

    Args:
        document: The receipt.
        parts: The company.
        chance: Its probability, 0 to 1.
    """
    row = int(document.row[parts[0].place])
    if chance >= _LIKELY or not 0 < row < _TOP_ROWS or _is_brand(document.text[parts[0].start : parts[0].end]):
        return tuple(parts)
    above = [place for place in range(parts[0].place) if int(document.row[place]) == row - 1]
    if len(above) != 1:
        return tuple(parts)
    text = document.segment_text(above[0])
    name = _NUMBER_OF_SHOP.sub("", text)
    if not _is_brand(name):
        return tuple(parts)
    start = int(document.start[above[0]])
    return (Part(above[0], start, start + len(name), parts[0].score),)


def _is_brand(text: str) -> bool:
    """Return whether a text is a brand and nothing more; Welcome and Total are brands, too, but mean something else."""
    named = any(to_key(text) == to_key(one.brand) for one in find_mentions(text) if one.brand is not None)
    return named and not find_concepts(text)


def _has_whole_legal_name(text: str) -> bool:
    """Return whether a text has a legal form and more than one word besides."""
    form = next(find_legal_forms(text), None)
    return form is not None and len((text[: form.start] + text[form.end :]).split()) > 1


def names_nobody(text: str) -> bool:
    """Return whether a text says nothing but thanks, welcome, or what kind of paper it is on ("Tax Invoice")."""
    concepts = find_concepts(text)
    found = [match for concept in _NOT_NAMES for match in concepts.get(concept, ())]
    rest = list(text)
    for match in found:
        rest[match.start : match.end] = " " * (match.end - match.start)
    return bool(found) and sum(map(str.isalpha, rest)) < _MIN_LETTERS


def part_of(document: Document, mention: Mention, probability: Floats) -> Part:
    """Return a mention as a part of a field; `probability` (T,) is that of the field."""
    score = mean_probability(document, probability, mention.start, mention.end)
    return Part(int(document.segment[mention.start]), mention.start, mention.end, score)


def strip_marks(document: Document, part: Part) -> Part:
    """Return only the brand of a part whose rest in front is a mark that was read as letters: of "@mp Spar", Spar."""
    for mention in find_mentions(document.text[part.start : part.end]):
        text = document.text[part.start : part.end]
        mark = text[: mention.start].strip()
        is_mark = 0 < sum(map(str.isalpha, mark)) <= _MARK_LETTERS and not (mark[0].isdigit() or mark[0].isupper())
        if mention.brand is not None and is_mark and mention.end == len(text.rstrip()):
            return replace(part, start=part.start + mention.start, end=part.start + mention.end)
    return part


def _is_certain(named: _Named) -> bool:
    """Return whether a receipt names a brand in many places, one of them a web address."""
    return named.score >= _PLENTY and any(mention.in_site for mention in named.mentions)


def _list_brands(document: Document) -> dict[str, _Named]:
    """Return the brands that a receipt names, by key, with how strongly it does."""
    found: defaultdict[str, _Named] = defaultdict(_Named)
    for mention in find_mentions(document.text):
        if mention.brand is not None and not find_concepts(mention.brand):
            one = found[to_key(mention.brand)]
            one.mentions.append(mention)
            one.places.add(int(document.segment[mention.start]))
    for one in found.values():
        one.is_thanked = any("thanks" in find_concepts(document.segment_text(place)) for place in one.places)
        one.score = len(one.places) + any(mention.in_site for mention in one.mentions) + one.is_thanked
    for line in _list_spaced_out(document):
        if to_key(line) in found:
            found[to_key(line)].score += 1
    return dict(found)


def _list_top(document: Document) -> list[int]:
    """Return the segments of the first rows."""
    return [place for place in range(len(document.order)) if document.row[place] < _TOP_ROWS]


def _list_spaced_out(document: Document) -> list[str]:
    """Return the first lines whose letters stand apart."""
    return [line for place in _list_top(document) if _is_spaced_out(line := document.segment_text(place))]


def _is_spaced_out(text: str) -> bool:
    """Return whether the letters of a text stand apart, as in logos: S H O P."""
    words = [word for word in text.split() if any(map(str.isalnum, word))]
    return len(words) > 2 and sum(map(len, words)) <= _SPACED_OUT * len(words)


def _resembles_top(document: Document, named: _Named) -> bool:
    """Return whether a line of the first rows is a brand with letters misread."""
    key = to_key(named.mentions[0].brand or "")
    for place in _list_top(document):
        words = document.segment_text(place).split()
        # A branch may follow the name.
        beginnings = [to_key(" ".join(words[:count])) for count in range(1, len(words)) if len(key) >= _LONG]
        for line in (to_key(" ".join(words)), *beginnings):
            is_similar = Levenshtein.normalized_similarity(line, key) >= _SIMILAR
            if place not in named.places and len(line) >= _MIN_LETTERS and is_similar:
                return True
    return False
