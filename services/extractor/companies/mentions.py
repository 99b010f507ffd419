"""Names of companies within longer lines: brands, and the names in web and mail addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from services.extractor.companies.brands import find_brands, load_brands
from shared.look_alikes import fold_look_alikes
from shared.normalization.folding import fold

_SITE = re.compile(
    r"(?:(?P<prefix>www\.\s?|https?://(?:www\.)?)|(?P<local>[a-z0-9][a-z0-9._\-]{3,})@|(?<![a-z0-9.]))"
    r"(?P<label>[a-z0-9][a-z0-9\-]{2,})\.(?P<top>com?|net|org|[a-z]{2})(?:\.[a-z]{2})?(?![a-z0-9])"
)
# Hosts of mail, of other companies' services and of surveys are not the company's name; neither are mailboxes.
_NOT_NAMES = frozenset(
    {
        "gmail", "googlemail", "hotmail", "yahoo", "outlook", "live", "icloud", "aol", "mail", "email", "web",
        "facebook", "instagram", "twitter", "tiktok", "youtube", "google", "tripadvisor", "yelp", "whatsapp",
        "linkedin", "survey", "feedback", "info", "contact", "contacto", "contato", "kontakt", "office", "sales",
        "service", "support", "hello", "admin", "enquiry", "enquiries", "customer", "customerservice", "customercare",
        "help", "booking", "bookings", "reservations", "team", "shop", "store", "online", "tell", "portal",
    }
)  # fmt: skip
# Shorter brands are usual words and abbreviations.
_MIN_KEY = 4


@dataclass(frozen=True)
class Mention:
    """A name within a line.

    Attributes:
        start: First character in the text.
        end: End in the text.
        key: Its letters and digits, see `to_key`.
        brand: The usual spelling, if it is a brand; None otherwise.
        in_site: Whether it is in a web or mail address.
    """

    start: int
    end: int
    key: str
    brand: str | None
    in_site: bool


def find_mentions(text: str) -> list[Mention]:
    """Return the brands in a text, and the names in its web and mail addresses, each place once."""
    found = {(one.start, one.end): one for one in _sites(fold(text))}
    for match in find_brands(text):
        key = to_key(text[match.start : match.end])
        if len(key) >= _MIN_KEY:
            found.setdefault((match.start, match.end), Mention(match.start, match.end, key, match.name, False))
    return sorted(found.values(), key=lambda one: one.start)


def to_key(text: str) -> str:
    """Return the letters and digits of a text in upper case, without accents and with look-alikes folded."""
    return fold_look_alikes("".join(character for character in fold(text) if character.isalnum()).upper())


def _sites(folded: str) -> Iterator[Mention]:
    for match in _SITE.finditer(folded):
        is_sure = bool(match["prefix"] or match["local"]) or len(match["top"]) == 3
        for name in ("label", "local"):
            text = match[name]
            if not text or text in _NOT_NAMES or not any(map(str.isalpha, text)):
                continue
            key = to_key(text)
            brand = _spellings().get(key)
            # "lidl.de" is an address, but "amt.rm" is not.
            if is_sure or brand is not None:
                yield Mention(*match.span(name), key, brand, True)


@lru_cache(maxsize=1)
def _spellings() -> Mapping[str, str]:
    """Return the usual spelling of each brand by its key."""
    found: dict[str, str] = {}
    for name in load_brands()[1]:
        key = to_key(name)
        if len(key) >= _MIN_KEY:
            found.setdefault(key, name)
    return found
