"""Requests and responses of the extractor: fields, items, taxes and checks of a receipt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import ConfigDict, Field

from shared.contracts.base import QUAD_EXAMPLE, Contract, Probability, Quad, Source
from shared.contracts.pages import Line, PageSize


class ExtractRequest(Contract):
    """Text of a receipt whose fields are to be found."""

    pages: list[PageSize] = Field(min_length=1, max_length=100)
    lines: list[Line] = Field(max_length=5_000, description="Text segments in any order.")


class ReceiptField(Contract):
    """A field of a receipt: value, position and confidence."""

    value: str = Field(description="Value as printed.", examples=["BOOK TA .K (TAMAN DAYA) SDN BHD"])
    confidence: Probability = Field(examples=[0.98])
    page: int = Field(default=0, ge=0)
    quad: Quad = Field(
        description="Rectangle around its segments; of what is not printed: the code, or the outline of the page.",
        examples=[QUAD_EXAMPLE],
    )
    lines: list[int] = Field(
        description="Indices of its segments in `lines`; empty for what is not printed.", examples=[[1]]
    )
    corrected: bool = Field(
        default=False,
        description="True if the value comes from the merchant directory or from corrections of other receipts.",
    )
    source: Source = Field(
        default="print",
        description="Where the value comes from. print: read from the picture; text_layer: from the text of a PDF, "
        "which its print confirms; code: from a fiscal or payment code, see `codes`; einvoice: from the invoice in XML "
        "inside a PDF.",
    )


class AddressField(ReceiptField):
    """Address of the merchant, and its parts as printed; null for parts that it does not have."""

    value: str = Field(examples=["NO.53 JALAN SAGU 18, TAMAN DAYA, 81100 JOHOR BAHRU, JOHOR"])
    street: str | None = Field(
        default=None,
        description="Street, house number, building and quarter.",
        examples=["NO.53 JALAN SAGU 18, TAMAN DAYA"],
    )
    postal_code: str | None = Field(default=None, examples=["81100"])
    city: str | None = Field(default=None, description="City, without state or province.", examples=["JOHOR BAHRU"])
    country: str | None = Field(
        default=None, description="ISO 3166; null if neither the address nor the receipt shows it.", examples=["MY"]
    )


class DateField(ReceiptField):
    """Date of purchase."""

    value: str = Field(examples=["25/12/2018"])
    iso: str | None = Field(description="ISO 8601; null if the text is not a valid date.", examples=["2018-12-25"])
    ambiguous: bool = Field(
        default=False,
        description="True if day, month and year could be in another order and nothing on the receipt tells.",
    )


class AmountField(ReceiptField):
    """An amount of money."""

    value: str = Field(examples=["RM 9.00"])
    amount: str | None = Field(description="Decimal number with a point; null if not readable.", examples=["9.00"])
    currency: str | None = Field(description="ISO 4217; null if the receipt does not show it.", examples=["MYR"])


class TimeField(ReceiptField):
    """Time of purchase."""

    value: str = Field(examples=["8:13 PM"])
    iso: str | None = Field(description="ISO 8601, 24 hours; null if it is not a time.", examples=["20:13"])


class PhoneField(ReceiptField):
    """Phone number of the merchant."""

    value: str = Field(examples=["03-7726 1234"])
    e164: str | None = Field(description="ITU E.164; null if the country is unknown.", examples=["+60377261234"])


class TaxIdField(ReceiptField):
    """Tax or company number of the merchant."""

    value: str = Field(examples=["DE 136695976"])
    country: str | None = Field(description="ISO 3166; null if no country's check digits fit.", examples=["DE"])


class PaymentField(ReceiptField):
    """Method of payment."""

    value: str = Field(examples=["VISA **** 1234"])
    method: Literal["cash", "card", "wallet", "voucher"]
    last4: str | None = Field(default=None, description="Last four digits of a card.", examples=["1234"])


class NumberField(ReceiptField):
    """A quantity or a rate."""

    value: str = Field(examples=["0,482"])
    number: str | None = Field(description="Decimal number with a point; null if not readable.", examples=["0.482"])


class Fields(Contract):
    """Fields of a receipt; null if a field was not found."""

    company: ReceiptField | None = None
    date: DateField | None = None
    address: AddressField | None = None
    total: AmountField | None = None
    time: TimeField | None = None
    phone: PhoneField | None = None
    tax_id: TaxIdField | None = None
    receipt_number: ReceiptField | None = None
    subtotal: AmountField | None = None
    tax: AmountField | None = None
    tip: AmountField | None = None
    discount: AmountField | None = None
    service_charge: AmountField | None = None
    rounding: AmountField | None = None
    paid: AmountField | None = None
    change: AmountField | None = None
    payment_method: PaymentField | None = None

    def get(self, name: str) -> ReceiptField | None:
        """Return a field by its name; None if it was not found."""
        field: ReceiptField | None = getattr(self, name)
        return field


class SubItem(Contract):
    """An extra or a choice that belongs to an item, such as a topping."""

    description: ReceiptField | None = None
    quantity: NumberField | None = None
    unit_price: AmountField | None = None
    amount: AmountField | None = None


class Item(SubItem):
    """A line item as printed; null for parts that it does not have."""

    unit: ReceiptField | None = None
    code: ReceiptField | None = None
    discount: AmountField | None = None
    sub_items: list[SubItem] = Field(default=[], description="Extras and choices, in reading order.")


class TaxRow(Contract):
    """A row of the tax summary: one rate."""

    rate: NumberField | None = Field(default=None, description="Percent.")
    base: AmountField | None = Field(default=None, description="The amount that is taxed.")
    amount: AmountField | None = Field(default=None, description="The tax.")


class Inference(Contract):
    """A property of the whole receipt, inferred from what is printed."""

    value: str = Field(examples=["MY"])
    confidence: Probability = Field(examples=[0.97])
    evidence: list[str] = Field(description="What it was inferred from.", examples=[["currency: RM", "word: sdn bhd"]])


CheckName = Literal[
    "items_to_subtotal", "subtotal_and_tax_to_total", "paid_minus_change", "tax_rates",
    "code_to_total", "code_to_date", "einvoice_to_total", "einvoice_to_date",
]  # fmt: skip


class Check(Contract):
    """A check of what a receipt says: by arithmetic, by a code, or by an embedded invoice."""

    name: CheckName = Field(
        description="The checks of arithmetic are always there. code_to_* and einvoice_to_* are there if a code or an "
        "embedded invoice says the same thing as the print, or should."
    )
    holds: bool | None = Field(default=None, description="null if the receipt lacks an amount that the check needs.")
    expected: str | None = Field(
        default=None,
        description="What the amounts add up to, or what the code or the embedded invoice says.",
        examples=["10.50"],
    )
    printed: str | None = Field(default=None, description="What the receipt says.", examples=["10.50"])


DocumentType = Literal["receipt", "invoice", "card_slip", "refund", "ticket", "other"]


class Extracted(Contract):
    """Everything found in the text of a receipt."""

    fields: Fields
    items: list[Item] = Field(default=[], description="Line items in reading order.")
    taxes: list[TaxRow] = Field(default=[], description="One row per tax rate.")
    country: Inference | None = Field(default=None, description="ISO 3166 code; null if the receipt does not show it.")
    currency: Inference | None = Field(default=None, description="ISO 4217 code; null if the receipt does not show it.")
    language: Inference | None = Field(default=None, description="ISO 639 code; null if the receipt does not show it.")
    document_type: DocumentType | None = None
    checks: list[Check] = Field(default=[], description="Arithmetic on the amounts, and other evidence.")

    def printed(self) -> Iterator[ReceiptField]:
        """Yield everything that refers to lines of the receipt: fields, parts of items and of tax rows."""
        groups: list[Contract] = [self.fields, *self.taxes]
        for item in self.items:
            groups += [item, *item.sub_items]
        for group in groups:
            yield from (part for _, part in group if isinstance(part, ReceiptField))


class ExtractResponse(Extracted):
    """Response of the extractor."""

    model: str = Field(examples=["charlstm-2026-11-22-1a2b3c4d"])


class MerchantCorrection(Contract):
    """A person's correction of a company or an address; it extends the merchant directory."""

    model_config = ConfigDict(frozen=True)

    field: Literal["company", "address"]
    value: str = Field(max_length=1_000, examples=["BOOK TA .K (TAMAN DAYA) SDN BHD"])
    read: str | None = Field(description="Value before the correction; null if none.", examples=["BOOK TA .K (TAMAN"])
    company: str | None = Field(default=None, description="Company of an address.", examples=[None])


class CorrectRequest(Contract):
    """Fields of a receipt, to be corrected as people corrected those of other receipts."""

    fields: Fields
    lines: list[Line] = Field(max_length=5_000, description="Text of the receipt, in reading order.")
    corrections: list[MerchantCorrection] = Field(max_length=2_000, description="Oldest first.")
