"""What people correct on a receipt."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from quittance_client.models.base import FieldName, Model
from quittance_client.models.fields import Check


class FieldChange(Model):
    """New value of a field.

    Attributes:
        value: Text of the field, 1 to 1,000 characters.
        lines: Indices in `Receipt.lines` of the segments that were chosen.
    """

    value: str
    lines: list[int] = []


class SubItemChange(Model):
    """An extra or a choice of an item; None for parts that it does not have."""

    description: str | None = None
    quantity: str | None = None
    unit_price: str | None = None
    amount: str | None = None


class ItemChange(SubItemChange):
    """A line item; None for parts that it does not have."""

    unit: str | None = None
    code: str | None = None
    discount: str | None = None
    sub_items: list[SubItemChange] = []


class TaxRowChange(Model):
    """A row of the tax summary; None for parts that it does not have."""

    rate: str | None = None
    base: str | None = None
    amount: str | None = None


PropertyName = Literal["country", "currency", "language", "document_type"]


class CorrectionRequest(Model):
    """Changes to a receipt; what is not named stays as it is.

    Attributes:
        fields: New values; None means that the field is not on the receipt.
        items: All items, which replace those that were read; None leaves them unchanged.
        taxes: All rows of the tax summary; None leaves them unchanged.
        properties: Country (ISO 3166), currency (ISO 4217), language (ISO 639) and document type; None if the receipt
            does not show it.
        author: Name of the person who corrects, 1 to 200 characters; ignored with an API key.
    """

    fields: dict[FieldName, FieldChange | None] = {}
    items: list[ItemChange] | None = None
    taxes: list[TaxRowChange] | None = None
    properties: dict[PropertyName, str | None] = {}
    author: str | None = None


class FieldCorrection(Model):
    """Correction of one field.

    Attributes:
        value: Corrected text; None if the field is not on the receipt.
        iso: ISO 8601 form of a date or time.
        amount: Decimal form of an amount.
        currency: ISO 4217 code of an amount.
        e164: ITU E.164 form of a phone number.
        country: ISO 3166 code of the country of an address or a tax ID.
        street: Street, house number, building and quarter of an address.
        postal_code: Postal code of an address.
        city: City of an address.
        method: cash, card, wallet or voucher.
        last4: Last four digits of a card.
        model_value: Text that the models returned; None if they found nothing.
        lines: Indices in `Receipt.lines` of the segments that were chosen.
        author: Name of the API key or, without one, of the person who corrected.
        at: Time of the correction.
    """

    value: str | None
    iso: str | None = None
    amount: str | None = None
    currency: str | None = None
    e164: str | None = None
    country: str | None = None
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    method: str | None = None
    last4: str | None = None
    model_value: str | None
    lines: list[int] = []
    author: str | None = None
    at: datetime


class CorrectedPart(Model):
    """A part of a corrected item, and its normalized form."""

    value: str
    number: str | None = None
    amount: str | None = None
    currency: str | None = None


class CorrectedSubItem(Model):
    """A corrected extra or choice."""

    description: CorrectedPart | None = None
    quantity: CorrectedPart | None = None
    unit_price: CorrectedPart | None = None
    amount: CorrectedPart | None = None


class CorrectedItem(CorrectedSubItem):
    """A corrected item."""

    unit: CorrectedPart | None = None
    code: CorrectedPart | None = None
    discount: CorrectedPart | None = None
    sub_items: list[CorrectedSubItem] = []


class ItemsCorrection(Model):
    """All items as corrected by a person."""

    items: list[CorrectedItem]
    author: str | None = None
    at: datetime


class CorrectedTaxRow(Model):
    """A corrected row of the tax summary."""

    rate: CorrectedPart | None = None
    base: CorrectedPart | None = None
    amount: CorrectedPart | None = None


class TaxesCorrection(Model):
    """The tax summary as corrected by a person."""

    taxes: list[CorrectedTaxRow]
    author: str | None = None
    at: datetime


class PropertyCorrection(Model):
    """A corrected country, currency, language or document type; `value` is None if the receipt does not show it."""

    value: str | None
    model_value: str | None = None
    author: str | None = None
    at: datetime


class Corrections(Model):
    """All corrections of one receipt.

    Attributes:
        receipt_id: ID of the receipt.
        fields: Corrected fields.
        items: Corrected items; None if they are not corrected.
        taxes: Corrected tax summary; None if it is not corrected.
        properties: Corrected country, currency, language and document type.
        checks: Arithmetic on the amounts, with the corrections.
    """

    receipt_id: str
    fields: dict[FieldName, FieldCorrection] = {}
    items: ItemsCorrection | None = None
    taxes: TaxesCorrection | None = None
    properties: dict[PropertyName, PropertyCorrection] = {}
    checks: list[Check] = []
