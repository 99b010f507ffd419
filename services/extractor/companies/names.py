"""What stands beside the name of a company on its lines and does not belong to it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from services.extractor.encoding import Document
from services.extractor.merchants import Directory, letters
from services.extractor.spans import Span

_CAPTION = re.compile(r"[^:]*[^\W\d_]{2}\s?:[\s-]*(?=\w)")
_EMPTY_BRACKETS = re.compile(r"\s*[(\[]\W*[)\]]\W*$")
_WORDS_IN_BRACKETS = re.compile(r"\s*\([^()\d]{4,}\)\s*")
_SHOP_NUMBER = re.compile(r"#\s?\d+\W*$")
_MARK = re.compile(r"\W*\w{1,3}\W+(?=\w)")


def without_caption(document: Document, span: Span) -> Span:
    """Remove what announces a company: "Owned by: CHEF LEE SDN BHD", "FACEBOOK : YAM FRESH".

    Of the training labels, one has a colon; three leave out what precedes a colon on the same line.
    """
    first = span.parts[0]
    text = document.text[first.start : first.end]
    caption = _CAPTION.match(text)
    # In "Grill No: 11" the number is that of the shop.
    if caption is None or not any(map(str.isalpha, text[caption.end() :])):
        return span
    return replace(span, parts=(replace(first, start=first.start + caption.end()), *span.parts[1:]))


def without_branch(document: Document, span: Span) -> Span:
    """Remove the rows below the number of a shop: "BAKERY #88", and below it the place of the branch."""
    for number, (part, following) in enumerate(pairwise(span.parts), start=1):
        is_below = document.row[following.place] > document.row[part.place]
        if is_below and _SHOP_NUMBER.search(document.text[part.start : part.end]):
            return replace(span, parts=span.parts[:number])
    return span


def precedes_brackets(document: Document, span: Span) -> bool:
    """Return whether the row below a company is a text in brackets, which may be a part of its name or its branch."""
    last = span.parts[-1].place
    following = last + 1
    if following >= len(document.order) or document.row[following] != document.row[last] + 1:
        return False
    return bool(_WORDS_IN_BRACKETS.fullmatch(document.segment_text(following)))


def without_empty_brackets(document: Document, span: Span) -> Span:
    """Remove brackets without text at the end of a company ("SPAR ()"): a mark or a number that was not read."""
    last = span.parts[-1]
    brackets = _EMPTY_BRACKETS.search(document.text[last.start : last.end])
    if brackets is None or not brackets.start():
        return span
    return replace(span, parts=(*span.parts[:-1], replace(last, end=last.start + brackets.start())))


def without_mark(document: Document, span: Span, directory: Directory) -> Span:
    """Leave out a first word of a few letters where the rest is a known company: a mark that was read as letters."""
    first = span.parts[0]
    mark = _MARK.match(document.text[first.start : first.end])
    if mark is None or letters(span.text(document)) in directory.keys("company"):
        return span
    rest = replace(span, parts=(replace(first, start=first.start + mark.end()), *span.parts[1:]))
    return rest if letters(rest.text(document)) in directory.keys("company") else span
