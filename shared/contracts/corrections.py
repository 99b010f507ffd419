"""What people correct on a receipt: fields, and the table of items."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from shared.contracts.base import AnyFieldName, Contract
from shared.contracts.extraction import Check

_Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class FieldChange(Contract):
    """A field as corrected by a person."""

    value: _Text = Field(examples=["BOOK TA .K (TAMAN DAYA) SDN BHD"])
    lines: list[int] = Field(default=[], max_length=100, description="Indices of the chosen segments in `lines`.")


class SubItemChange(Contract):
    """An extra or a choice of an item as corrected by a person; null for parts that it does not have."""

    description: _Text | None = Field(default=None, examples=["+EXTRA MILK"])
    quantity: _Text | None = Field(default=None, examples=["1"])
    unit_price: _Text | None = Field(default=None, examples=["0.50"])
    amount: _Text | None = Field(default=None, examples=["0.50"])


class ItemChange(SubItemChange):
    """A line item as corrected by a person; null for parts that it does not have."""

    description: _Text | None = Field(default=None, examples=["TEH TARIK"])
    unit: _Text | None = Field(default=None, examples=[None])
    code: _Text | None = Field(default=None, examples=[None])
    discount: _Text | None = Field(default=None, examples=[None])
    sub_items: list[SubItemChange] = Field(default=[], max_length=100)


class TaxRowChange(Contract):
    """A row of the tax summary as corrected by a person; null for parts that it does not have."""

    rate: _Text | None = Field(default=None, description="Percent.", examples=["6"])
    base: _Text | None = Field(default=None, examples=["13.00"])
    amount: _Text | None = Field(default=None, examples=["0.78"])


PropertyName = Literal["country", "currency", "language", "document_type"]
"""What is inferred about a whole receipt."""


class CorrectionRequest(Contract):
    """A person's corrections of a receipt; what is not named stays unchanged."""

    fields: dict[AnyFieldName, FieldChange | None] = Field(
        default={},
        description="null if the field is not on the receipt.",
        examples=[{"company": {"value": "BOOK TA .K (TAMAN DAYA) SDN BHD"}, "total": None}],
    )
    items: list[ItemChange] | None = Field(
        default=None,
        max_length=1_000,
        description="All items of the receipt, which replace those that were read; null leaves them unchanged.",
        examples=[[{"description": "TEH TARIK", "quantity": "2", "amount": "8.00"}]],
    )
    taxes: list[TaxRowChange] | None = Field(
        default=None,
        max_length=100,
        description="All rows of the tax summary, which replace those that were read; null leaves them unchanged.",
        examples=[[{"rate": "6", "base": "13.00", "amount": "0.78"}]],
    )
    properties: dict[PropertyName, _Text | None] = Field(
        default={},
        description="Codes of the country (ISO 3166), currency (ISO 4217) and language (ISO 639), and the document "
        "type; null if the receipt does not show it.",
        examples=[{"country": "MY", "currency": "MYR"}],
    )
    author: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Name of the person. Ignored if the request has an API key, whose name is stored instead.",
        examples=["Bookkeeping"],
    )

    @model_validator(mode="after")
    def _require_change(self) -> CorrectionRequest:
        if not self.fields and not self.properties and self.items is None and self.taxes is None:
            raise ValueError("name at least one of the fields or properties, items or taxes")
        return self


class FieldCorrection(Contract):
    """A corrected field, with the value of the model."""

    value: str | None = Field(description="null if the field is not on the receipt.", examples=["25/12/2018"])
    iso: str | None = Field(default=None, description="Date or time in ISO 8601.", examples=["2018-12-25"])
    amount: str | None = Field(default=None, description="Amount as a decimal number with a point.")
    currency: str | None = Field(default=None, description="Currency of the amount, ISO 4217; null if unknown.")
    e164: str | None = Field(default=None, description="Phone number in ITU E.164; null if its country is unknown.")
    country: str | None = Field(
        default=None, description="Country of an address or a tax ID, ISO 3166; null if unknown."
    )
    street: str | None = Field(default=None, description="Street, house number, building and quarter of an address.")
    postal_code: str | None = Field(default=None, description="Postal code of an address.")
    city: str | None = Field(default=None, description="City of an address.")
    method: str | None = Field(default=None, description="Method of payment: cash, card, wallet or voucher.")
    last4: str | None = Field(default=None, description="Last four digits of a card.")
    model_value: str | None = Field(description="Value of the model; null if it found none.", examples=["25/12/2013"])
    lines: list[int] = Field(default=[], description="Indices of the chosen segments in `lines`.")
    author: str | None = Field(
        default=None, description="Name of the API key or, without one, of the person; null if not given."
    )
    at: AwareDatetime = Field(examples=["2026-11-25T09:30:00Z"])


class CorrectedPart(Contract):
    """A part of an item as entered by a person, and its normalized form."""

    value: str = Field(examples=["8.00"])
    number: str | None = Field(default=None, description="A quantity as a decimal number with a point.")
    amount: str | None = Field(default=None, description="An amount as a decimal number with a point.")
    currency: str | None = Field(default=None, description="Currency of the amount, ISO 4217; null if unknown.")


class CorrectedSubItem(Contract):
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
    sub_items: list[CorrectedSubItem] = Field(default=[])


class ItemsCorrection(Contract):
    """The items of a receipt as corrected by a person."""

    items: list[CorrectedItem] = Field(description="All items; empty if the receipt has none.")
    author: str | None = Field(default=None, description="As of a field.")
    at: AwareDatetime = Field(examples=["2026-11-25T09:30:00Z"])


class CorrectedTaxRow(Contract):
    """A corrected row of the tax summary."""

    rate: CorrectedPart | None = None
    base: CorrectedPart | None = None
    amount: CorrectedPart | None = None


class TaxesCorrection(Contract):
    """The tax summary of a receipt as corrected by a person."""

    taxes: list[CorrectedTaxRow] = Field(description="All rows; empty if the receipt has none.")
    author: str | None = Field(default=None, description="As of a field.")
    at: AwareDatetime = Field(examples=["2026-11-25T09:30:00Z"])


class PropertyCorrection(Contract):
    """A corrected country, currency, language or document type."""

    value: str | None = Field(description="null if the receipt does not show it.", examples=["MY"])
    model_value: str | None = Field(default=None, description="Value of the model.", examples=["SG"])
    author: str | None = Field(default=None, description="As of a field.")
    at: AwareDatetime = Field(examples=["2026-11-25T09:30:00Z"])


class Corrections(Contract):
    """All corrections of one receipt."""

    receipt_id: str = Field(pattern="^[0-9a-f]{32}$", examples=["b1946ac92492d2347c6235b4d2611184"])
    fields: dict[AnyFieldName, FieldCorrection] = Field(default={})
    items: ItemsCorrection | None = Field(default=None, description="null if the items are not corrected.")
    taxes: TaxesCorrection | None = Field(default=None, description="null if the tax summary is not corrected.")
    properties: dict[PropertyName, PropertyCorrection] = Field(
        default={}, description="Corrected country, currency, language and document type."
    )
    checks: list[Check] = Field(
        default=[], description="Arithmetic on the amounts, and other evidence, with the corrections."
    )
