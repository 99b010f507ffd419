"""Requests and responses of the gateway, as in its OpenAPI schema.

Coordinates are pixels of the page as it was sent (x to the right, y down). Quads have four points, clockwise from the
top left corner of the text. Confidences are probabilities from 0 to 1. Members that a newer gateway adds are kept in
`model_extra`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
CacheControl = Literal["no-store", "no-cache"]
ExportFormat = Literal["json", "jsonl", "csv", "xlsx"]
FieldName = Literal["company", "date", "address", "total"]
FileStateName = Literal["queued", "running", "done", "failed"]
JobState = Literal["queued", "running", "done", "cancelled"]
Orientation = Literal["auto", "upright"]


class Model(BaseModel):
    """Base of all models: immutable, and open to members that this version does not know."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)


class Problem(Model):
    """An error response (RFC 9457).

    Attributes:
        type: URI of the kind of problem, such as `urn:quittance:problem:picture-damaged`.
        title: Summary of the kind of problem.
        status: HTTP status, 400 to 599.
        detail: What was wrong this time, and what to do about it.
        instance: Path of the request.
        request_id: ID of the request in the logs of all services.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = None
    request_id: str | None = None


class Page(Model):
    """One page of a receipt.

    Attributes:
        width: Width of the page as sent, in pixels.
        height: Height of the page as sent, in pixels.
        rotation: Clockwise rotation of the text on the page as sent, in degrees.
    """

    width: int
    height: int
    rotation: Literal[0, 90, 180, 270] = 0


class Line(Model):
    """One segment of text.

    Attributes:
        page: Index of the page, from 0.
        quad: Outline of the text.
        text: Text that was read.
        confidence: Probability that the text is right.
    """

    page: int = 0
    quad: Quad
    text: str
    confidence: float


class ReceiptField(Model):
    """One field of a receipt.

    Attributes:
        value: Text of the field, as printed.
        confidence: Probability that the field is right.
        page: Index of the page, from 0.
        quad: Outline of the segments that the field came from.
        lines: Indices of these segments in `Receipt.lines`.
        corrected: True if the merchant directory replaced what was read.
    """

    value: str
    confidence: float
    page: int = 0
    quad: Quad
    lines: list[int]
    corrected: bool = False


class DateField(ReceiptField):
    """Date of purchase.

    Attributes:
        iso: ISO 8601 date; None if the text is not a possible date.
        ambiguous: True if day and month could be swapped.
    """

    iso: str | None
    ambiguous: bool = False


class AmountField(ReceiptField):
    """Total paid.

    Attributes:
        amount: Decimal number with a point; None if the text is not an amount.
        currency: ISO 4217 code; None if unknown.
    """

    amount: str | None
    currency: str | None


class Fields(Model):
    """Fields of a receipt; None for a field that was not found."""

    company: ReceiptField | None = None
    date: DateField | None = None
    address: ReceiptField | None = None
    total: AmountField | None = None


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


class FieldChange(Model):
    """New value of a field.

    Attributes:
        value: Text of the field, 1 to 1,000 characters.
        lines: Indices in `Receipt.lines` of the segments that were chosen.
    """

    value: str
    lines: list[int] = []


class CorrectionRequest(Model):
    """Changes to the fields of a receipt; fields that are not named stay as they are.

    Attributes:
        fields: New values; None means that the field is not on the receipt.
        author: Name of the person who corrects, 1 to 200 characters.
    """

    fields: dict[FieldName, FieldChange | None]
    author: str | None = None


class FieldCorrection(Model):
    """Correction of one field.

    Attributes:
        value: Corrected text; None if the field is not on the receipt.
        iso: ISO 8601 form of a date.
        amount: Decimal form of a total.
        currency: ISO 4217 code of a total.
        model_value: Text that the models returned; None if they found nothing.
        lines: Indices in `Receipt.lines` of the segments that were chosen.
        author: Name of the person who corrected.
        at: Time of the correction.
    """

    value: str | None
    iso: str | None = None
    amount: str | None = None
    currency: str | None = None
    model_value: str | None
    lines: list[int] = []
    author: str | None = None
    at: datetime


class Corrections(Model):
    """All corrections of one receipt."""

    receipt_id: str
    fields: dict[FieldName, FieldCorrection]


class Receipt(Model):
    """A receipt.

    Attributes:
        id: Hash of the bytes that were sent, 32 hexadecimal digits.
        pages: Pages in their order.
        fields: Fields as the models found them.
        lines: Text segments in reading order.
        models: Versions of the models.
        timings_ms: Time spent per stage.
        cached: True if the receipt came from the cache.
        corrections: Corrections made by people; None if there are none.
    """

    id: str
    pages: list[Page]
    fields: Fields
    lines: list[Line]
    models: Models
    timings_ms: Timings
    cached: bool = False
    corrections: Corrections | None = None


class ReceiptPages(Model):
    """A document whose pages were read as separate receipts.

    Attributes:
        id: Hash of the document, 32 hexadecimal digits.
        receipts: One receipt per page, in page order.
    """

    id: str
    receipts: list[Receipt]


class ExportedReceipt(Receipt):
    """One element of an export in the format `json` or `jsonl`.

    Attributes:
        file: Name of the file; None if unknown.
    """

    file: str | None


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


class Counts(Model):
    """Number of files of a job in each state."""

    total: int
    queued: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0

    @property
    def finished(self) -> int:
        """Number of files that are done or failed."""
        return self.done + self.failed


class FileState(Model):
    """State of one file of a job.

    Attributes:
        index: Position in the job, from 0.
        name: Name as sent, or the path inside a zip archive.
        state: queued, running, done or failed.
        receipt_id: ID of the receipt, or of the first page's receipt if pages are split.
        receipt_ids: IDs of all receipts of the file.
        problem: Reason why the file failed.
    """

    index: int
    name: str
    state: FileStateName
    receipt_id: str | None = None
    receipt_ids: list[str] = []
    problem: Problem | None = None


class Job(Model):
    """State of a job.

    Attributes:
        id: ID of the job, 32 hexadecimal digits.
        state: queued, running, done (even if files failed) or cancelled.
        created: Time of creation.
        finished: Time when the last file was finished.
        expires: Time when the gateway deletes the job and its results.
        counts: Number of files in each state.
        files: State of each file.
    """

    id: str
    state: JobState
    created: datetime
    finished: datetime | None = None
    expires: datetime
    counts: Counts
    files: list[FileState]


class FileResult(Model):
    """Result of one file of a job, or of one page if pages are split.

    Attributes:
        index: Position of the file in the job, from 0.
        name: Name of the file.
        state: done or failed.
        page: Index of the page in its file, from 0, if pages are split.
        receipt: The receipt; None if the file failed.
        problem: Reason why the file failed.
    """

    index: int
    name: str
    state: Literal["done", "failed"]
    page: int | None = None
    receipt: Receipt | None = None
    problem: Problem | None = None


class Liveness(Model):
    """Response of the liveness check."""

    status: Literal["ok"]


class Readiness(Model):
    """Response of the readiness check.

    Attributes:
        status: ready, starting or draining.
        model: Version of the model, if the service has one.
    """

    status: Literal["ready", "starting", "draining"]
    model: str | None = None
