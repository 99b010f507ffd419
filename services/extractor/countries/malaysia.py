"""Habits of Malaysian receipts and of the people who labeled them, counted on the training receipts of SROIE."""

from __future__ import annotations

import re

from services.extractor.encoding import Document
from services.extractor.spans import Part, Span, mean_probability
from shared.arrays import Floats

CODE = "MY"
"""ISO 3166."""

_LEGAL_FORM = re.compile(r"\b(?:SDN|BHD|S/B|ENTERPRISE|TRADING|LTD|INC|LLC)\b", re.IGNORECASE)
# A whole name with its legal form, after two words of which the first does not continue the line above (CO., &), or
# after a longer word and a branch in brackets.
_LEGAL_NAME = re.compile(
    r"(?:(?!CO\b)\w\S+\s.*\w{2}\S*\s|\w\S{3,}\s\(\w+\)\s)(?:SDN\.?\s?BHD|BERHAD|S/B)\b", re.IGNORECASE
)
# Maximum distance of the legal name below a brand, in segments.
_MAX_SEGMENTS_BELOW = 4
# After a word of four letters, or after a token with a digit (12, U5/N, 7/10A) and before a space.
_STOP_WITHIN = re.compile(r"(?<=[^\W\d_]{4})[.;](?=\s?\w)|(?<=\d)(?P<rest>[^\s.,;]{0,3})[.;](?=\s\w)")
_DOLLAR_IN_ADDRESS = re.compile(r"\$(?=\d)")


def take_legal_name(document: Document, span: Span, probability: Floats) -> Span:
    """Start a company at the line with a whole legal name, which is in the span or a few lines below it.

    Brands, branches and owners precede such a line. On the training receipts, labels leave them out in 30 of 34 cases
    where the network takes both (POPULAR BOOK / CO. (M) SDN BHD is not such a case). Of 291 receipts with a whole legal
    name, 249 have one as the company; the others are from only three merchants.

    Args:
        document: The receipt.
        span: The company according to the network.
        probability: (T,) probability of the company for each character.
    """
    for number, part in enumerate(span.parts):
        if number and _LEGAL_NAME.match(document.text[part.start : part.end]):
            return Span(span.parts[number:], span.score, span.doubt)
    if _LEGAL_FORM.search(span.text(document)):
        return span
    last = span.parts[-1].place
    for place in range(last + 1, min(last + 1 + _MAX_SEGMENTS_BELOW, len(document.order))):
        if name := _LEGAL_NAME.match(document.segment_text(place)):
            start = int(document.start[place])
            score = mean_probability(document, probability, start, start + name.end())
            return Span((Part(place, start, start + name.end(), score),), score, span.doubt)
    return span


def punctuate_address(address: str) -> str:
    """Correct what is often misread in addresses.

    A period or semicolon after a word or a number within the address becomes a comma: of 1,552 such places in the
    training labels, 1,534 have a comma. Short words keep their period, because they may be abbreviations (NO. 5, JLN.
    TUN); so does the end. A dollar sign before a digit becomes an S (S117), because addresses have no prices.
    """
    return _DOLLAR_IN_ADDRESS.sub("S", _STOP_WITHIN.sub(lambda found: f"{found['rest'] or ''},", address))
