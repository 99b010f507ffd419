"""Types and models that all others build on."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
CacheControl = Literal["no-store", "no-cache"]
ExportFormat = Literal["json", "jsonl", "csv", "items-csv", "codes-csv", "xlsx"]
FieldName = Literal[
    "company", "date", "address", "total",
    "time", "phone", "tax_id", "receipt_number",
    "subtotal", "tax", "tip", "discount", "service_charge", "rounding",
    "paid", "change", "payment_method",
]  # fmt: skip
FileStateName = Literal["queued", "running", "done", "failed"]
JobState = Literal["queued", "running", "done", "cancelled"]
Source = Literal["print", "text_layer", "code", "einvoice"]
Orientation = Literal["auto", "upright"]
Split = Literal["pages", "receipts", "auto"]


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
