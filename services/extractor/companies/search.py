"""The company of a receipt where the network finds none: the line with the best reasons to be a name. numpy only.

Brands, legal forms, web addresses and repeated lines tell names in countries that the network was not trained on. The
result is an answer of low confidence, not a rival of the network's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from services.extractor.companies.brands import BrandMatch, find_brands
from services.extractor.encoding import FEATURES, Document
from shared.normalization import find_amounts, find_concepts, find_dates, infer_country
from shared.normalization.folding import fold
from shared.normalization.phrases import PhraseIndex, PhraseMatch

# Legal forms of companies in Latin script, as they end a name; single letters stand with periods ("s.r.l").
LEGAL_FORMS = PhraseIndex(
    """
    sdn bhd; berhad; pte ltd; pvt ltd; private limited; pty ltd; ltd; limited; llc; inc; corp; plc; gmbh; gmbh & co
    kg; gesmbh; ges.m.b.h; ohg; o.h.g; e.k; kg; ag; sarl; s.a.r.l; sas; s.a.s; eurl; s.a; s.l; s.l.u; srl; s.r.l;
    spa; s.p.a; s.n.c; lda; ltda; eireli; s.a. de c.v; bv; b.v; nv; n.v; v.o.f; bvba; sp. z o.o; sp z.o.o; sp. j;
    s.r.o; spol. s r.o; a.s; kft; zrt; bt; d.o.o; d.d; doo; sia; uab; oy; oyj; ab; a/s; aps; ehf; ltd sti; ou; tbk
    """.replace("\n", " ").split(";")
)
# Sp. z 0.0 is sp. z o.o; the numbers of amounts have other digits, too.
_ROUND = re.compile(r"(?<![^\W_])(?<!\d[.,])(?:0[.,]? ?[0o]|[o][.,]? ?0)(?![^\W_])", re.IGNORECASE)
_DOMAIN = re.compile(
    r"(?:www\.|https?://(?:www\.)?|@)?(?P<label>[a-z0-9\-]{4,})\.(?:com?|net|org|[a-z]{2})(?:\.[a-z]{2})?\b"
)
_NOT_NAMES = (
    "total", "subtotal", "tax", "change", "date", "time", "phone", "tax_id", "receipt_number", "invoice", "staff",
    "thanks", "card_slip", "quantity", "refund", "cash", "card",
)  # fmt: skip
_MIN_LETTERS = 3
_MAX_DIGITS = 0.3  # share of digits in a name
_MAX_ROWS = 6  # brands further down are products
_MIN_SCORE = 2.0
_HEIGHT = FEATURES.index("height")
_PER_ROW = 0.12


@dataclass(frozen=True)
class NameCandidate:
    """A line that may be the company.

    Attributes:
        place: The segment, by its place in reading order.
        start: First character of the name in the document's text.
        end: End of the name in the document's text.
        score: Sum of its reasons; `find_company_name` answers from 2 on.
    """

    place: int
    start: int
    end: int
    score: float


def find_company_name(document: Document) -> NameCandidate | None:
    """Return the line that is most likely the company's name; None if no line has good reasons."""
    best = max(_candidates(document), key=lambda one: one.score, default=None)
    return best if best is not None and best.score >= _MIN_SCORE else None


def find_legal_forms(text: str) -> Iterator[PhraseMatch]:
    """Yield the legal forms in a text, also where an O was read as a zero."""
    return LEGAL_FORMS.find(_ROUND.sub(lambda match: match.group().replace("0", "o"), text))


def find_site_names(folded: str) -> set[str]:
    """Return the names in the web addresses of a folded text, letters and digits only: myshop of www.my-shop.de."""
    return {_letters(match["label"]) for match in _DOMAIN.finditer(folded)}


def _candidates(document: Document) -> Iterator[NameCandidate]:
    labels = find_site_names(fold(document.text))
    texts = [document.segment_text(place) for place in range(len(document.order))]
    repeats = Counter(_letters(text) for text in texts)
    country = infer_country(document.text).code
    for place, text in enumerate(texts):
        row = int(document.row[place])
        brand = _leading_brand(text) if row < _MAX_ROWS else None
        # A number after a brand is the branch's.
        name = text[: brand.end] if brand is not None and not any(map(str.isalpha, text[brand.end :])) else text
        if _is_other_print(name):
            continue
        start = int(document.start[place])
        letters = _letters(name)
        score = max(1.0 - _PER_ROW * row, -2.0)
        score += 0.8 * float(np.clip(document.features[start, _HEIGHT] / np.log(2.0), -1.0, 1.5))
        score += 0.7 * (repeats[_letters(text)] > 1) + 2.0 * (letters in labels) + 2.0 * _ends_in_legal_form(name)
        if brand is not None:
            is_most = 2 * sum(map(str.isalnum, text[brand.start : brand.end])) > len(letters)
            score += (2.0 if is_most else 1.0) + 0.5 * (country in brand.countries)
        yield NameCandidate(place, start, start + len(name.rstrip()), score)


def _leading_brand(text: str) -> BrandMatch | None:
    return next((one for one in find_brands(text) if not text[: one.start].strip(" .,*-:")), None)


def _is_other_print(text: str) -> bool:
    """Return whether a line is a number, an amount, a date or an announcement of one and so is not a name."""
    letters = sum(character.isalpha() for character in text)
    digits = sum(character.isdigit() for character in text)
    if letters < _MIN_LETTERS or digits > _MAX_DIGITS * (letters + digits):
        return True
    if find_amounts(text) or find_dates(text) or _DOMAIN.search(fold(text)):
        return True
    concepts = find_concepts(text)
    return any(concept in concepts for concept in _NOT_NAMES)


def _ends_in_legal_form(text: str) -> bool:
    return any(not any(map(str.isalnum, text[match.end :])) for match in find_legal_forms(text) if match.start)


def _letters(text: str) -> str:
    return "".join(character for character in fold(text) if character.isalnum())
