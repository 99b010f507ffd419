"""Receipts, their corrections and the models that read them."""

from __future__ import annotations

from pydantic import AwareDatetime, ConfigDict, Field

from shared.contracts.base import Contract, FieldName
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


class FieldChange(Contract):
    """A field as corrected by a person."""

    value: str = Field(min_length=1, max_length=1_000, examples=["BOOK TA .K (TAMAN DAYA) SDN BHD"])
    lines: list[int] = Field(default=[], max_length=100, description="Indices of the chosen segments in `lines`.")


class CorrectionRequest(Contract):
    """A person's corrections of a receipt; other fields stay unchanged."""

    fields: dict[FieldName, FieldChange | None] = Field(
        min_length=1,
        description="null if the field is not on the receipt.",
        examples=[{"company": {"value": "BOOK TA .K (TAMAN DAYA) SDN BHD"}, "total": None}],
    )
    author: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Name of the person. Ignored if the request has an API key, whose name is stored instead.",
        examples=["Bookkeeping"],
    )


class FieldCorrection(Contract):
    """A corrected field, with the value of the model."""

    value: str | None = Field(description="null if the field is not on the receipt.", examples=["25/12/2018"])
    iso: str | None = Field(default=None, description="Date in ISO 8601.", examples=["2018-12-25"])
    amount: str | None = Field(default=None, description="Total as a decimal number with a point.")
    currency: str | None = Field(default=None, description="Currency of the total, ISO 4217; null if unknown.")
    model_value: str | None = Field(description="Value of the model; null if it found none.", examples=["25/12/2013"])
    lines: list[int] = Field(default=[], description="Indices of the chosen segments in `lines`.")
    author: str | None = Field(
        default=None, description="Name of the API key or, without one, of the person; null if not given."
    )
    at: AwareDatetime = Field(examples=["2026-11-25T09:30:00Z"])


class Corrections(Contract):
    """All corrections of one receipt."""

    receipt_id: str = Field(pattern="^[0-9a-f]{32}$", examples=["b1946ac92492d2347c6235b4d2611184"])
    fields: dict[FieldName, FieldCorrection]


class ReceiptWarning(Contract):
    """What a receipt lacks because a part of the service is unavailable."""

    code: str = Field(
        description="For programs. corrections-unavailable: the receipt is as the models read it.",
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
    models: Models
    timings_ms: Timings
    cached: bool = Field(default=False, description="True if the response came from the cache.")
    corrections: Corrections | None = Field(
        default=None, description="Corrections by people; `fields` keeps the values of the model. null if none."
    )
    warnings: list[ReceiptWarning] = Field(
        default=[], description="What is missing, because a part of the service was unavailable."
    )


class ReceiptPages(Contract):
    """A document in which each page is a separate receipt."""

    id: str = Field(
        description="Hash of the bytes sent.",
        pattern="^[0-9a-f]{32}$",
        examples=["b1946ac92492d2347c6235b4d2611184"],
    )
    receipts: list[Receipt] = Field(description="One per page, in order.")
