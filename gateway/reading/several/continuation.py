"""Tell whether the pages of a document are one long bill or separate receipts, by what was read on each page.

Pages belong together if they are numbered as one document, show the same receipt number, or if only one of them has a
total and nothing contradicts. Two pages with totals of their own are separate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.contracts import Fields, Receipt

# "2/3", "2 of 3", "Seite 2 von 3": two small numbers with a stroke or a short word between them. Dates have more.
_NUMBERED = re.compile(r"(?<![\d/.,-])(\d{1,2})\s*(?:/|[^\W\d_]{1,4})\s*(\d{1,2})(?![\d/.,-])")
# A longer line is a sentence or an item.
_MAX_NUMBERED_LENGTH = 24
_MIN_CONFIDENCE = 0.5


def group_pages(receipts: Sequence[Receipt]) -> list[list[int]]:
    """Group the pages of a document into receipts.

    Args:
        receipts: What was read on each page, in order.

    Returns:
        Indices of the pages of each receipt, in order.
    """
    groups: list[list[int]] = []
    for index, receipt in enumerate(receipts):
        if groups and _continues([receipts[one] for one in groups[-1]], receipt):
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _continues(before: Sequence[Receipt], page: Receipt) -> bool:
    """Return whether a page continues the pages before it."""
    if _shows_several(before[-1]) or _shows_several(page):
        return False
    if _is_numbered_on(before[-1], page):
        return True
    earlier, here = [receipt.fields for receipt in before], page.fields
    numbers = {number for fields in earlier if (number := _get_number(fields)) is not None}
    number = _get_number(here)
    if numbers and number is not None:
        return number in numbers
    if any(_has_total(fields) for fields in earlier) and _has_total(here):
        return False
    dates = {date for fields in earlier if (date := _get_date(fields)) is not None}
    date = _get_date(here)
    return date is None or not dates or date in dates


def _shows_several(receipt: Receipt) -> bool:
    return any(page.receipts for page in receipt.pages)


def _is_numbered_on(before: Receipt, page: Receipt) -> bool:
    """Return whether two pages are numbered k and k + 1 of the same count."""
    following = {(number + 1, count) for number, count in _find_page_numbers(before)}
    return bool(following & _find_page_numbers(page))


def _find_page_numbers(receipt: Receipt) -> set[tuple[int, int]]:
    found = set()
    for line in receipt.lines:
        text = line.text.strip()
        if len(text) > _MAX_NUMBERED_LENGTH or line.confidence < _MIN_CONFIDENCE:
            continue
        for match in _NUMBERED.finditer(text):
            number, count = int(match[1]), int(match[2])
            if 1 <= number <= count and count >= 2:
                found.add((number, count))
    return found


def _has_total(fields: Fields) -> bool:
    return fields.total is not None and fields.total.amount is not None


def _get_number(fields: Fields) -> str | None:
    return None if fields.receipt_number is None else fields.receipt_number.value


def _get_date(fields: Fields) -> str | None:
    return None if fields.date is None else fields.date.iso
