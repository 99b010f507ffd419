"""Receipts with the corrected values instead of those that were read, and the checks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.corrections.properties import get_property as get_read_property
from gateway.evidence.corrected import check_corrected
from shared.arithmetic import check_arithmetic
from shared.contracts import (
    AmountField,
    Check,
    CorrectedItem,
    CorrectedPart,
    CorrectedSubItem,
    Corrections,
    DateField,
    FieldCorrection,
    Fields,
    Item,
    NumberField,
    PropertyName,
    Receipt,
    ReceiptField,
    SubItem,
    TaxRow,
)

_NOWHERE: Any = ((0, 0), (0, 0), (0, 0), (0, 0))
_PARTS: dict[str, type[ReceiptField]] = {"quantity": NumberField} | dict.fromkeys(
    ("unit_price", "amount", "discount"), AmountField
)

_TAX_PARTS: dict[str, type[ReceiptField]] = {"rate": NumberField, "base": AmountField, "amount": AmountField}


def check_corrections(receipt: Receipt, corrections: Corrections) -> Corrections:
    """Return corrections with the checks of the corrected receipt, by arithmetic and by what codes say."""
    return corrections.model_copy(update={"checks": _check(receipt, corrections)})


def get_items(receipt: Receipt) -> list[Item]:
    """Return the items of a receipt: the corrected ones if there are any, otherwise those that were read.

    A corrected item has a confidence of 1 and no place.
    """
    corrected = receipt.corrections.items if receipt.corrections is not None else None
    return receipt.items if corrected is None else _build_items(corrected.items)


def get_taxes(receipt: Receipt) -> list[TaxRow]:
    """Return the tax summary of a receipt: the corrected one if there is one, otherwise the one that was read."""
    corrected = receipt.corrections.taxes if receipt.corrections is not None else None
    if corrected is None:
        return receipt.taxes
    return [TaxRow(**{name: _build_part(part, _TAX_PARTS[name]) for name, part in row}) for row in corrected.taxes]


def get_property(receipt: Receipt, name: PropertyName) -> str | None:
    """Return country, currency, language or document type of a receipt: the corrected one if there is one."""
    corrected = receipt.corrections.properties.get(name) if receipt.corrections is not None else None
    return get_read_property(receipt, name) if corrected is None else corrected.value


def _build_part(part: CorrectedPart | None, kind: type[ReceiptField]) -> ReceiptField | None:
    if part is None:
        return None
    members = {"value", "number"} if kind is NumberField else {"value", "amount", "currency"}
    return kind.model_validate({"confidence": 1, "quad": _NOWHERE, "lines": []} | part.model_dump(include=members))


def _check(receipt: Receipt, corrections: Corrections) -> list[Check]:
    corrected = receipt.model_copy(update={"corrections": corrections})
    changes: dict[str, Any] = {
        name: _build_amount(field) for name, field in corrections.fields.items() if _is_amount(name)
    }
    if "date" in corrections.fields:
        changes["date"] = _build_date(corrections.fields["date"])
    fields = receipt.fields.model_copy(update=changes)
    arithmetic = check_arithmetic(fields, get_items(corrected), get_taxes(corrected))
    return [*arithmetic, *check_corrected(receipt, fields, corrections.fields)]


def _is_amount(name: str) -> bool:
    return "AmountField" in str(Fields.model_fields[name].annotation)


def _build_amount(field: FieldCorrection) -> AmountField | None:
    if field.value is None:
        return None
    return AmountField(
        value=field.value, confidence=1, quad=_NOWHERE, lines=[], amount=field.amount, currency=field.currency
    )


def _build_date(field: FieldCorrection) -> DateField | None:
    if field.value is None:
        return None
    return DateField(value=field.value, confidence=1, quad=_NOWHERE, lines=[], iso=field.iso)


def _build_items(items: Sequence[CorrectedItem]) -> list[Item]:
    return [
        Item(**_build_parts(item), sub_items=[SubItem(**_build_parts(sub_item)) for sub_item in item.sub_items])
        for item in items
    ]


def _build_parts(item: CorrectedSubItem) -> dict[str, Any]:
    return {
        name: _PARTS.get(name, ReceiptField).model_validate(
            {"confidence": 1, "quad": _NOWHERE, "lines": []} | _select(part, name)
        )
        for name, part in item
        if isinstance(part, CorrectedPart)
    }


def _select(part: CorrectedPart, name: str) -> dict[str, Any]:
    """Return the members of a part that a field of its kind has."""
    members = {"quantity": ("value", "number")} | dict.fromkeys(
        ("unit_price", "amount", "discount"), ("value", "amount", "currency")
    )
    return part.model_dump(include=set(members.get(name, ("value",))))
