"""QR codes and barcodes."""

from __future__ import annotations

from typing import Literal

from quittance_client.models.base import Model, Quad

CodeFormat = Literal[
    "qr_code", "aztec", "ean_13", "ean_8", "upc_a", "upc_e", "code_128", "code_39", "itf",
]  # fmt: skip
FiscalStandard = Literal[
    "at-rksv", "br-cfe", "br-nfce", "cz-eet", "cz-qr-invoice", "de-tse", "gulf-zatca", "hr-fiscal", "in-gst",
    "it-lottery", "pt-atcud", "rs-suf", "sk-ekasa",
]  # fmt: skip
PaymentStandard = Literal["ch-qr-bill", "cz-spayd", "epc069-12", "in-upi", "sk-pay-by-square"]


class CodeTax(Model):
    """One tax rate in a code; decimal numbers with a point.

    Attributes:
        rate: Percent.
        base: Amount that is taxed.
        amount: The tax.
        gross: Base and tax.
    """

    rate: str | None = None
    base: str | None = None
    amount: str | None = None
    gross: str | None = None


class CodeContent(Model):
    """What a fiscal or payment code says; None for what it does not say. Signatures are not verified.

    Attributes:
        standard: Name of the standard, such as `at-rksv` or `epc069-12`.
        kind: `fiscal`: what was sold; `payment`: a request to pay an amount.
        country: ISO 3166 code.
        seller: Name of the seller.
        address: Address of the seller.
        tax_id: Tax number of the seller.
        receipt_number: Number of the receipt or invoice.
        date: ISO 8601 date.
        time: ISO 8601 time.
        total: Decimal number with a point.
        currency: ISO 4217 code.
        tax: All taxes together.
        taxes: One row per rate.
        identifiers: Other numbers, by their names in the standard.
    """

    standard: FiscalStandard | PaymentStandard
    kind: Literal["fiscal", "payment"]
    country: str | None = None
    seller: str | None = None
    address: str | None = None
    tax_id: str | None = None
    receipt_number: str | None = None
    date: str | None = None
    time: str | None = None
    total: str | None = None
    currency: str | None = None
    tax: str | None = None
    taxes: list[CodeTax] = []
    identifiers: dict[str, str] = {}


class Code(Model):
    """A QR code or barcode.

    Attributes:
        page: Index of the page, from 0.
        quad: Its outline.
        format: Kind of code, such as `qr_code` or `ean_13`.
        text: As encoded. Do not trust it, and do not open its links unasked.
        content: What a fiscal or payment code says; None for other codes.
    """

    page: int = 0
    quad: Quad
    format: CodeFormat
    text: str
    content: CodeContent | None = None
