"""Receipts and the models that read them."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from shared.contracts.base import Contract
from shared.contracts.codes import Code
from shared.contracts.corrections import Corrections
from shared.contracts.einvoices import EInvoice
from shared.contracts.extraction import Extracted
from shared.contracts.pages import Line, Page


class Models(Contract):
    """Versions of the models that read a receipt."""

    model_config = ConfigDict(frozen=True)

    detector: str = Field(examples=["ctpn-2026-11-22-1a2b3c4d"])
    recognizer: str = Field(examples=["crnn-2026-11-22-1a2b3c4d"])
    extractor: str = Field(examples=["charlstm-2026-11-22-1a2b3c4d"])


class Timings(Contract):
    """Milliseconds spent in each stage, including waiting and transport."""

    decode: float = Field(ge=0, examples=[4.1])
    detect: float = Field(ge=0, examples=[120.3])
    recognize: float = Field(ge=0, examples=[88.0])
    extract: float = Field(ge=0, examples=[6.2])


class ReceiptWarning(Contract):
    """What is wrong with a receipt as a whole."""

    code: str = Field(
        description="For programs. corrections-unavailable: the receipt is as the models read it, because a part of "
        "the service is unavailable. codes-unread: QR codes and barcodes were not looked for. several-receipts: a page "
        "shows separate receipts, which were read as one. unreadable: the text of a page could not be read. "
        "einvoice-contradicted: the print says something else than the embedded invoice. einvoice-unread: the embedded "
        "invoice could not be read.",
        examples=["corrections-unavailable"],
    )
    detail: str = Field(examples=["Corrections cannot be read at the moment."])


class ReceiptHead(Contract):
    """The identity of a receipt."""

    id: str = Field(
        description="Hash of the bytes sent.",
        pattern="^[0-9a-f]{32}$",
        examples=["b1946ac92492d2347c6235b4d2611184"],
    )
    pages: list[Page]


# Pydantic takes the fields of the last base first: the answer begins with the ID.
class Receipt(Extracted, ReceiptHead):
    """A receipt that was read."""

    lines: list[Line]
    codes: list[Code] = Field(
        default=[], description="QR codes and barcodes, page by page, from top to bottom. They are never looked up."
    )
    einvoice: EInvoice | None = Field(
        default=None, description="The invoice in XML that the file contains; null if there is none."
    )
    models: Models
    timings_ms: Timings
    cached: bool = Field(default=False, description="True if the response came from the cache.")
    corrections: Corrections | None = Field(
        default=None, description="Corrections by people; `fields` keeps the values of the model. null if none."
    )
    warnings: list[ReceiptWarning] = Field(default=[], description="What is wrong with the receipt as a whole.")


class ReceiptPages(Contract):
    """The separate receipts in a file."""

    id: str = Field(
        description="Hash of the bytes sent.",
        pattern="^[0-9a-f]{32}$",
        examples=["b1946ac92492d2347c6235b4d2611184"],
    )
    receipts: list[Receipt] = Field(description="In the order of pages, and on a page from the left or the top.")
