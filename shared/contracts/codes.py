"""QR codes and barcodes on a receipt, and what fiscal and payment codes say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.contracts.base import QUAD_EXAMPLE, Contract, Quad

CodeFormat = Literal[
    "qr_code", "aztec", "ean_13", "ean_8", "upc_a", "upc_e", "code_128", "code_39", "itf",
]  # fmt: skip
FiscalStandard = Literal[
    "at-rksv", "br-cfe", "br-nfce", "cz-eet", "cz-qr-invoice", "de-tse", "gulf-zatca", "hr-fiscal", "in-gst",
    "it-lottery", "pt-atcud", "rs-suf", "sk-ekasa",
]  # fmt: skip
PaymentStandard = Literal["ch-qr-bill", "cz-spayd", "epc069-12", "in-upi", "sk-pay-by-square"]

DECIMAL = r"^-?\d{1,15}(\.\d{1,4})?$"


class CodeTax(Contract):
    """One tax rate in a code; decimal numbers with a point."""

    rate: str | None = Field(default=None, description="Percent.", pattern=DECIMAL, examples=["20"])
    base: str | None = Field(default=None, description="The amount that is taxed.", pattern=DECIMAL, examples=["7.50"])
    amount: str | None = Field(default=None, description="The tax.", pattern=DECIMAL, examples=["1.50"])
    gross: str | None = Field(default=None, description="Base and tax.", pattern=DECIMAL, examples=["9.00"])


class CodeContent(Contract):
    """What a fiscal or payment code says; null for what it does not say.

    Check digits and checksums hold. Signatures are not verified: that needs the keys of the tax office.
    """

    standard: FiscalStandard | PaymentStandard = Field(examples=["at-rksv"])
    kind: Literal["fiscal", "payment"] = Field(
        description="fiscal: a till or a tax office states what was sold; payment: a request to pay an amount."
    )
    country: str | None = Field(default=None, description="ISO 3166.", examples=["AT"])
    seller: str | None = Field(default=None, max_length=300, examples=["Sample Bakery"])
    address: str | None = Field(default=None, max_length=500)
    tax_id: str | None = Field(default=None, max_length=50, description="Of the seller.", examples=["ATU12345675"])
    receipt_number: str | None = Field(default=None, max_length=200, examples=["83469"])
    date: str | None = Field(
        default=None, description="ISO 8601, local.", pattern=r"^\d{4}-\d{2}-\d{2}$", examples=["2025-11-25"]
    )
    time: str | None = Field(
        default=None, description="ISO 8601, local.", pattern=r"^\d{2}:\d{2}(:\d{2})?$", examples=["19:20:11"]
    )
    total: str | None = Field(default=None, pattern=DECIMAL, examples=["9.00"])
    currency: str | None = Field(default=None, description="ISO 4217.", pattern="^[A-Z]{3}$", examples=["EUR"])
    tax: str | None = Field(default=None, description="All taxes together.", pattern=DECIMAL, examples=["1.50"])
    taxes: list[CodeTax] = Field(default=[], description="One row per rate.")
    identifiers: dict[str, str] = Field(
        default={},
        description="Other numbers by which the receipt can be looked up or paid, by their names in the standard.",
        examples=[{"register": "DEMO-CASH-BOX524"}],
    )


class Code(Contract):
    """A QR code or barcode."""

    page: int = Field(default=0, ge=0, description="Index of the page, counted from 0.")
    quad: Quad = Field(examples=[QUAD_EXAMPLE])
    format: CodeFormat = Field(examples=["qr_code"])
    text: str = Field(
        max_length=8_000,
        description="As encoded. Bytes that are not text stand as Latin-1 characters. Nothing in it is trusted or "
        "fetched.",
    )
    content: CodeContent | None = Field(
        default=None, description="What a fiscal or payment code says; null for other codes and damaged ones."
    )
