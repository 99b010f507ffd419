"""Measures of what photographs say beyond the four fields: subtotal, tax, time, phone and items.

The labels of WildReceipt name segments. A field is right if one of its segments says the same: an amount of the same
value, a time of the same minute, a telephone number with the same digits. An item is right if its amount is and its
description has an edit similarity of at least 0.8, both without spaces and case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from quittance.evaluation.records import LabeledLine, Record
from shared.contracts import AmountField, PhoneField, ReceiptField, TimeField
from shared.measures.matches import Matches
from shared.measures.wild import pack_text, stack_quads
from shared.normalization.times import TIME, to_iso_time
from shared.reading_order import group_rows, straighten

DETAILS = {"subtotal": "Subtotal_value", "tax": "Tax_value", "time": "Time_value", "phone": "Tel_value"}
"""The label of each field."""
SIMILAR = 0.8
"""Minimum edit similarity of the description of a right item."""
_NAME, _PRICE = "Prod_item_value", "Prod_price_value"
# Shorter numbers are parts of others by accident.
_MIN_PHONE_DIGITS = 6


class LabeledItem(NamedTuple):
    """An item of a receipt: its description and its amount as labeled."""

    description: str
    amount: Decimal


def score_details(records: Sequence[Record]) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 of each field of `DETAILS` and of `items`."""
    fields = {name: sum((compare_detail(record, name) for record in records), Matches()) for name in DETAILS}
    items = sum((compare_items(record) for record in records), Matches())
    return {name: matches.to_dict() for name, matches in {**fields, "items": items}.items()}


def compare_detail(record: Record, name: str) -> Matches:
    """Compare one field of one receipt; labels that say nothing (a time without digits) do not count."""
    accepted = find_labels(record, name)
    field: ReceiptField | None = getattr(record.fields, name)
    right = field is not None and any(_is_same(field, text) for text in accepted)
    if not right and name == "tax" and isinstance(field, AmountField) and len(accepted) > 1:
        # Several taxes add up to the tax.
        amounts = [amount for text in accepted if (amount := _parse_amount(text)) is not None]
        right = _parse_amount(field.amount or "") == sum(amounts)
    return Matches(matched=int(right), labeled=int(bool(accepted)), answered=int(field is not None))


def find_labels(record: Record, name: str) -> list[str]:
    """Return the labeled texts of a field that can be compared."""
    is_usable: Callable[[str], object] = {"time": _parse_time, "phone": _digits}.get(name, _parse_amount)
    texts = [line.text for line in record.labels if line.label == DETAILS[name]]
    return [text for text in texts if is_usable(text) not in (None, "")]


def compare_items(record: Record) -> Matches:
    """Compare the items of one receipt, one to one."""
    labeled = collect_items(record.labels)
    found = [
        (item.description.value if item.description else "", _parse_amount(item.amount.amount))
        for item in (record.receipt.items if record.receipt else [])
        if item.amount is not None and item.amount.amount is not None
    ]
    open_items = list(labeled)
    matched = 0
    for description, amount in found:
        fitting = [one for one in open_items if one.amount == amount]
        best = max(fitting, key=lambda one: _similarity(one.description, description), default=None)
        if best is not None and _similarity(best.description, description) >= SIMILAR:
            open_items.remove(best)
            matched += 1
    return Matches(matched=matched, labeled=len(labeled), answered=len(found))


def collect_items(lines: Iterable[LabeledLine]) -> list[LabeledItem]:
    """Collect the items of a receipt: descriptions and the amount at the end of their row, or of the next row."""
    own = [line for line in lines if line.label in (_NAME, _PRICE)]
    if not own:
        return []
    items: list[LabeledItem] = []
    waiting = ""
    for row in group_rows(straighten(stack_quads([line.quad for line in own]).astype(np.float32))):
        names = "".join(own[index].text for index in row if own[index].label == _NAME)
        prices = [own[index].text for index in row if own[index].label == _PRICE]
        amount = _parse_amount(prices[-1]) if prices else None
        if amount is None:
            waiting = names
        else:
            if names or waiting:
                items.append(LabeledItem(names or waiting, amount))
            waiting = ""
    return items


def _is_same(field: ReceiptField, label: str) -> bool:
    if isinstance(field, AmountField):
        return field.amount is not None and _parse_amount(field.amount) == _parse_amount(label)
    if isinstance(field, TimeField):
        return field.iso is not None and field.iso[:5] == _parse_time(label)
    if isinstance(field, PhoneField):
        given, wanted = _digits(field.value), _digits(label)
        return min(len(given), len(wanted)) >= _MIN_PHONE_DIGITS and (given in wanted or wanted in given)
    return pack_text(field.value) == pack_text(label)


def _similarity(first: str, second: str) -> float:
    return Levenshtein.normalized_similarity(pack_text(first), pack_text(second))


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _parse_time(text: str) -> str | None:
    """Return the hours and minutes of a labeled time such as `07:33PM`."""
    match = TIME.search(text)
    iso = to_iso_time(match) if match is not None else None
    return iso[:5] if iso else None


def _parse_amount(text: str) -> Decimal | None:
    """Return the number in a labeled amount such as `$1,052.15` or `2.99B`; None if it does not have exactly one."""
    digits = "".join(character for character in text if character.isdigit() or character in ".,-").strip(",.")
    head, comma, cents = digits.rpartition(",")
    if comma and "." not in cents and len(cents) != 3:
        digits = f"{head.replace('.', '')}.{cents}"
    try:
        return Decimal(digits.replace(",", ""))
    except InvalidOperation:
        return None
