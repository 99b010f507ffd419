"""What the words of a receipt say about which of its lines are a name or an address. numpy only.

Streets, postal codes, telephone numbers, web addresses, legal forms and brands are searched for once in the whole text;
how many of them a part of a segment has follows from their places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.extractor.companies.brands import find_brands
from services.extractor.companies.search import find_legal_forms, find_site_names
from shared.arrays import Doubles
from shared.normalization.folding import fold
from shared.normalization.streets import STREET_WORD

Integers = npt.NDArray[np.int64]

# A code of four to six digits or of letters and digits as countries use them; in folded text.
_POSTAL = re.compile(
    r"(?<![\w.,/-])(?:\d{5}(?:-\d{3,4})?|\d{4} ?[a-z]{2}|\d{2}-\d{3}|\d{3} \d{2,3}|\d{6}|\d{4}|[a-z]\d[a-z] ?\d[a-z]\d"
    r"|[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}|[a-z]{1,2}-\d{4,5})(?![\w/-]|[.,]\d)"
)
_PLACE_AND_CODE = re.compile(r"[a-z]{2}[,.]? ?\d{5}(?!\d)|(?<!\d)\d{4,6},? [a-z]{3}")
_HOUSE_NUMBER = re.compile(r"(?:(?<=\n)|(?<=\t)|^)(?:no\.? ?)?\d{1,5}[a-z]?(?:[-/]\d+)?,? [a-z]")
_PHONE = re.compile(r"\(?\d{2,4}\)?[ ./-]{1,2}\d{3,4}[ ./-]\d{3,4}(?!\d)|\+\d[\d ()-]{7,}\d|(?<!\d)\d{9,12}(?!\d)")
_WEB = re.compile(r"www\.|https?:|@[a-z]|\.(?:com|net|org)\b")
_PRICE = re.compile(r"\d[.,]\d{2}(?!\d)")


@dataclass(frozen=True)
class Evidence:
    """Where in the text of a document something stands.

    Attributes:
        counts: For each kind of `KINDS`, the places where it begins, ascending.
        legal_forms: (L, 2) start and end of each legal form of companies.
        brands: (B, 2) start and end of each brand.
        site_names: The names within web addresses, letters and digits only.
    """

    counts: tuple[Integers, ...]
    legal_forms: Integers
    brands: Integers
    site_names: frozenset[str]


KINDS = ("street", "postal", "place_and_code", "house_number", "phone_like", "web", "price", "colon", "legal_form")


def find_evidence(text: str) -> Evidence:
    """Search the text of a document once for everything that tells names and addresses."""
    folded = fold(text)
    legal = list(find_legal_forms(text))
    patterns = (STREET_WORD, _POSTAL, _PLACE_AND_CODE, _HOUSE_NUMBER, _PHONE, _WEB, _PRICE)
    starts = [[match.start() for match in pattern.finditer(folded)] for pattern in patterns]
    starts.append([place for place, character in enumerate(text) if character == ":"])
    starts.append([match.start for match in legal])
    brands = [(match.start, match.end) for match in find_brands(text)]
    return Evidence(
        tuple(np.array(one, np.int64) for one in starts),
        np.array(sorted((match.start, match.end) for match in legal), np.int64).reshape(-1, 2),
        np.array(brands, np.int64).reshape(-1, 2),
        frozenset(find_site_names(folded)),
    )


def count_within(places: Integers, start: Integers, end: Integers) -> Doubles:
    """Return how many of some ascending places are in each of N parts `[start, end)`: (N,)."""
    return np.asarray(np.searchsorted(places, end) - np.searchsorted(places, start), np.float64)


def is_site_name(key: str, names: Iterable[str]) -> bool:
    """Return whether letters and digits are the name in a web address, or most of it."""
    return len(key) > 3 and any(key == name or (len(name) > 4 and (name in key or key in name)) for name in names)
