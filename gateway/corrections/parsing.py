"""The forms in which corrections are stored: one JSON text per field, property, and table."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.corrections.items import ITEMS, TAXES
from gateway.corrections.properties import PROPERTIES
from shared.contracts import Corrections, FieldCorrection, ItemsCorrection, PropertyCorrection, TaxesCorrection

Correction = FieldCorrection | ItemsCorrection | TaxesCorrection | PropertyCorrection
Changes = Mapping[str, Correction]
"""Corrections by name of the field or property, `ITEMS` or `TAXES`."""


def parse_corrections(receipt_id: str, stored: Mapping[str, str]) -> Corrections | None:
    """Return the corrections of a receipt from their JSON texts by name; None without any.

    Raises:
        pydantic.ValidationError: If a text is damaged.
    """
    if not stored:
        return None
    items, taxes = stored.get(ITEMS), stored.get(TAXES)
    return Corrections(
        receipt_id=receipt_id,
        fields={
            name: FieldCorrection.model_validate_json(text)
            for name, text in stored.items()
            if name not in (ITEMS, TAXES, *PROPERTIES)
        },
        items=ItemsCorrection.model_validate_json(items) if items is not None else None,
        taxes=TaxesCorrection.model_validate_json(taxes) if taxes is not None else None,
        properties={
            name: PropertyCorrection.model_validate_json(stored[name]) for name in PROPERTIES if name in stored
        },
    )
