"""Line items as the API answers them."""

from __future__ import annotations

import re

from services.extractor.amounts.separators import is_shown, separate
from services.extractor.details.reading import Reading
from services.extractor.items import Item, ItemPart, SubItem, find_items
from shared import contracts
from shared.contracts import AmountField, NumberField, ReceiptField
from shared.normalization import NumberFormat, currency, find_amounts

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


def items_of(reading: Reading) -> list[contracts.Item]:
    """Return the items of a receipt; none if the network does not tell them."""
    if not reading.knows_everything:
        return []
    return [
        contracts.Item(
            **_parts(reading, item),
            unit=_text(reading, item.unit),
            code=_text(reading, item.code),
            discount=_amount(reading, item.discount),
            sub_items=[contracts.SubItem(**_parts(reading, one)) for one in item.sub_items],
        )
        for item in find_items(reading.document, reading.scores)
        if item.description is not None or item.amount is not None
    ]


def _parts(reading: Reading, item: Item | SubItem) -> dict[str, ReceiptField | None]:
    return {
        "description": _text(reading, item.description),
        "quantity": _number(reading, item.quantity),
        "unit_price": _amount(reading, item.unit_price),
        "amount": _amount(reading, item.amount),
    }


def _base(reading: Reading, part: ItemPart) -> dict[str, object]:
    places = [one.place for one in part.parts]
    lengths = [(one.place, one.end - one.start) for one in part.parts]
    return {
        "value": part.text,
        "confidence": min(part.score, 0.999) * reading.source.reading(lengths),
        **reading.where(*places),
    }


def _text(reading: Reading, part: ItemPart | None) -> ReceiptField | None:
    return None if part is None else ReceiptField.model_validate(_base(reading, part))


def _number(reading: Reading, part: ItemPart | None) -> NumberField | None:
    if part is None:
        return None
    match = _NUMBER.search(part.text)
    number = match.group().replace(",", ".") if match else None
    return NumberField.model_validate(_base(reading, part) | {"number": number})


def _amount(reading: Reading, part: ItemPart | None) -> AmountField | None:
    if part is None:
        return None
    restored = [match for *_, match in separate(part.text, reading.number_format)] if reading.separated else []
    shown = [match for match in restored if is_shown(match.amount, reading.separated)]
    # The network says that it is an amount, so a whole number is one.
    whole = NumberFormat("", 0)
    found = shown or find_amounts(part.text, reading.number_format) or find_amounts(part.text, whole)
    sign = found[0].sign if found else ""
    forms = {
        "amount": str(found[0].amount) if found else None,
        "currency": currency(sign, reading.document.text, reading.default_country),
    }
    return AmountField.model_validate(_base(reading, part) | forms)
