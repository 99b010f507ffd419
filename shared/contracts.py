"""The contracts between the services, the gateway and their callers.

Every model here is part of an OpenAPI schema. Coordinates are pixels of the page as sent (x to the right, y downwards,
the origin at the top left corner), before a service undoes any rotation. Quads run clockwise from the top left corner
of the *text* they enclose. Confidences are probabilities from 0 to 1.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Rotation = Literal[0, 90, 180, 270]
Orientation = Literal["auto", "upright"]
FieldName = Literal["company", "date", "address", "total"]
FIELD_NAMES: tuple[FieldName, ...] = ("company", "date", "address", "total")

_QUAD_EXAMPLE: Quad = ((50, 82), (440, 82), (440, 121), (50, 121))


class Contract(BaseModel):
    """Base of all contracts. Unknown keys are rejected, so that a misspelled one is noticed.

    Errors do not repeat the input, because text of receipts must not be logged.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class PageSize(Contract):
    """Size of one page in pixels, as sent."""

    width: int = Field(ge=1, examples=[619])
    height: int = Field(ge=1, examples=[1207])


class Page(PageSize):
    """One page of a receipt."""

    rotation: Rotation = Field(
        default=0,
        description="Degrees clockwise by which the text on the page is turned. Turn the page counterclockwise by as "
        "many degrees to make it upright. Always 0 with the orientation `upright`.",
    )


class Segment(Contract):
    """One run of text in a picture; a wide gap in a row separates two segments."""

    quad: Quad = Field(examples=[_QUAD_EXAMPLE])
    score: Probability = Field(description="Probability that this is text.", examples=[0.97])


class DetectResponse(Contract):
    """Segments of one picture."""

    page: Page
    segments: list[Segment]
    model: str = Field(
        description="Version: name, date and hash of the weights.", examples=["ctpn-2026-11-22-1a2b3c4d"]
    )


class RecognizedText(Contract):
    """Text of one segment."""

    text: str = Field(examples=["TAN WOON YANN"])
    confidence: Probability = Field(examples=[0.97])


class RecognizeResponse(Contract):
    """Texts of the segments, in the order of the quads."""

    texts: list[RecognizedText]
    model: str = Field(examples=["crnn-2026-11-22-1a2b3c4d"])


class Line(Contract):
    """One text segment of a receipt: text and position."""

    page: int = Field(default=0, ge=0, description="Index of the page, counted from 0.")
    quad: Quad = Field(examples=[_QUAD_EXAMPLE])
    text: str = Field(examples=["TAN WOON YANN"])
    confidence: Probability = Field(examples=[0.97])


class ExtractRequest(Contract):
    """Text of a receipt whose fields are to be found."""

    pages: list[PageSize] = Field(min_length=1, max_length=100)
    lines: list[Line] = Field(max_length=5_000, description="Text segments in any order.")


class ReceiptField(Contract):
    """A field of a receipt: value, position and confidence."""

    value: str = Field(description="Value as printed.", examples=["BOOK TA .K (TAMAN DAYA) SDN BHD"])
    confidence: Probability = Field(examples=[0.98])
    page: int = Field(default=0, ge=0)
    quad: Quad = Field(description="Rectangle around its segments.", examples=[_QUAD_EXAMPLE])
    lines: list[int] = Field(description="Indices of its segments in `lines`.", examples=[[1]])
    corrected: bool = Field(
        default=False,
        description="True if the value comes from the merchant directory or from corrections of other receipts.",
    )


class DateField(ReceiptField):
    """Date of purchase."""

    value: str = Field(examples=["25/12/2018"])
    iso: str | None = Field(description="ISO 8601; null if the text is not a valid date.", examples=["2018-12-25"])
    ambiguous: bool = Field(
        default=False,
        description="True if day and month could be swapped and nothing on the receipt shows which is which.",
    )


class AmountField(ReceiptField):
    """Total paid."""

    value: str = Field(examples=["RM 9.00"])
    amount: str | None = Field(description="Decimal number with a point; null if not readable.", examples=["9.00"])
    currency: str | None = Field(description="ISO 4217; null if the receipt does not show it.", examples=["MYR"])


class Fields(Contract):
    """Fields of a receipt; null if a field was not found."""

    company: ReceiptField | None = None
    date: DateField | None = None
    address: ReceiptField | None = None
    total: AmountField | None = None

    def get(self, name: str) -> ReceiptField | None:
        """Return a field by its name; None if it was not found."""
        field: ReceiptField | None = getattr(self, name)
        return field


class ExtractResponse(Contract):
    """Fields found in the text of a receipt."""

    fields: Fields
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
        default=None, min_length=1, max_length=200, description="Name of the person.", examples=["Bookkeeping"]
    )


class FieldCorrection(Contract):
    """A corrected field, with the value of the model."""

    value: str | None = Field(description="null if the field is not on the receipt.", examples=["25/12/2018"])
    iso: str | None = Field(default=None, description="Date in ISO 8601.", examples=["2018-12-25"])
    amount: str | None = Field(default=None, description="Total as a decimal number with a point.")
    currency: str | None = Field(default=None, description="Currency of the total, ISO 4217; null if unknown.")
    model_value: str | None = Field(description="Value of the model; null if it found none.", examples=["25/12/2013"])
    lines: list[int] = Field(default=[], description="Indices of the chosen segments in `lines`.")
    author: str | None = Field(default=None, description="Name of the person; null if not given.")
    at: AwareDatetime = Field(examples=["2026-11-25T09:30:00Z"])


class Corrections(Contract):
    """All corrections of one receipt."""

    receipt_id: str = Field(pattern="^[0-9a-f]{32}$", examples=["b1946ac92492d2347c6235b4d2611184"])
    fields: dict[FieldName, FieldCorrection]


class Receipt(Contract):
    """A receipt that was read."""

    id: str = Field(
        description="Hash of the bytes sent.",
        pattern="^[0-9a-f]{32}$",
        examples=["b1946ac92492d2347c6235b4d2611184"],
    )
    pages: list[Page]
    fields: Fields
    lines: list[Line]
    models: Models
    timings_ms: Timings
    cached: bool = Field(default=False, description="True if the response came from the cache.")
    corrections: Corrections | None = Field(
        default=None, description="Corrections by people; `fields` keeps the values of the model. null if none."
    )


class ReceiptPages(Contract):
    """A document in which each page is a separate receipt."""

    id: str = Field(
        description="Hash of the bytes sent.",
        pattern="^[0-9a-f]{32}$",
        examples=["b1946ac92492d2347c6235b4d2611184"],
    )
    receipts: list[Receipt] = Field(description="One per page, in order.")


class Liveness(Contract):
    """Liveness of a service."""

    status: Literal["ok"] = Field(examples=["ok"])


class Readiness(Contract):
    """Readiness of a service."""

    status: Literal["ready", "starting", "draining"] = Field(examples=["ready"])
    model: str | None = Field(default=None, examples=["ctpn-2026-11-22-1a2b3c4d"])


class Problem(BaseModel):
    """An error for people and programs (RFC 9457, media type application/problem+json)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="about:blank", examples=["urn:quittance:problem:picture-damaged"])
    title: str = Field(examples=["The picture is damaged"])
    status: int = Field(ge=400, le=599, examples=[422])
    detail: str = Field(examples=["The JPEG is truncated or damaged. Send the whole file."])
    instance: str | None = Field(default=None, examples=["/v1/receipts"])
    request_id: str | None = Field(default=None, examples=["5f0c9a52c0de4d9f8f1b1d1c6f1d2a34"])
