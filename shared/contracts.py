"""The contracts between the services, the gateway and their callers.

Every model here is part of an OpenAPI schema. Coordinates are pixels of the page as it was sent (x to the right, y
downwards, the origin at the top left corner), before any rotation that a service undid. Quads run clockwise from the
top left corner of the *text* they enclose. Confidences are probabilities from 0 to 1.
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
    """Base of all contracts: unknown keys are refused, so that a misspelled one is noticed.

    Errors do not repeat the input: it is the text of receipts, which belongs in no log.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class PageSize(Contract):
    """The size of one page in pixels, as it was sent."""

    width: int = Field(ge=1, examples=[619])
    height: int = Field(ge=1, examples=[1207])


class Page(PageSize):
    """One page of a receipt."""

    rotation: Rotation = Field(
        default=0,
        description="Degrees clockwise that the text was found turned by on the page as sent: turned counterclockwise "
        "by as many, the page is upright. Always 0 with the orientation `upright`.",
    )


class Segment(Contract):
    """One run of text found in a picture; a wide gap on a row parts two segments."""

    quad: Quad = Field(examples=[_QUAD_EXAMPLE])
    score: Probability = Field(description="How sure the detector is that this is text.", examples=[0.97])


class DetectResponse(Contract):
    """What the detector found in one picture."""

    page: Page
    segments: list[Segment]
    model: str = Field(description="Name, date and hash of the weights.", examples=["ctpn-2026-11-22-1a2b3c4d"])


class RecognizedText(Contract):
    """The text of one segment."""

    text: str = Field(examples=["TAN WOON YANN"])
    confidence: Probability = Field(examples=[0.97])


class RecognizeResponse(Contract):
    """The texts of the segments, in the order of the quads given."""

    texts: list[RecognizedText]
    model: str = Field(examples=["crnn-2026-11-22-1a2b3c4d"])


class Line(Contract):
    """One text segment of a receipt: what stands where."""

    page: int = Field(default=0, ge=0, description="Index of the page, from 0.")
    quad: Quad = Field(examples=[_QUAD_EXAMPLE])
    text: str = Field(examples=["TAN WOON YANN"])
    confidence: Probability = Field(examples=[0.97])


class ExtractRequest(Contract):
    """The text of a receipt, from which its fields are to be extracted."""

    pages: list[PageSize] = Field(min_length=1, max_length=100)
    lines: list[Line] = Field(max_length=5_000, description="Text segments in any order.")


class ReceiptField(Contract):
    """A field of a receipt: what it says, where it stands, how sure that is."""

    value: str = Field(description="What the receipt says.", examples=["BOOK TA .K (TAMAN DAYA) SDN BHD"])
    confidence: Probability = Field(examples=[0.98])
    page: int = Field(default=0, ge=0)
    quad: Quad = Field(description="Encloses the segments it came from.", examples=[_QUAD_EXAMPLE])
    lines: list[int] = Field(description="Indices into `lines` of the segments it came from.", examples=[[1]])
    corrected: bool = Field(
        default=False,
        description="True if the merchant directory, or what people taught it, put this in the place of what was read.",
    )


class DateField(ReceiptField):
    """The date of purchase."""

    value: str = Field(examples=["25/12/2018"])
    iso: str | None = Field(description="ISO 8601; null if the text is not a possible date.", examples=["2018-12-25"])
    ambiguous: bool = Field(
        default=False,
        description="True if day and month could be swapped and nothing on the receipt tells which is which.",
    )


class AmountField(ReceiptField):
    """The total paid."""

    value: str = Field(examples=["RM 9.00"])
    amount: str | None = Field(description="Decimal number with a point; null if unreadable.", examples=["9.00"])
    currency: str | None = Field(description="ISO 4217; null if the receipt does not tell.", examples=["MYR"])


class Fields(Contract):
    """The fields of a receipt; one that is not there is null, never guessed."""

    company: ReceiptField | None = None
    date: DateField | None = None
    address: ReceiptField | None = None
    total: AmountField | None = None

    def get(self, name: str) -> ReceiptField | None:
        """Return a field by its name; None if it is not on the receipt."""
        field: ReceiptField | None = getattr(self, name)
        return field


class ExtractResponse(Contract):
    """The fields found in the text of a receipt."""

    fields: Fields
    model: str = Field(examples=["charlstm-2026-11-22-1a2b3c4d"])


class MerchantCorrection(Contract):
    """What a person made of the company or the address of a receipt; it teaches the merchant directory."""

    model_config = ConfigDict(frozen=True)

    field: Literal["company", "address"]
    value: str = Field(max_length=1_000, examples=["BOOK TA .K (TAMAN DAYA) SDN BHD"])
    read: str | None = Field(description="What was answered; null if nothing.", examples=["BOOK TA .K (TAMAN"])
    company: str | None = Field(default=None, description="Of an address: whose it is.", examples=[None])


