"""Invoices in XML inside documents."""

from __future__ import annotations

from typing import Literal

from quittance_client.models.base import Model
from quittance_client.models.codes import CodeTax


class EInvoiceItem(Model):
    """A line of an embedded invoice; amounts without tax, decimal numbers with a point.

    Attributes:
        description: Name of the item.
        quantity: Number of units.
        unit: Symbol or code of the unit; None for pieces.
        unit_price: Price of one unit.
        amount: Amount of the line.
        code: Number of the item.
    """

    description: str | None = None
    quantity: str | None = None
    unit: str | None = None
    unit_price: str | None = None
    amount: str | None = None
    code: str | None = None


class EInvoice(Model):
    """What an embedded invoice says; None for what it does not say. Amounts are decimal numbers with a point.

    Attributes:
        syntax: `cii` (Factur-X, ZUGFeRD, XRechnung) or `ubl` (XRechnung, Peppol).
        specification: What it follows.
        document_type: `invoice`, or `refund` for a credit note.
        receipt_number: Number of the invoice.
        date: ISO 8601 date of issue.
        due_date: ISO 8601 date until which it is to be paid.
        seller: Name of the seller.
        street: Street of the seller.
        postal_code: Postal code of the seller.
        city: City of the seller.
        country: Country of the seller, ISO 3166.
        tax_id: Tax number of the seller.
        phone: Phone number of the seller.
        buyer: Name of the buyer.
        currency: ISO 4217 code.
        subtotal: All items, without tax.
        discount: Discount on the whole invoice.
        charge: Charges on the whole invoice, such as freight.
        tax: All taxes together.
        total: Total with tax.
        paid: What was paid before.
        due: What is to be paid.
        taxes: One row per rate.
        items: Line items.
        payment_means: Code of UN/EDIFACT 4461, such as 58 for a SEPA credit transfer.
        card_last4: Last four digits of the card that paid.
        identifiers: By which the invoice can be paid: `iban`, `bic`, `reference`.
    """

    syntax: Literal["cii", "ubl"]
    specification: str | None = None
    document_type: Literal["invoice", "refund"] = "invoice"
    receipt_number: str | None = None
    date: str | None = None
    due_date: str | None = None
    seller: str | None = None
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None
    tax_id: str | None = None
    phone: str | None = None
    buyer: str | None = None
    currency: str | None = None
    subtotal: str | None = None
    discount: str | None = None
    charge: str | None = None
    tax: str | None = None
    total: str | None = None
    paid: str | None = None
    due: str | None = None
    taxes: list[CodeTax] = []
    items: list[EInvoiceItem] = []
    payment_means: str | None = None
    card_last4: str | None = None
    identifiers: dict[str, str] = {}
