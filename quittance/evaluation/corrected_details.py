"""What a corrected receipt says beyond the four fields, as labels to train on: texts by class of the extractor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.corrections.corrected import get_items
from shared.contracts import (
    ADDITIONAL_FIELD_NAMES,
    Corrections,
    FieldCorrection,
    Inference,
    Item,
    PropertyName,
    Receipt,
    ReceiptField,
    SubItem,
)

# The class of what was paid, by the method of payment; without a method it is not known which one it is.
_PAID = {"cash": "cash", "card": "card", "wallet": "wallet", "voucher": "other_payment"}


def collect_labels(receipt: Receipt, min_confidence: float) -> dict[str, Any]:
    """Collect the labels of a corrected receipt, in the form of `labels/KEY.json`.

    Args:
        receipt: The receipt with its corrections.
        min_confidence: Values without a correction count from this confidence on, 0 to 1.

    Returns:
        `country`, `language` and `currency`; `fields`, the texts of each class; and `items`, the texts of each class
        for every item, or None if an item is not sure.
    """
    corrected = receipt.corrections or Corrections(receipt_id=receipt.id)
    fields: dict[str, list[str]] = {}
    for name in ADDITIONAL_FIELD_NAMES:
        field = corrected.fields.get(name) or receipt.fields.get(name)
        if field is None or field.value is None or not _is_sure(field, min_confidence):
            continue
        kind = _find_class(name, receipt, corrected)
        if kind is not None:
            fields[kind] = [field.value]
    items = get_items(receipt)
    sure = corrected.items is not None or all(_is_sure(part, min_confidence) for item in items for part in _parts(item))
    return {
        "country": _get_sure(receipt, "country", receipt.country, min_confidence),
        "language": _get_sure(receipt, "language", receipt.language, min_confidence),
        "currency": _get_sure(receipt, "currency", receipt.currency, min_confidence),
        "fields": fields,
        "items": [_label_item(item) for item in items] if sure else None,
    }


def _find_class(name: str, receipt: Receipt, corrected: Corrections) -> str | None:
    if name != "paid":
        return name
    method = corrected.fields.get("payment_method") or receipt.fields.payment_method
    return _PAID.get(method.method or "") if method is not None else None


def _is_sure(field: ReceiptField | FieldCorrection, min_confidence: float) -> bool:
    return isinstance(field, FieldCorrection) or field.confidence >= min_confidence


def _get_sure(receipt: Receipt, name: PropertyName, inference: Inference | None, min_confidence: float) -> str | None:
    corrected = receipt.corrections.properties.get(name) if receipt.corrections is not None else None
    if corrected is not None:
        return corrected.value
    return inference.value if inference is not None and inference.confidence >= min_confidence else None


def _parts(item: Item) -> Iterable[ReceiptField]:
    for part in (item, *item.sub_items):
        yield from (field for _, field in part if isinstance(field, ReceiptField))


def _label_item(item: Item) -> dict[str, list[str]]:
    """Return the texts of an item by class; those of its sub-items follow each other."""
    labels: dict[str, list[str]] = {}
    for part, prefix in [(item, "item"), *((sub, "sub") for sub in item.sub_items)]:
        _add_parts(labels, part, prefix)
    return labels


def _add_parts(labels: dict[str, list[str]], part: SubItem, prefix: str) -> None:
    for name, field in part:
        if isinstance(field, ReceiptField):
            labels.setdefault(f"{prefix}_{name}", []).append(field.value)
