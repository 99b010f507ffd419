"""Receipts, corrections and exports."""

from __future__ import annotations

from typing import Literal

from quittance_client.models.base import ExportFormat, Model
from quittance_client.models.codes import Code
from quittance_client.models.corrections import Corrections
from quittance_client.models.einvoices import EInvoice
from quittance_client.models.fields import Check, Fields, Inference, Item, Line, Page, TaxRow

DocumentType = Literal["receipt", "invoice", "card_slip", "refund", "ticket", "other"]


class Models(Model):
    """Versions of the models that read a receipt."""

    detector: str
    recognizer: str
    extractor: str


class Timings(Model):
    """Milliseconds spent in each stage, including waiting and transport."""

    decode: float
    detect: float
    recognize: float
    extract: float


class ReceiptWarning(Model):
    """What is wrong with a receipt as a whole.

    Attributes:
        code: `corrections-unavailable`: the receipt is as the models read it, because a part of the service is
            unavailable. `codes-unread`: QR codes and barcodes were not looked for. `several-receipts`: a page shows
            separate receipts, which were read as one. `unreadable`: the text of a page could not be read.
            `einvoice-contradicted`: the print says something else than the embedded invoice. `einvoice-unread`: the
            embedded invoice could not be read.
        detail: A sentence for people.
    """

    code: str
    detail: str


class Receipt(Model):
    """A receipt.

    Attributes:
        id: Hash of the bytes that were sent, 32 hexadecimal digits.
        pages: Pages in their order.
        fields: Fields as the models found them.
        items: Line items in reading order.
        taxes: One row per tax rate.
        country: ISO 3166 code; None if the receipt does not tell.
        currency: ISO 4217 code; None if the receipt does not tell.
        language: ISO 639 code; None if the receipt does not tell.
        document_type: Kind of document; None without text.
        checks: Arithmetic on the amounts, and other evidence.
        lines: Text segments in reading order.
        codes: QR codes and barcodes.
        einvoice: The invoice in XML that the file contains; None if there is none.
        models: Versions of the models.
        timings_ms: Time spent per stage.
        cached: True if the receipt came from the cache.
        corrections: Corrections made by people; None if there are none.
        warnings: What is wrong with the receipt as a whole.
    """

    id: str
    pages: list[Page]
    fields: Fields
    items: list[Item] = []
    taxes: list[TaxRow] = []
    country: Inference | None = None
    currency: Inference | None = None
    language: Inference | None = None
    document_type: DocumentType | None = None
    checks: list[Check] = []
    lines: list[Line]
    codes: list[Code] = []
    einvoice: EInvoice | None = None
    models: Models
    timings_ms: Timings
    cached: bool = False
    corrections: Corrections | None = None
    warnings: list[ReceiptWarning] = []


class ReceiptPages(Model):
    """The separate receipts in a file.

    Attributes:
        id: Hash of the file, 32 hexadecimal digits.
        receipts: In the order of pages, and on a page from the left or the top.
    """

    id: str
    receipts: list[Receipt]


class ExportedReceipt(Receipt):
    """One element of an export in the format `json` or `jsonl`.

    Attributes:
        file: Name of the file; None if unknown.
        page: Position in its file, from 0, if each page is a separate receipt.
    """

    file: str | None
    page: int | None = None


class ExportRequest(Model):
    """Request for a file with receipts.

    Attributes:
        ids: IDs of the receipts, in the order of the rows; 1 to 10,000.
        format: Format of the file.
        names: Content of the column `file`, by receipt ID.
    """

    ids: list[str]
    format: ExportFormat
    names: dict[str, str] = {}
