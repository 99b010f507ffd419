"""What was found on a receipt, part by part."""

from __future__ import annotations

from typing import Literal

from quittance_client.models.base import Model, Quad, Source

CheckName = Literal[
    "items_to_subtotal", "subtotal_and_tax_to_total", "paid_minus_change", "tax_rates",
    "code_to_total", "code_to_date", "einvoice_to_total", "einvoice_to_date",
]  # fmt: skip


class CutEdges(Model):
    """Whether text is cut off at the edges of a page, seen with the text upright, from 0 to 1."""

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0


class PageQuality(Model):
    """What makes a page hard to read, from 0 (nothing) to 1; it matters from about 0.5.

    Attributes:
        blur: The text is out of focus or moved.
        darkness: The paper is dark.
        glare: Light hides parts of the text.
        low_resolution: The text has too few pixels.
        cut_off: Text is cut off at an edge.
        no_receipt: The page has hardly any text.
        several_receipts: The page shows several receipts.
        unreadable: The page has text, but it could not be read.
    """

    blur: float
    darkness: float
    glare: float
    low_resolution: float
    cut_off: CutEdges
    no_receipt: float
    several_receipts: float
    unreadable: float


class Page(Model):
    """One page of a receipt.

    Attributes:
        width: Width of the page as sent, in pixels.
        height: Height of the page as sent, in pixels.
        rotation: Clockwise rotation of the text on the page as sent, in degrees.
        mirrored: Whether the page as sent shows the text as in a mirror; quads then run counterclockwise.
        index: Index of the page in the file, from 0.
        outline: Outline of this receipt on the page, if it is one of several there; None for the whole page.
        receipts: Outlines of the separate receipts on the page, if there are several that were read as one.
        quality: What makes the page hard to read; None from gateways that do not say.
    """

    width: int
    height: int
    rotation: Literal[0, 90, 180, 270] = 0
    mirrored: bool = False
    index: int = 0
    outline: Quad | None = None
    receipts: list[Quad] = []
    quality: PageQuality | None = None


class Line(Model):
    """One segment of text.

    Attributes:
        page: Index of the page, from 0.
        quad: Outline of the text.
        text: Text that was read.
        confidence: Probability that the text is right.
        source: `text_layer` for the text of a PDF, which its print confirms; otherwise `print`.
    """

    page: int = 0
    quad: Quad
    text: str
    confidence: float
    source: Literal["print", "text_layer"] = "print"


class ReceiptField(Model):
    """One field of a receipt.

    Attributes:
        value: Text of the field, as printed.
        confidence: Probability that the field is right.
        page: Index of the page, from 0.
        quad: Outline of the segments that the field came from; of what is not printed: the code, or the page.
        lines: Indices of these segments in `Receipt.lines`; empty for what is not printed.
        corrected: True if the merchant directory replaced what was read.
        source: Where the value comes from: the print, the text layer of a PDF, a code, or an invoice in XML.
    """

    value: str
    confidence: float
    page: int = 0
    quad: Quad
    lines: list[int]
    corrected: bool = False
    source: Source = "print"


class AddressField(ReceiptField):
    """Address of the merchant, and its parts as printed; None for parts that it does not have.

    Attributes:
        street: Street, house number, building and quarter.
        postal_code: Postal code.
        city: City, without state or province.
        country: ISO 3166 code; None if unknown.
    """

    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None


class DateField(ReceiptField):
    """Date of purchase.

    Attributes:
        iso: ISO 8601 date; None if the text is not a possible date.
        ambiguous: True if day, month and year could be in another order.
    """

    iso: str | None
    ambiguous: bool = False


class AmountField(ReceiptField):
    """An amount of money.

    Attributes:
        amount: Decimal number with a point; None if the text is not an amount.
        currency: ISO 4217 code; None if unknown.
    """

    amount: str | None
    currency: str | None


class TimeField(ReceiptField):
    """Time of purchase.

    Attributes:
        iso: ISO 8601 time, 24 hours; None if the text is not a time.
    """

    iso: str | None


class PhoneField(ReceiptField):
    """Phone number of the merchant.

    Attributes:
        e164: E.164 number; None if the country is unknown.
    """

    e164: str | None


class TaxIdField(ReceiptField):
    """Tax or company number of the merchant.

    Attributes:
        country: ISO 3166 code; None if no country's check digits fit.
    """

    country: str | None


class PaymentField(ReceiptField):
    """How the receipt was paid.

    Attributes:
        method: Means of payment.
        last4: Last four digits of a card; None if they are not printed.
    """

    method: Literal["cash", "card", "wallet", "voucher"]
    last4: str | None = None


class NumberField(ReceiptField):
    """A quantity or a rate.

    Attributes:
        number: Decimal number with a point; None if the text is not a number.
    """

    number: str | None


class Fields(Model):
    """Fields of a receipt; None for a field that was not found."""

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


class SubItem(Model):
    """An extra or a choice that belongs to an item; None for parts that it does not have."""

    description: ReceiptField | None = None
    quantity: NumberField | None = None
    unit_price: AmountField | None = None
    amount: AmountField | None = None


class Item(SubItem):
    """A line item as printed; None for parts that it does not have."""

    unit: ReceiptField | None = None
    code: ReceiptField | None = None
    discount: AmountField | None = None
    sub_items: list[SubItem] = []


class TaxRow(Model):
    """One rate of the tax summary.

    Attributes:
        rate: Percent.
        base: Amount that is taxed.
        amount: The tax.
    """

    rate: NumberField | None = None
    base: AmountField | None = None
    amount: AmountField | None = None


class Inference(Model):
    """A property of the whole receipt, with what it was inferred from."""

    value: str
    confidence: float
    evidence: list[str]


class Check(Model):
    """A check of what a receipt says: by arithmetic, by a code, or by an embedded invoice.

    Attributes:
        name: What was compared.
        holds: None if the receipt lacks an amount that the check needs.
        expected: What the amounts add up to, or what the code or the invoice says.
        printed: What the receipt says.
    """

    name: CheckName
    holds: bool | None = None
    expected: str | None = None
    printed: str | None = None
