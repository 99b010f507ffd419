"""An invoice in XML inside a document: what it says by the European standard EN 16931-1."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.codes import DECIMAL, CodeTax

_DATE = r"^\d{4}-\d{2}-\d{2}$"


class EInvoiceItem(Contract):
    """A line of an embedded invoice; amounts without tax, decimal numbers with a point."""

    description: str | None = Field(default=None, max_length=500, examples=["Printer paper A4"])
    quantity: str | None = Field(default=None, pattern=DECIMAL, examples=["2"])
    unit: str | None = Field(
        default=None,
        max_length=10,
        description="Symbol of the unit, otherwise its code of UN/ECE Recommendation 20; null for pieces.",
        examples=["kg"],
    )
    unit_price: str | None = Field(default=None, pattern=DECIMAL, examples=["4.50"])
    amount: str | None = Field(default=None, pattern=DECIMAL, examples=["9.00"])
    code: str | None = Field(
        default=None, max_length=100, description="Number of the item.", examples=["4012345678901"]
    )


class EInvoice(Contract):
    """What an embedded invoice says; null for what it does not say. Amounts are decimal numbers with a point."""

    syntax: Literal["cii", "ubl"] = Field(
        description="cii: UN/CEFACT Cross Industry Invoice, as in Factur-X and ZUGFeRD; ubl: OASIS Universal Business "
        "Language 2.1. XRechnung may be either.",
        examples=["cii"],
    )
    specification: str | None = Field(
        default=None, max_length=300, description="What it follows.", examples=["urn:cen.eu:en16931:2017"]
    )
    document_type: Literal["invoice", "refund"] = Field(default="invoice", description="refund: a credit note.")
    receipt_number: str | None = Field(default=None, max_length=200, examples=["RE-2025-0471"])
    date: str | None = Field(default=None, pattern=_DATE, description="Of issue.", examples=["2025-11-25"])
    due_date: str | None = Field(default=None, pattern=_DATE, examples=["2025-12-09"])
    seller: str | None = Field(default=None, max_length=300, examples=["Sample Office Supplies GmbH"])
    street: str | None = Field(default=None, max_length=500, description="Of the seller.", examples=["Hauptstr. 1"])
    postal_code: str | None = Field(default=None, max_length=50, examples=["10115"])
    city: str | None = Field(default=None, max_length=200, examples=["Berlin"])
    country: str | None = Field(default=None, pattern="^[A-Z]{2}$", description="ISO 3166.", examples=["DE"])
    tax_id: str | None = Field(default=None, max_length=50, description="Of the seller.", examples=["DE136695976"])
    phone: str | None = Field(default=None, max_length=100, examples=["+49 30 901820"])
    buyer: str | None = Field(default=None, max_length=300, examples=["Sample Company AG"])
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$", description="ISO 4217.", examples=["EUR"])
    subtotal: str | None = Field(
        default=None, pattern=DECIMAL, description="All items, without tax.", examples=["9.00"]
    )
    discount: str | None = Field(default=None, pattern=DECIMAL, description="On the whole invoice.")
    charge: str | None = Field(default=None, pattern=DECIMAL, description="On the whole invoice, such as freight.")
    tax: str | None = Field(default=None, pattern=DECIMAL, description="All taxes together.", examples=["1.71"])
    total: str | None = Field(default=None, pattern=DECIMAL, description="With tax.", examples=["10.71"])
    paid: str | None = Field(default=None, pattern=DECIMAL, description="Paid before.")
    due: str | None = Field(default=None, pattern=DECIMAL, description="What is to be paid.", examples=["10.71"])
    taxes: list[CodeTax] = Field(default=[], max_length=100, description="One row per rate.")
    items: list[EInvoiceItem] = Field(default=[], max_length=1_000)
    payment_means: str | None = Field(
        default=None, max_length=10, description="Code of UN/EDIFACT 4461, such as 58 for a SEPA credit transfer."
    )
    card_last4: str | None = Field(default=None, pattern=r"^\d{4}$")
    identifiers: dict[str, str] = Field(
        default={}, description="By which the invoice can be paid.", examples=[{"iban": "DE02120300000000202051"}]
    )