class CorrectRequest(Contract):
    """What was found on a receipt, to be corrected as people corrected others."""

    fields: Fields
    lines: list[Line] = Field(max_length=5_000, description="The text of the receipt, in reading order.")
    corrections: list[MerchantCorrection] = Field(max_length=2_000, description="The latest last.")


class Models(Contract):
    """The versions of the models that read a receipt."""

    detector: str = Field(examples=["ctpn-2026-11-22-1a2b3c4d"])
    recognizer: str = Field(examples=["crnn-2026-11-22-1a2b3c4d"])
    extractor: str = Field(examples=["charlstm-2026-11-22-1a2b3c4d"])


class Timings(Contract):
    """Milliseconds spent in each stage, waiting and transport included."""

    decode: float = Field(ge=0, examples=[4.1])
    detect: float = Field(ge=0, examples=[120.3])
    recognize: float = Field(ge=0, examples=[88.0])
    extract: float = Field(ge=0, examples=[6.2])


class FieldChange(Contract):
    """What a person says that a field is."""

    value: str = Field(min_length=1, max_length=1_000, examples=["BOOK TA .K (TAMAN DAYA) SDN BHD"])
    lines: list[int] = Field(default=[], max_length=100, description="Indices into `lines` of the segments chosen.")


class CorrectionRequest(Contract):
    """What a person corrects on a receipt; fields that are not named stay as they are."""

    fields: dict[FieldName, FieldChange | None] = Field(
        min_length=1,
        description="null: the field is not on the receipt.",
        examples=[{"company": {"value": "BOOK TA .K (TAMAN DAYA) SDN BHD"}, "total": None}],
    )
    author: str | None = Field(
        default=None, min_length=1, max_length=200, description="Who says so.", examples=["Bookkeeping"]
    )


class FieldCorrection(Contract):
    """A field as a person corrected it, beside what the model had answered."""

    value: str | None = Field(description="null: the field is not on the receipt.", examples=["25/12/2018"])
    iso: str | None = Field(default=None, description="Of a date: ISO 8601.", examples=["2018-12-25"])
    amount: str | None = Field(default=None, description="Of the total: decimal number with a point.")
    currency: str | None = Field(default=None, description="Of the total: ISO 4217; null if nothing tells.")
    model_value: str | None = Field(description="null: the model had found nothing.", examples=["25/12/2013"])
    lines: list[int] = Field(default=[], description="Indices into `lines` of the segments chosen.")
    author: str | None = Field(default=None, description="Who said so, if told.")
    at: AwareDatetime = Field(examples=["2026-11-25T09:30:00Z"])


class Corrections(Contract):
    """All that people corrected on one receipt."""

    receipt_id: str = Field(pattern="^[0-9a-f]{32}$", examples=["b1946ac92492d2347c6235b4d2611184"])
    fields: dict[FieldName, FieldCorrection]


class Receipt(Contract):
    """A receipt, read."""

    id: str = Field(
        description="Hash of the bytes that were sent.",
        pattern="^[0-9a-f]{32}$",
        examples=["b1946ac92492d2347c6235b4d2611184"],
    )
    pages: list[Page]
    fields: Fields
    lines: list[Line]
    models: Models
    timings_ms: Timings
    cached: bool = Field(default=False, description="True if the answer came from the cache.")
    corrections: Corrections | None = Field(
        default=None, description="What people corrected; `fields` are the model's all the same. null if nothing."
    )


class ReceiptPages(Contract):
    """A document of which each page is a receipt of its own."""

    id: str = Field(
        description="Hash of the bytes that were sent.",
        pattern="^[0-9a-f]{32}$",
        examples=["b1946ac92492d2347c6235b4d2611184"],
    )
    receipts: list[Receipt] = Field(description="One a page, in their order.")


class Liveness(Contract):
    """Whether the process of a service lives."""

    status: Literal["ok"] = Field(examples=["ok"])


class Readiness(Contract):
    """Whether a service takes work."""

    status: Literal["ready", "starting", "draining"] = Field(examples=["ready"])
    model: str | None = Field(default=None, examples=["ctpn-2026-11-22-1a2b3c4d"])


class Problem(BaseModel):
    """An error for people and programs (RFC 9457, media type application/problem+json)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="about:blank", examples=["urn:quittance:problem:picture-damaged"])
    title: str = Field(examples=["The picture is damaged"])
    status: int = Field(ge=400, le=599, examples=[422])
    detail: str = Field(examples=["The JPEG ends after 1,024 of its data. Send the whole file."])
    instance: str | None = Field(default=None, examples=["/v1/receipts"])
    request_id: str | None = Field(default=None, examples=["5f0c9a52c0de4d9f8f1b1d1c6f1d2a34"])
